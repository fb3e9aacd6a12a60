//! The waker of a task that awaits the result of a call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use interlock_wait::WordLock;

/// The waker of the last poll.
pub(super) type Slot = Arc<WordLock<Option<Waker>>>;

/// What is left with a call that is awaited. The task is woken when this is dropped: the pool drops it when the call has ended, whatever
/// becomes of the pool meanwhile.
#[derive(Debug)]
pub(super) struct Wakes(pub(super) Slot);

impl Drop for Wakes {
    fn drop(&mut self) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            // An executor that panics costs the pool nothing.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}
