//! A task of a thread pool: its function, its outcome, and the handle for its result.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use interlock_wait::{Deadline, WaitContext, WordLock, fork};

use crate::outcome::{Outcome, Phase, Waited};
use crate::step::step;
use crate::task_error::{Panic, TaskError};
use crate::workers::Running;

/// Called at the end of a task, by the thread that ended it.
type Callback<T> = Box<dyn FnOnce(&End<T>) + Send>;

/// The outcome of a task, and the process that it belongs to.
struct End<T> {
    outcome: Outcome<Result<T, Panic>, Callback<T>>,
    generation: u32,
}

impl<T> End<T> {
    /// Whether the task belongs to the process that this one was forked from: it does not end here.
    fn is_foreign(&self) -> bool {
        self.generation != fork::generation()
    }

    fn is_done(&self) -> bool {
        step(|| self.outcome.phase().is_done())
    }

    /// Takes the result out. `None` if the task is not done.
    fn take(&self) -> Option<Result<T, TaskError>> {
        match step(|| self.outcome.take_value()) {
            Some(Ok(value)) => Some(Ok(value)),
            Some(Err(panic)) => Some(Err(TaskError::Panicked(panic))),
            None => self.why_none().map(Err),
        }
    }

    /// Why there is no result, if there will never be one.
    #[cold]
    fn why_none(&self) -> Option<TaskError> {
        match step(|| self.outcome.phase()) {
            phase if phase.is_cancelled() => Some(TaskError::Cancelled),
            // It came after the caller looked, and the next look finds it; or it was taken.
            Phase::Finished if step(|| self.outcome.value(|_| ())).is_some() => None,
            Phase::Finished => Some(TaskError::Taken),
            _ if self.is_foreign() => Some(TaskError::Forked),
            _ => None,
        }
    }

    /// Registers a callback, or calls it now if the task is done or belongs to the parent process.
    fn listen(&self, callback: Callback<T>) {
        if self.is_foreign() {
            callback(self);
        } else if let Err((_, callback)) = step(|| self.outcome.listen(callback)) {
            callback(self);
        }
    }
}

/// A task in one allocation: its function and its outcome.
pub(crate) struct Packet<F, T> {
    /// The thread that runs or cancels the task takes it out.
    function: WordLock<Option<F>>,
    end: End<T>,
}

impl<F, T> Packet<F, T> {
    pub(crate) fn new(function: F) -> Self {
        Packet {
            function: WordLock::new(Some(function)),
            end: End {
                outcome: Outcome::new(),
                generation: fork::generation(),
            },
        }
    }

    /// Takes the function back, for a task without a handle. `None` if a worker has begun with the task.
    pub(crate) fn retract(&self) -> Option<F> {
        match step(|| self.end.outcome.cancel()) {
            Ok(Some(_)) => self.take_function(),
            _ => None,
        }
    }

    /// Takes the function out. No other thread wants its lock: only the one that began with the task or cancelled it calls
    /// this.
    fn take_function(&self) -> Option<F> {
        self.function.lock().take()
    }

    /// Cancels the task and drops its function, unless a worker has begun with it. Returns whether it is cancelled.
    fn cancel(&self) -> bool {
        match step(|| self.end.outcome.cancel()) {
            Ok(Some(due)) => {
                drop(self.take_function());
                due.callbacks().for_each(|callback| callback(&self.end));
                true
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Begins with the task. Returns `false` if it is not to be run. The caller makes this a step.
    fn begin(&self) -> bool {
        !self.end.is_foreign() && self.end.outcome.begin() == Ok(true)
    }

    /// Runs the function of a task that was begun with, by `call`, and gives the outcome its value. In the same step, before
    /// the value, `count` gets whether the function panicked.
    fn run_with(&self, call: impl FnOnce(F) -> T, count: impl FnOnce(bool)) {
        let Some(function) = self.take_function() else {
            return;
        };
        // What a panic left half done went with the function, or is under locks that do not poison.
        let result = catch_unwind(AssertUnwindSafe(|| call(function))).map_err(Panic::new);
        let finished = step(|| {
            count(result.is_err());
            self.end.outcome.finish(result)
        });
        if let Ok(due) = finished {
            due.callbacks().for_each(|callback| callback(&self.end));
        }
    }
}

/// The side of a task that its pool sees.
pub(crate) trait Work: Send + Sync {
    /// Begins with it. Returns `false` if it is not to be run. The caller makes this a step.
    fn begin(&self) -> bool;

    /// Runs it after it was begun with, and counts it by `running`.
    fn run(&self, running: Running<'_>);

    /// See [`Task::cancel`].
    fn cancel(&self) -> bool;
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Packet<F, T> {
    fn begin(&self) -> bool {
        Packet::begin(self)
    }

    fn run(&self, running: Running<'_>) {
        let count = |failed| {
            if self.end.is_foreign() {
                running.forget();
            } else if failed {
                running.fail();
            } else {
                running.succeed();
            }
        };
        self.run_with(|function| function(), count);
    }

    fn cancel(&self) -> bool {
        Packet::cancel(self)
    }
}

/// The side of a task that its handle sees.
trait Ends<T>: Send + Sync {
    fn end(&self) -> &End<T>;

    /// See [`Task::cancel`].
    fn cancel(&self) -> bool;
}

impl<F: Send, T: Send> Ends<T> for Packet<F, T> {
    fn end(&self) -> &End<T> {
        &self.end
    }

    fn cancel(&self) -> bool {
        Packet::cancel(self)
    }
}

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
    /// The waker of the last poll, once there was one.
    waker: Option<Arc<WordLock<Option<Waker>>>>,
}

impl<T: Send + 'static> Task<T> {
    pub(crate) fn of<F: Send + 'static>(packet: Arc<Packet<F, T>>) -> Self {
        Task {
            ends: packet,
            waker: None,
        }
    }

    /// Waits for the result. Blocks until the task is done or cancelled.
    ///
    /// A task that waits for another one of its own pool needs a second worker. When all workers wait in this way for
    /// tasks that wait for a worker, none of them ends: use [`Task::then`] there.
    ///
    /// # Errors
    /// The task was cancelled; it panicked; it belongs to the process that this one was forked from. Or an observer refused
    /// the wait.
    pub fn result(self) -> Result<T, TaskError> {
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
        let packet = Arc::new(Packet::new(continuation));
        let its = packet.clone();
        self.ends.end().listen(Box::new(move |end| {
            if let Some(result) = end.take() {
                if step(|| its.begin()) {
                    its.run_with(|continuation| continuation(result), |_| {});
                }
            }
        }));
        Task::of(packet)
    }
}

impl<T: Send + 'static> Future for Task<T> {
    type Output = Result<T, TaskError>;

    /// Ready when the task is done or cancelled. Works with any executor.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_done() {
            let this = &mut *self;
            let first = this.waker.is_none();
            let slot = this.waker.get_or_insert_default();
            let latest = Some(context.waker().clone());
            let earlier = step(|| std::mem::replace(&mut *slot.lock(), latest));
            drop(earlier);
            if first {
                let slot = slot.clone();
                this.ends.end().listen(Box::new(move |_| {
                    let waker = step(|| slot.lock().take());
                    waker.into_iter().for_each(Waker::wake);
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
