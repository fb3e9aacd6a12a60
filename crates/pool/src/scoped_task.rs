//! The handle for the result of a task that borrows what is around its scope.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use interlock_wait::{Deadline, TimedOut};

use crate::scope_state::Results;
use crate::task::Task;
use crate::task_error::TaskError;

/// A task of a [`Scope`](crate::Scope): the handle for its result.
///
/// ```
/// let pool = interlock::pool::ThreadPool::new(2);
/// let text = String::from("a b c");
/// let count = pool.scope(|scope| {
///     let count = scope.submit(|| text.split(' ').count()).unwrap();
///     count.result().unwrap()
/// });
/// assert_eq!(count, 3);
/// ```
pub struct ScopedTask<'scope, T> {
    task: Task<()>,
    slot: Arc<dyn Results<T> + 'scope>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<'scope, T> ScopedTask<'scope, T> {
    pub(crate) fn new(task: Task<()>, slot: Arc<dyn Results<T> + 'scope>) -> Self {
        ScopedTask {
            task,
            slot,
            scope: PhantomData,
        }
    }

    /// Waits for the result. Blocks as [`Task::result`] does.
    ///
    /// # Errors
    /// The same as for [`Task::result`].
    pub fn result(self) -> Result<T, TaskError> {
        let ended = self.task.result();
        taken(&*self.slot, ended)
    }

    /// Like [`ScopedTask::result`], but fails if the task is neither done nor cancelled. Never blocks.
    ///
    /// # Errors
    /// The outer error returns the task, which is not done. The inner error is that of [`ScopedTask::result`].
    pub fn try_result(self) -> Result<Result<T, TaskError>, Self> {
        self.result_until(Deadline::PASSED)
    }

    /// Like [`ScopedTask::result`], but blocks for `timeout` at most, and then returns the task as an error.
    ///
    /// # Errors
    /// The same as for [`ScopedTask::try_result`].
    pub fn result_timeout(self, timeout: Duration) -> Result<Result<T, TaskError>, Self> {
        self.result_until(Deadline::after(timeout))
    }

    /// Like [`ScopedTask::result`], but blocks until `deadline` at most, and then returns the task as an error.
    ///
    /// # Errors
    /// The same as for [`ScopedTask::try_result`].
    pub fn result_deadline(self, deadline: Instant) -> Result<Result<T, TaskError>, Self> {
        self.result_until(deadline.into())
    }

    fn result_until(self, deadline: Deadline) -> Result<Result<T, TaskError>, Self> {
        let ScopedTask { task, slot, scope } = self;
        match task.result_until(deadline) {
            Ok(ended) => Ok(taken(&*slot, ended)),
            Err(task) => Err(ScopedTask { task, slot, scope }),
        }
    }

    /// Waits until the task is done or cancelled. Blocks as [`Task::wait`] does.
    ///
    /// # Errors
    /// The same as for [`Task::wait`].
    pub fn wait(&self) -> Result<(), TaskError> {
        self.task.wait()
    }

    /// Like [`ScopedTask::wait`], but blocks for `timeout` at most.
    ///
    /// # Errors
    /// The same as for [`Task::wait_timeout`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.task.wait_timeout(timeout)
    }

    /// Like [`ScopedTask::wait`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`Task::wait_timeout`].
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.task.wait_deadline(deadline)
    }

    /// Returns whether the task has a result, or will never have one. Never blocks.
    pub fn is_done(&self) -> bool {
        self.task.is_done()
    }

    /// Cancels the task if no worker has begun with it: see [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        self.task.cancel()
    }
}

/// Returns the result of a task that has `ended`.
fn taken<T>(slot: &(impl Results<T> + ?Sized), ended: Result<(), TaskError>) -> Result<T, TaskError> {
    ended?;
    match slot.take() {
        Some(result) => result.map_err(TaskError::Panicked),
        None => Err(TaskError::Cancelled),
    }
}

impl<T> UnwindSafe for ScopedTask<'_, T> {}
impl<T> RefUnwindSafe for ScopedTask<'_, T> {}

impl<T> Future for ScopedTask<'_, T> {
    type Output = Result<T, TaskError>;

    /// Polls as that of a [`Task`] does.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let ended = Pin::new(&mut this.task).poll(context);
        ended.map(|ended| taken(&*this.slot, ended))
    }
}

impl<T> fmt::Debug for ScopedTask<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedTask")
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}
