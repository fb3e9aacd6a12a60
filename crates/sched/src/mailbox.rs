//! The mailbox, where other threads leave calls for waiting tasks.

use std::fmt;
use std::sync::Arc;

#[cfg(not(loom))]
use interlock_os::poll::Bell;
use interlock_wait::WordLock;
use interlock_wait::primitive::{AtomicU32, Ordering};

#[cfg(loom)]
use crate::model::Bell;

/// The name of one wait of one task, for callers outside of the scheduler. A call for a wait that is over has
/// no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub(crate) ticket: u64,
    pub(crate) slot: u32,
}

/// Calls on their way to the tasks of one scheduler. Any thread may leave one.
///
/// State table of `has_mail`, which is written under the lock: it is 1 from the first call, or the first
/// request for a look, until the scheduler takes all calls, and 0 otherwise. The scheduler reads it without the
/// lock between two rounds: if it misses a call, it finds it after the next round, or before it sleeps, when it
/// looks under the lock.
pub struct Mailbox {
    state: WordLock<State>,
    has_mail: AtomicU32,
}

struct State {
    calls: Vec<Call>,
    /// The bell of the scheduler's thread, while the thread sleeps or is about to.
    bell: Option<Arc<Bell>>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Mailbox {
            state: WordLock::new(State {
                calls: Vec::new(),
                bell: None,
            }),
            has_mail: AtomicU32::new(0),
        }
    }

    /// Ends the wait of a task, and wakes the scheduler's thread. Never blocks.
    pub fn call(&self, call: Call) {
        let mut state = self.state.lock();
        state.calls.push(call);
        // Relaxed: see the state table.
        self.has_mail.store(1, Ordering::Relaxed);
        let bell = state.bell.take();
        drop(state);
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// Wakes the scheduler's thread, which looks at its tasks again. Never blocks.
    pub fn ring(&self) {
        let bell = self.state.lock().bell.take();
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// Has the scheduler look at its tasks before the next round. Never blocks.
    #[cfg(not(loom))]
    pub(crate) fn ask_for_look(&self) {
        let _state = self.state.lock();
        // Relaxed: see the state table.
        self.has_mail.store(1, Ordering::Relaxed);
    }

    /// Returns whether there are calls, as far as one look without the lock tells.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        // Relaxed: see the state table.
        self.has_mail.load(Ordering::Relaxed) != 0
    }

    /// Takes all calls so far, in their order.
    pub(crate) fn take(&self) -> Vec<Call> {
        let mut state = self.state.lock();
        // Relaxed: see the state table.
        self.has_mail.store(0, Ordering::Relaxed);
        std::mem::take(&mut state.calls)
    }

    /// Leaves the bell that ends a sleep, unless there are calls. Returns whether the thread may sleep.
    pub(crate) fn go_to_sleep(&self, bell: &Arc<Bell>) -> bool {
        let mut state = self.state.lock();
        let may = state.calls.is_empty();
        state.bell = may.then(|| bell.clone());
        may
    }

    /// Takes the bell back: the thread is awake.
    pub(crate) fn wake_up(&self) {
        let bell = self.state.lock().bell.take();
        drop(bell);
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("has_mail", &self.has_mail())
            .finish_non_exhaustive()
    }
}
