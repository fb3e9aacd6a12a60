//! The handle for the result of a task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use interlock_wait::{Deadline, WaitContext, WordLock};

use crate::inner::{Home, NotHelped};
use crate::outcome::Waited;
use crate::packet::{Ends, Help, Packet};
use crate::step::{is_worker, step};
use crate::task_error::TaskError;

/// A task that was submitted to a [`ThreadPool`](crate::ThreadPool): the handle for its result.
///
/// Other libraries call it a future or a promise. `Future` is the name of [`std::future::Future`], which this type
/// implements, and a promise is mostly the side that sets the value. `Task` is the name in async executors of Rust and in
/// .NET for work that runs whether or not a caller waits for it. That holds here: dropping the handle gives up the result
/// and nothing else. [`Task::cancel`] ends a task early.
///
/// The result is moved out: to one caller of [`Task::result`], to one continuation, or to an `await`.
///
/// ```
/// use interlock_pool::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// let six = pool.submit(|| 2 * 3).unwrap();
/// let text = six.then(|six| format!("{} pages", six.unwrap()));
/// assert_eq!(text.result().unwrap(), "6 pages");
/// ```
pub struct Task<T> {
    ends: Arc<dyn Ends<T>>,
    /// Apart, because there are many handles, and few have it.
    extras: Option<Box<Extras>>,
}

/// What only some handles have.
#[derive(Default)]
struct Extras {
    /// The task of a pool at the beginning of the chain, if this one is a continuation.
    root: Option<Arc<dyn Help>>,
    /// The waker of the last poll, once there was one.
    waker: Option<Arc<WordLock<Option<Waker>>>>,
}

impl<T: Send + 'static> Task<T> {
    pub(crate) fn of<F: Send + 'static>(packet: Arc<Packet<F, T>>) -> Self {
        Task {
            ends: packet,
            extras: None,
        }
    }

    /// Waits for the result. Blocks until the task is done or cancelled.
    ///
    /// A worker may wait for a task of its own pool. If no worker has begun with that task, it runs the task itself: all
    /// workers may wait in this way at once, and their tasks are still run. (It runs no other task: one of those might wait
    /// for what the caller does next.) A wait with a deadline ends by itself, so there the worker does not.
    ///
    /// # Errors
    /// The task was cancelled; it panicked; it belongs to the process that this one was forked from. Or an observer refused
    /// the wait; or tasks that wait for each other in this way are nested too deep on the calling worker.
    #[inline]
    pub fn result(self) -> Result<T, TaskError> {
        if let Some(result) = self.ends.end().take_value() {
            return result;
        }
        self.wait_for_result()
    }

    #[cold]
    fn wait_for_result(self) -> Result<T, TaskError> {
        self.help()?;
        loop {
            let refused = self.wait_with(&mut WaitContext::endless()) == Waited::Interrupted;
            if let Some(result) = self.ends.end().take() {
                return result;
            }
            if refused {
                return Err(TaskError::Refused);
            }
        }
    }

    /// Waits for the result. Blocks until the task is done or cancelled, or until `deadline`: then the task comes back.
    ///
    /// # Errors
    /// The outer error is the task itself, which is not done. The inner error is that of [`Task::result`].
    pub fn result_until(self, deadline: Deadline) -> Result<Result<T, TaskError>, Self> {
        if self.wait_until(deadline) {
            Ok(self.result())
        } else {
            Err(self)
        }
    }

    /// Waits until the task is done or cancelled. Blocks until then, or until `deadline`. Returns whether it is.
    pub fn wait_until(&self, deadline: Deadline) -> bool {
        self.wait_with(&mut WaitContext::until(deadline)) == Waited::Done
    }

    /// Runs the task, or the one that it continues, if only the calling worker could.
    fn help(&self) -> Result<(), TaskError> {
        if !is_worker() || self.is_done() {
            return Ok(());
        }
        let root = self.extras.as_ref().and_then(|extras| extras.root.as_ref());
        let helped = root.map_or_else(|| self.ends.help(), |root| root.help());
        helped.map_err(|NotHelped| TaskError::TooDeep)
    }

    fn wait_with(&self, context: &mut WaitContext<'_>) -> Waited {
        let end = self.ends.end();
        if end.is_foreign() || end.is_done() {
            Waited::Done
        } else {
            end.outcome.wait_with(context)
        }
    }

    /// Whether there is a result at this moment, or there will never be one. Never blocks.
    pub fn is_done(&self) -> bool {
        self.ends.end().is_foreign() || self.ends.end().is_done()
    }

    /// Cancels the task if no worker has begun with it: drops its function at once, and wakes the waiters. Returns whether it
    /// is cancelled. Never blocks; a continuation runs on the calling thread.
    ///
    /// # Panics
    /// Dropping the function panics, or a waker does. By then everything else has been done.
    pub fn cancel(&self) -> bool {
        self.ends.cancel()
    }

    /// Calls `continuation` with the result when the task is done. Returns a task for the result of `continuation`. Never
    /// blocks.
    ///
    /// The continuation runs on the thread that ends the task: the worker, or a caller of [`Task::cancel`]. If there is a
    /// result already, it runs now, on the calling thread. So it should be short, or submit the work to a pool. Cancelling
    /// the new task drops the continuation, and does not affect this task.
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
        Task {
            ends: packet,
            extras: Some(extras),
        }
    }
}

impl<T: Send + 'static> Future for Task<T> {
    type Output = Result<T, TaskError>;

    /// Ready when the task is done or cancelled. Works with any executor.
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
