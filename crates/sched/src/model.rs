//! What a loom model has in place of the kernel's descriptors, and the scheduler's side of the mailbox, for models.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};

use crate::mailbox::{Call, Mailbox};

/// A bell: once rung, it stays rung until it is hushed, like an `eventfd`.
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

    /// Blocks until the bell is rung.
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
    /// Creates an empty mailbox.
    pub fn empty() -> Self {
        Desk {
            mailbox: Arc::new(Mailbox::new()),
            bell: Arc::default(),
        }
    }

    /// Returns a call for the wait with this number.
    pub fn call(ticket: u64) -> Call {
        Call { ticket, slot: 0 }
    }

    /// Looks between two rounds, without the lock. Returns the numbers of the calls that it finds.
    pub fn look(&self) -> Vec<u64> {
        match self.mailbox.has_mail() {
            true => self.take(),
            false => Vec::new(),
        }
    }

    /// Looks a last time, under the host's lock, and sleeps if there is nothing to do. Returns the numbers of
    /// the calls that the look found. `is_awake` is called under the host's lock, too. Blocks until the bell
    /// is rung.
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
