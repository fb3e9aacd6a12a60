//! Wakes a task that awaits the result of a call.

use std::sync::Arc;
use std::task::Waker;

use interlock_pool::contained;
use interlock_wait::WordLock;

/// The waker of the last poll.
pub(super) type Slot = Arc<WordLock<Option<Waker>>>;

/// A guard that is stored in an awaited call, and wakes the task when it is dropped. The pool drops it when
/// the call has ended, whatever happens to the pool meanwhile.
#[derive(Debug)]
pub(super) struct Wakes(pub(super) Slot);

impl Drop for Wakes {
    fn drop(&mut self) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            // An executor that panics costs the pool nothing.
            contained(|| waker.wake());
        }
    }
}
