//! A task of a thread pool: its function, what becomes of it, and the handle of whoever wants its result.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use interlock_wait::primitive::global::{AtomicU64, Ordering};
use interlock_wait::{Deadline, WaitContext, WordLock, fork};

use crate::outcome::{Outcome, Phase, Waited};
use crate::step::step;
use crate::task_error::{Panic, TaskError};

/// What is called at the end of a task, by whoever ended it.
type Callback<T> = Box<dyn FnOnce(&End<T>) + Send>;

/// What becomes of a task, and in which process.
struct End<T> {
    outcome: Outcome<Result<T, Panic>, Callback<T>>,
    generation: u32,
}

impl<T> End<T> {
    /// Whether the task belongs to the process that this one was forked from: nobody ends it here.
    fn is_foreign(&self) -> bool {
        self.generation != fork::generation()
    }

    fn is_done(&self) -> bool {
        step(|| self.outcome.phase().is_done())
    }

    /// Takes the result out; `None` when the task is not done.
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
            // It came since we looked, and is there for the next look; or it was taken.
            Phase::Finished if step(|| self.outcome.value(|_| ())).is_some() => None,
            Phase::Finished => Some(TaskError::Taken),
            _ if self.is_foreign() => Some(TaskError::Forked),
            _ => None,
        }
    }

    /// Leaves a callback, or calls it if the task is done, or will not be in this process.
    fn listen(&self, callback: Callback<T>) {
        if self.is_foreign() {
            callback(self);
        } else if let Err((_, callback)) = step(|| self.outcome.listen(callback)) {
            callback(self);
        }
    }
}

/// A task from its function to its end, in one piece of memory.
pub(crate) struct Packet<F, T> {
    /// Taken out by who runs it, or by who cancels it.
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

    /// Takes the function back, for a task that nobody has a handle to; `None` when somebody has begun with it.
    pub(crate) fn retract(&self) -> Option<F> {
        match step(|| self.end.outcome.cancel()) {
            Ok(Some(_)) => self.take_function(),
            _ => None,
        }
    }

    /// Takes the function out. Nobody else comes to its lock: only who began with the task, or cancelled it, does this.
    fn take_function(&self) -> Option<F> {
        self.function.lock().take()
    }

    /// Cancels the task, and drops its function, unless somebody has begun with it. Whether it is cancelled.
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

    /// Begins with the task; `false` when it is not to be run. For one step.
    fn begin(&self) -> bool {
        !self.end.is_foreign() && self.end.outcome.begin() == Ok(true)
    }

    /// Runs the function of a task that was begun with, by `call`, and gives the outcome its value; `told` hears whether it
    /// panicked, in the same step.
    fn run_with(&self, call: impl FnOnce(F) -> T, told: impl FnOnce(bool)) {
        let Some(function) = self.take_function() else {
            return;
        };
        // Whatever a panic left half done went with the function, or is under locks that do not poison.
        let result = catch_unwind(AssertUnwindSafe(|| call(function))).map_err(Panic::new);
        let finished = step(|| {
            told(result.is_err());
            self.end.outcome.finish(result)
        });
        if let Ok(due) = finished {
            due.callbacks().for_each(|callback| callback(&self.end));
        }
    }
}

/// Counts of what has become of a pool's tasks.
#[derive(Default)]
pub(crate) struct Tally {
    /// Given to a worker that was started for them: these are not counted by the queue.
    pub(crate) first: AtomicU64,
    /// Run to their end.
    pub(crate) done: AtomicU64,
    /// That panicked, among these.
    pub(crate) failed: AtomicU64,
    /// Never run: cancelled, or of another process.
    pub(crate) dropped: AtomicU64,
}

/// A task as its pool sees it.
pub(crate) trait Work: Send + Sync {
    /// Begins with it; `false` when it is not to be run. For one step.
    fn begin(&self) -> bool;

    /// Runs it, when it was begun with, and counts it.
    fn run(&self, tally: &Tally);

    /// See [`Task::cancel`].
    fn cancel(&self) -> bool;
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Packet<F, T> {
    fn begin(&self) -> bool {
        Packet::begin(self)
    }

    fn run(&self, tally: &Tally) {
        self.run_with(
            |function| function(),
            |failed| {
                // Relaxed: counts. Who has the result finds it counted, for the lock of the outcome comes in between.
                tally.done.fetch_add(1, Ordering::Relaxed);
                if failed {
                    // Relaxed: as above.
                    tally.failed.fetch_add(1, Ordering::Relaxed);
                }
            },
        );
    }

    fn cancel(&self) -> bool {
        Packet::cancel(self)
    }
}

/// A task as its handle sees it.
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

/// A task that was handed to a [`ThreadPool`](crate::ThreadPool), and the way to its result.
///
/// The field has three words for this. `Future` is taken by [`std::future::Future`], which this type implements;
/// a promise is, to most, the end that the value is put into. `Task` is the word of the async executors of Rust and of
/// .NET for the handle of work that runs whether or not somebody waits for it. So does this: dropping it gives up the
/// result and nothing else. What ends a task early is [`Task::cancel`].
///
/// The result is moved out: to one caller of [`Task::result`], to one continuation, or to whoever awaits the task.
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
    /// Whom to wake, once the task was polled.
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
    /// The outer one is the task itself, which is not done; the inner one is that of [`Task::result`].
    pub fn result_until(self, deadline: Deadline) -> Result<Result<T, TaskError>, Self> {
        if self.wait_until(deadline) {
            Ok(self.result())
        } else {
            Err(self)
        }
    }

    /// Waits until the task is done or cancelled; `false` when `deadline` passed first. Blocks until then.
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

    /// Whether there is a result, or will never be one, at this moment. Never blocks.
    pub fn is_done(&self) -> bool {
        self.ends.end().is_foreign() || self.ends.end().is_done()
    }

    /// Cancels the task if no worker has begun with it: its function is dropped at once, and who waits is told. Whether it
    /// is cancelled. Never blocks; a continuation runs on the calling thread.
    pub fn cancel(&self) -> bool {
        self.ends.cancel()
    }

    /// Has `continuation` called with the result; what becomes of that is a task of its own. Never blocks.
    ///
    /// It runs at the end of the task, on the thread that ended it: the worker, or whoever cancelled it. If there is a
    /// result already, it runs now, on the calling thread. So it is for what is short, or for handing on. Cancelling the new
    /// task has the continuation dropped, and leaves this one alone.
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

    /// Ready once, when the task is done or cancelled. Any executor will do.
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
        // After the waker was left: else the end of the task could come in between.
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
