//! Hosts of threads, for tests.

#![allow(dead_code, reason = "each file of tests uses what it needs")]

use interlock_wait::{Host, Slept};

/// A host that ends the first wait, as after a signal handler that raised, and no later wait.
pub(crate) struct Stops {
    after_a_sleep: bool,
    has_stopped: bool,
}

impl Stops {
    /// Ends the wait before the first sleep.
    pub(crate) fn at_once() -> Self {
        Stops {
            after_a_sleep: false,
            has_stopped: false,
        }
    }

    /// Ends the wait after the first sleep, which should time out at once.
    pub(crate) fn after_a_sleep() -> Self {
        Stops {
            after_a_sleep: true,
            has_stopped: false,
        }
    }
}

impl Host for Stops {
    fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        if self.has_stopped || self.after_a_sleep {
            rest();
        }
        !std::mem::replace(&mut self.has_stopped, true)
    }

    fn hears_signals(&self) -> bool {
        true
    }
}
