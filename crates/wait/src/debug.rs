//! How the parts look in debug output. None of it takes a lock: what a lock guards is not shown.

use std::fmt::{Debug, Formatter, Result};

use crate::raw_lock::{HostLock, RawLock, RawWordLock};
use crate::wait_context::WaitContext;
use crate::wait_queue::WaitQueue;
use crate::waiter::{Waiter, Wakeup, Wakeups};
use crate::word_lock::{StateGuard, StateLock};

impl Debug for WaitContext<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("WaitContext")
            .field("remaining", &self.deadline().remaining())
            .finish_non_exhaustive()
    }
}

impl Debug for WaitQueue {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("WaitQueue").field("len", &self.len()).finish()
    }
}

impl Debug for Waiter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Waiter")
            .field("thread", &self.thread_ident())
            .field("is_notified", &self.is_notified())
            .finish_non_exhaustive()
    }
}

impl Debug for Wakeup {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Wakeup").finish_non_exhaustive()
    }
}

impl Debug for Wakeups {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Wakeups").finish_non_exhaustive()
    }
}

impl<T, R: RawLock> Debug for StateLock<T, R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("StateLock").finish_non_exhaustive()
    }
}

impl<T: Debug, R: RawLock> Debug for StateGuard<'_, T, R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        (**self).fmt(f)
    }
}

impl Debug for RawWordLock {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("RawWordLock").finish_non_exhaustive()
    }
}

impl Debug for HostLock {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("HostLock").finish_non_exhaustive()
    }
}
