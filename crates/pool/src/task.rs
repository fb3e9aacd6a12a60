//! The handle for the result of a task.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use interlock_wait::{Deadline, TimedOut, WaitContext, WordLock};

use crate::cancel_token::CancelToken;
use crate::help::{Help, Helped, NotHelped, help};
use crate::inner::Home;
use crate::outcome::Waited;
use crate::packet::{Ends, Packet};
use crate::step::{is_worker, step};
use crate::task_error::TaskError;

/// A task that was submitted to a [`ThreadPool`](crate::ThreadPool): the handle for its result.
///
/// Other libraries call it a future or a promise. `Future` is the name of [`std::future::Future`], which this type
/// implements, and a promise is mostly the side that sets the value. `Task` is the name in async executors of Rust
/// and in .NET for work that runs whether or not a caller waits for it. That holds here: dropping the handle gives
/// up the result, and the task runs all the same. [`Task::cancel`] ends a task early.
///
/// The result is moved out: to one caller of [`Task::result`], to one continuation, or to an `await`.
///
/// ```
/// use interlock::pool::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// let six = pool.submit(|| 2 * 3).unwrap();
/// let text = six.then(|six| format!("{} pages", six.unwrap()));
/// assert_eq!(text.result().unwrap(), "6 pages");
/// ```
pub struct Task<T> {
    ends: Arc<dyn Ends<T>>,
    /// In a box, because there are many handles, and few have extras.
    extras: Option<Box<Extras>>,
}

/// The parts that only some handles have.
#[derive(Default)]
struct Extras {
    /// The task of a pool at the beginning of the chain, if this one is a continuation.
    root: Option<Arc<dyn Help>>,
    /// The waker of the last poll, if the task was polled.
    waker: Option<Arc<WordLock<Option<Waker>>>>,
    /// The token that a running task checks.
    token: Option<CancelToken>,
}

impl<T: Send + 'static> Task<T> {
    pub(crate) fn of<F: Send + 'static>(packet: Arc<Packet<F, T>>) -> Self {
        Task {
            ends: packet,
            extras: None,
        }
    }

    /// Returns the interface of its packet for a handle.
    pub(crate) fn ends(&self) -> Arc<dyn Ends<T>> {
        self.ends.clone()
    }

    /// Adds the token that the task's function checks.
    pub(crate) fn with_token(mut self, token: CancelToken) -> Self {
        self.extras.get_or_insert_default().token = Some(token);
        self
    }

    /// Waits for the result. Blocks until the task is done or cancelled.
    ///
    /// A worker may wait for a task of its own pool. If no worker has begun with that task, it runs the task
    /// itself: all workers may wait in this way at once, and their tasks are still run. (It runs no other task: one
    /// of those might wait for what the caller does next.) When half of its stack is used, it starts another thread
    /// that runs the task in its place. In a wait with a deadline, the worker does neither, because such a wait
    /// ends by itself; a time that never comes, such as [`Duration::MAX`], is no deadline. An `await` is no wait of
    /// the thread: see [its implementation](#trait-implementations).
    ///
    /// # Errors
    /// The task was cancelled; it panicked; it belongs to the process that this one was forked from. Or an observer refused
    /// the wait; or tasks that wait for each other in this way are nested [too deep](TaskError::TooDeep) on the calling worker.
    #[inline]
    pub fn result(self) -> Result<T, TaskError> {
        if let Some(result) = self.ends.end().take_value() {
            return result;
        }
        self.wait_for_result()
    }

    #[cold]
    fn wait_for_result(self) -> Result<T, TaskError> {
        loop {
            let waited = self.wait();
            if let Some(result) = self.ends.end().take() {
                return result;
            }
            waited?;
        }
    }

    /// Like [`Task::result`], but fails if the task is neither done nor cancelled. Never blocks.
    ///
    /// # Errors
    /// The outer error returns the task, which is not done. The inner error is that of [`Task::result`].
    pub fn try_result(self) -> Result<Result<T, TaskError>, Self> {
        self.result_until(Deadline::PASSED)
    }

    /// Like [`Task::result`], but blocks for `timeout` at most, and then returns the task as an error.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use interlock::pool::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let mut slow = pool.submit(|| 7).unwrap();
    /// let seven = loop {
    ///     match slow.result_timeout(Duration::from_millis(10)) {
    ///         Ok(result) => break result.unwrap(),
    ///         Err(unfinished) => slow = unfinished,
    ///     }
    /// };
    /// assert_eq!(seven, 7);
    /// ```
    ///
    /// # Errors
    /// The same as for [`Task::try_result`]. The outer error also returns the task if an observer refuses the wait.
    pub fn result_timeout(self, timeout: Duration) -> Result<Result<T, TaskError>, Self> {
        self.result_until(Deadline::after(timeout))
    }

    /// Like [`Task::result`], but blocks until `deadline` at most, and then returns the task as an error.
    ///
    /// # Errors
    /// The same as for [`Task::result_timeout`].
    pub fn result_deadline(self, deadline: Instant) -> Result<Result<T, TaskError>, Self> {
        self.result_until(deadline.into())
    }

    pub(crate) fn result_until(self, deadline: Deadline) -> Result<Result<T, TaskError>, Self> {
        if deadline == Deadline::NEVER {
            return Ok(self.result());
        }
        match self.wait_until(deadline) {
            Ok(()) => Ok(self.result()),
            Err(TimedOut { .. }) => Err(self),
        }
    }

    /// Waits until the task is done or cancelled. Blocks as [`Task::result`] does: a worker may wait for a task of
    /// its own pool.
    ///
    /// ```
    /// let pool = interlock::pool::ThreadPool::new(1);
    /// let task = pool.submit(|| 7).unwrap();
    /// task.wait().unwrap();
    /// assert!(task.is_done());
    /// ```
    ///
    /// # Errors
    /// An observer refused the wait; or tasks that wait for each other in this way are nested too deep on the calling worker.
    pub fn wait(&self) -> Result<(), TaskError> {
        self.help()?;
        match self.wait_with(&mut WaitContext::endless()) {
            Waited::Interrupted => Err(TaskError::Refused),
            _ => Ok(()),
        }
    }

    /// Waits until the task is done or cancelled. Blocks for `timeout` at most.
    ///
    /// # Errors
    /// The task was not done by then. Or, if `timeout` is too long to ever pass, the wait failed as that of
    /// [`Task::wait`] does.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.wait_until(Deadline::after(timeout))
    }

    /// Waits until the task is done or cancelled. Blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`Task::wait_timeout`].
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.wait_until(deadline.into())
    }

    fn wait_until(&self, deadline: Deadline) -> Result<(), TimedOut> {
        if deadline == Deadline::NEVER {
            return self.wait().map_err(|_| TimedOut);
        }
        match self.wait_with(&mut WaitContext::until(deadline)) {
            Waited::Done => Ok(()),
            _ => Err(TimedOut),
        }
    }

    fn wait_with(&self, context: &mut WaitContext<'_>) -> Waited {
        let end = self.ends.end();
        if end.is_foreign() || end.is_done() {
            Waited::Done
        } else {
            end.outcome.wait_with(context)
        }
    }

    /// Calls `continuation` with the result when the task is done. Returns a task for the result of `continuation`. Never
    /// blocks.
    ///
    /// The continuation runs on the thread that ends the task: the worker, or a caller of [`Task::cancel`]. If
    /// there is a result already, it runs now, on the calling thread. So it should be short, or submit the work to
    /// a pool. Cancelling the new task drops the continuation, and does not affect this task.
    pub fn then<U: Send + 'static>(
        self,
        continuation: impl FnOnce(Result<T, TaskError>) -> U + Send + 'static,
    ) -> Task<U> {
        let packet = Arc::new(Packet::new(continuation, Home::default()));
        let its = packet.clone();
        self.ends
            .end()
            .listen(Box::new(move |end| its.go_on(end.take()?)));
        let mut extras = self.extras.unwrap_or_default();
        extras.root.get_or_insert(self.ends);
        extras.waker = None;
        extras.token = None;
        Task {
            ends: packet,
            extras: Some(extras),
        }
    }
}

impl<T> Task<T> {
    /// Returns whether the task has a result, or will never have one. Never blocks.
    pub fn is_done(&self) -> bool {
        self.ends.end().is_foreign() || self.ends.end().is_done()
    }

    /// Cancels the task if no worker has begun with it: drops its function at once, and wakes the waiters. Returns whether it
    /// is cancelled. Never blocks; a continuation runs on the calling thread.
    ///
    /// If a running task was submitted with a [`CancelToken`], this cancels the token, and so asks the task to
    /// stop.
    ///
    /// # Panics
    /// Dropping the function panics, or a waker does. By then everything else has been done.
    pub fn cancel(&self) -> bool {
        let is_cancelled = self.ends.cancel();
        if let Some(token) = self.extras.as_ref().and_then(|extras| extras.token.as_ref()) {
            token.cancel();
        }
        is_cancelled
    }

    /// Runs the task, or the one that it continues, if the calling worker may have to.
    pub(crate) fn help(&self) -> Result<Helped, TaskError> {
        if !is_worker() || self.is_done() {
            return Ok(Helped::Here);
        }
        let root = self.extras.as_ref().and_then(|extras| extras.root.clone());
        help(root.unwrap_or_else(|| self.ends.clone())).map_err(|NotHelped| TaskError::TooDeep)
    }
}

impl<T> UnwindSafe for Task<T> {}
impl<T> RefUnwindSafe for Task<T> {}

impl<T: Send + 'static> Future for Task<T> {
    type Output = Result<T, TaskError>;

    /// Ready when the task is done or cancelled. Works with any executor.
    ///
    /// A poll never runs the task, whichever thread polls: the executor may have to poll another future first. So
    /// if a worker of the pool runs an executor of its own (`block_on`) that waits for a task of the same pool,
    /// another worker has to take that task. If all workers wait in this way, none takes it. Inside of a task, use
    /// [`Task::result`].
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_done() {
            let this = &mut *self;
            let extras = this.extras.get_or_insert_default();
            let first = extras.waker.is_none();
            let slot = extras.waker.get_or_insert_default();
            let latest = Some(context.waker().clone());
            let earlier = step(|| std::mem::replace(&mut *slot.lock(), latest));
            drop(earlier);
            if first {
                let slot = slot.clone();
                this.ends.end().listen(Box::new(move |_| {
                    let waker = step(|| slot.lock().take());
                    waker.into_iter().for_each(Waker::wake);
                    None
                }));
            }
        }
        // After the waker was stored: otherwise the task could end in between.
        match self.ends.end().take() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("phase", &self.ends.end().outcome.phase())
            .finish_non_exhaustive()
    }
}
