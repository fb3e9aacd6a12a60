//! A token by which a task learns that it should stop.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};

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
///
/// One for the whole program can be a static:
///
/// ```
/// use interlock::pool::CancelToken;
///
/// static STOP: CancelToken = CancelToken::new();
/// assert!(!STOP.is_cancelled());
/// let its = STOP.clone();
/// STOP.cancel();
/// assert!(its.is_cancelled());
/// ```
#[derive(Debug, Default)]
pub struct CancelToken(
    /// Set when a token is cloned or cancelled for the first time.
    OnceLock<Arc<AtomicBool>>,
);

impl CancelToken {
    /// A token that was not cancelled.
    pub const fn new() -> Self {
        CancelToken(OnceLock::new())
    }

    fn flag(&self) -> &Arc<AtomicBool> {
        self.0.get_or_init(Arc::default)
    }

    /// Asks all tasks that check the token to stop. Never blocks.
    pub fn cancel(&self) {
        // Release pairs with the Acquire in `is_cancelled`: what was written before is seen by the task that stops.
        self.flag().store(true, Ordering::Release);
    }

    /// Returns whether the task that checks the token should stop. Never blocks.
    pub fn is_cancelled(&self) -> bool {
        // Acquire pairs with the Release in `cancel`.
        self.0.get().is_some_and(|flag| flag.load(Ordering::Acquire))
    }
}

impl Clone for CancelToken {
    fn clone(&self) -> Self {
        CancelToken(OnceLock::from(self.flag().clone()))
    }
}

impl UnwindSafe for CancelToken {}
impl RefUnwindSafe for CancelToken {}
