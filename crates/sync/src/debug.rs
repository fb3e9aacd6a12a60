//! Debug output of the primitives: their state at this moment. Formatting never waits.

use std::fmt::{Debug, Formatter, Result};

use interlock_wait::RawLock;

use crate::barrier::Barrier;
use crate::condition::Condition;
use crate::event::Event;
use crate::guard::{Guard, Guarded};
use crate::lock::Lock;
use crate::mutex::{Mutex, MutexGuard};
use crate::rlock::RLock;
use crate::semaphore::Semaphore;

impl<R: RawLock> Debug for Lock<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Lock").field("owner", &self.owner()).finish()
    }
}

impl<R: RawLock> Debug for RLock<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (owner, count) = self.owner().unzip();
        f.debug_struct("RLock")
            .field("owner", &owner)
            .field("count", &count.unwrap_or_default())
            .finish()
    }
}

impl<R: RawLock> Debug for Condition<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Condition")
            .field("waiting", &self.waiting())
            .finish()
    }
}

impl<R: RawLock> Debug for Semaphore<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.permits())
            .finish_non_exhaustive()
    }
}

impl<R: RawLock> Debug for Event<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish()
    }
}

impl<R: RawLock> Debug for Barrier<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties())
            .field("waiting", &self.waiting())
            .field("is_broken", &self.is_broken())
            .finish()
    }
}

impl<T: Debug> Debug for Mutex<T> {
    /// The value, or `<locked>` if a thread holds it.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut output = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => output.field("value", &*value),
            None => output.field("value", &format_args!("<locked>")),
        };
        output.finish()
    }
}

impl<T: Debug> Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        (**self).fmt(f)
    }
}

impl<L: Guarded> Debug for Guard<'_, L> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
