//! Debug output of queues and their futures: counts, but no items. Formatting never waits.

use std::fmt::{Debug, Formatter, Result};

use interlock_wait::RawLock;

use crate::queue::Queue;
use crate::store::Store;
use crate::task::{Getting, Joining, Putting};

impl<S: Store, L: RawLock> Debug for Queue<S, L> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("unfinished", &self.unfinished())
            .field("is_shut_down", &self.is_shut_down())
            .finish_non_exhaustive()
    }
}

impl<S: Store, L: RawLock> Debug for Getting<'_, S, L> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Getting").finish_non_exhaustive()
    }
}

impl<S: Store, L: RawLock> Debug for Putting<'_, S, L> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Putting").finish_non_exhaustive()
    }
}

impl<S: Store, L: RawLock> Debug for Joining<'_, S, L> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Joining").finish_non_exhaustive()
    }
}
