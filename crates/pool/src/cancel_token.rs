//! A token by which a task learns that it should stop.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use interlock_wait::primitive::global::{AtomicBool, Ordering};

/// Tells whether something should stop. All clones of a token share one state.
///
/// The function of a task gets one from [`ThreadPool::submit_cancellable`](crate::ThreadPool::submit_cancellable).
/// A program can also create its own token, and pass clones of it to many tasks.
///
/// ```
/// use interlock::pool::CancelToken;
///
/// let token = CancelToken::new();
/// let its = token.clone();
/// let counts = std::thread::spawn(move || (0_u64..).take_while(|_| !its.is_cancelled()).count());
/// token.cancel();
/// counts.join().unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Creates a token that was not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks all tasks that check the token to stop. Never blocks.
    pub fn cancel(&self) {
        // Release pairs with the Acquire in `is_cancelled`: what was written before is seen by the task that stops.
        self.0.store(true, Ordering::Release);
    }

    /// Returns whether the task that checks the token should stop. Never blocks.
    pub fn is_cancelled(&self) -> bool {
        // Acquire pairs with the Release in `cancel`.
        self.0.load(Ordering::Acquire)
    }
}

impl UnwindSafe for CancelToken {}
impl RefUnwindSafe for CancelToken {}
