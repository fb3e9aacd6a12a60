//! What a loom model has in place of the kernel's descriptors, and the scheduler's side of the mailbox, for models.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};

use crate::mailbox::{Call, Mailbox};

/// A bell: rung, it stays so until it is hushed, as an `eventfd` is.
#[derive(Debug, Default)]
pub struct Bell {
    is_rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.is_rung.lock().unwrap_or_else(|error| error.into_inner()) = true;
        self.heard.notify_all();
    }

    /// Takes all rings back.
    pub fn hush(&self) {
        *self.is_rung.lock().unwrap_or_else(|error| error.into_inner()) = false;
    }

    /// Sleeps until it is rung. Blocks until then.
    pub fn wait(&self) {
        let mut is_rung = self.is_rung.lock().unwrap_or_else(|error| error.into_inner());
        while !*is_rung {
            is_rung = self
                .heard
                .wait(is_rung)
                .unwrap_or_else(|error| error.into_inner());
        }
    }
}

/// The scheduler's side of a mailbox.
#[derive(Debug)]
pub struct Desk {
    /// The other threads' side.
    pub mailbox: Arc<Mailbox>,
    /// The bell of its thread.
    pub bell: Arc<Bell>,
}

impl Desk {
    /// An empty mailbox.
    pub fn empty() -> Self {
        Desk {
            mailbox: Arc::new(Mailbox::new()),
            bell: Arc::default(),
        }
    }

    /// A call for the wait with this number.
    pub fn call(ticket: u64) -> Call {
        Call { ticket, slot: 0 }
    }

    /// The look between two rounds: the numbers of the calls that it finds without a look under the lock.
    pub fn look(&self) -> Vec<u64> {
        match self.mailbox.has_mail() {
            true => self.take(),
            false => Vec::new(),
        }
    }

    /// The last look before a sleep, and the sleep, if there is nothing: the numbers of the calls that the last look found.
    /// `is_awake` is asked with the host's lock held, as all of the last look is made. Blocks until the bell is rung.
    pub fn sleep<T>(&self, host: &Mutex<T>, is_awake: impl Fn(&T) -> bool) -> Vec<u64> {
        {
            let state = host.lock().unwrap_or_else(|error| error.into_inner());
            self.bell.hush();
            if is_awake(&state) {
                return Vec::new();
            }
            if !self.mailbox.go_to_sleep(&self.bell) {
                return self.take();
            }
        }
        self.bell.wait();
        self.mailbox.wake_up();
        Vec::new()
    }

    fn take(&self) -> Vec<u64> {
        self.mailbox.take().iter().map(|call| call.ticket).collect()
    }
}
