//! A token by which a task learns that it should stop.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use interlock_sync::{Event, Waiting};
use interlock_wait::TimedOut;
use interlock_wait::primitive::global::{AtomicBool, Ordering};

use crate::step::step;

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
/// A task that has nothing to do for a while waits for the token instead of sleeping:
///
/// ```
/// use std::time::Duration;
///
/// use interlock::pool::{CancelToken, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let beats = |token: &CancelToken| {
///     let mut beats = 0;
///     while token.wait_timeout(Duration::from_millis(1)).is_err() {
///         beats += 1;
///     }
///     beats
/// };
/// let task = pool.submit_cancellable(beats).unwrap();
/// task.cancel();
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
#[derive(Default)]
pub struct CancelToken(
    /// Set when a token is cloned, waited for, or cancelled for the first time.
    OnceLock<Arc<Shared>>,
);

#[derive(Default)]
struct Shared {
    /// Whether the event is about to be set: a look at it takes no lock.
    is_cancelled: AtomicBool,
    cancelled: Event,
}

impl CancelToken {
    /// A token that was not cancelled.
    pub const fn new() -> Self {
        CancelToken(OnceLock::new())
    }

    fn shared(&self) -> &Arc<Shared> {
        self.0.get_or_init(Arc::default)
    }

    /// Asks all tasks that check the token to stop, and wakes those that wait for it. Never blocks.
    pub fn cancel(&self) {
        let shared = self.shared();
        // Release pairs with the Acquire in `is_cancelled`: what was written before is seen by the task that stops.
        shared.is_cancelled.store(true, Ordering::Release);
        step(|| shared.cancelled.set());
    }

    /// Returns whether the task that checks the token should stop. Never blocks.
    pub fn is_cancelled(&self) -> bool {
        // Acquire pairs with the Release in `cancel`.
        self.0
            .get()
            .is_some_and(|shared| shared.is_cancelled.load(Ordering::Acquire))
    }

    /// Waits for the token. Blocks until it is cancelled.
    pub fn wait(&self) {
        self.shared().cancelled.wait();
    }

    /// Waits for the token. Blocks until it is cancelled, for at most `timeout`.
    ///
    /// # Errors
    /// The wait timed out: the task should go on.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.shared().cancelled.wait_timeout(timeout)
    }

    /// Waits for the token. Blocks until it is cancelled, until `deadline` at the latest.
    ///
    /// # Errors
    /// The wait timed out: the task should go on.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.shared().cancelled.wait_deadline(deadline)
    }

    /// Waits for the token without blocking a thread. The future is ready as soon as the token is cancelled.
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::task::{Context, Waker};
    ///
    /// use interlock::pool::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// let mut cancelled = pin!(token.wait_async());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(cancelled.as_mut().poll(&mut context).is_pending());
    /// token.cancel();
    /// assert!(cancelled.as_mut().poll(&mut context).is_ready());
    /// ```
    pub fn wait_async(&self) -> Waiting<'_> {
        self.shared().cancelled.wait_async()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}

impl Clone for CancelToken {
    fn clone(&self) -> Self {
        CancelToken(OnceLock::from(self.shared().clone()))
    }
}

impl UnwindSafe for CancelToken {}
impl RefUnwindSafe for CancelToken {}
