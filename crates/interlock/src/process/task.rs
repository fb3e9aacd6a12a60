//! The handle for the result of a task that a worker process runs.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use interlock_pool::Waited;
use interlock_pool::process::{Answer, Call, Given};
use interlock_wait::{Deadline, TimedOut, WaitContext};
use serde::de::DeserializeOwned;

use super::error::{Panic, TaskError, WorkerDeath};
use super::form_reader::read;
use super::host::Engine;
use super::wakes::{Slot, Wakes};
use super::wire::Failure;

/// A task that was submitted to a [`ProcessPool`](super::ProcessPool): the handle for its result.
///
/// Dropping the handle gives up the result; the task runs all the same. [`cancel`](Task::cancel) and
/// [`stop`](Task::stop) end a task early.
///
/// The result is moved out: to the caller of [`Task::result`], or to an `await`. The thread that asks for it
/// deserializes it.
#[must_use = "the task runs whether or not this is kept; its result is lost with this"]
pub struct Task<R> {
    engine: Arc<Engine>,
    call: Arc<Call<Wakes>>,
    function: &'static str,
    signature: fn() -> String,
    /// The waker of the last poll, if the task was polled.
    slot: Option<Slot>,
    result: PhantomData<fn() -> R>,
}

impl<R> Task<R> {
    pub(super) fn new(
        engine: Arc<Engine>,
        call: Arc<Call<Wakes>>,
        function: &'static str,
        signature: fn() -> String,
    ) -> Self {
        Task {
            engine,
            call,
            function,
            signature,
            slot: None,
            result: PhantomData,
        }
    }

    /// Returns the engine's call.
    pub(super) fn call(&self) -> &Arc<Call<Wakes>> {
        &self.call
    }

    /// Waits until the task is done or cancelled. Blocks until then.
    ///
    /// # Errors
    /// The task belongs to the process that this one was forked from, or an observer refused the wait.
    pub fn wait(&self) -> Result<(), TaskError> {
        match self.wait_with(&mut WaitContext::endless()) {
            Some(Waited::Done) => Ok(()),
            Some(_) => Err(TaskError::Refused),
            None => Err(TaskError::Forked),
        }
    }

    /// Waits until the task is done or cancelled. Blocks for `timeout` at most.
    ///
    /// # Errors
    /// The task was not done by then.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.wait_until(Deadline::after(timeout))
    }

    /// Waits until the task is done or cancelled. Blocks until `deadline` at most.
    ///
    /// # Errors
    /// The task was not done by then.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.wait_until(deadline.into())
    }

    fn wait_until(&self, deadline: Deadline) -> Result<(), TimedOut> {
        match self.wait_with(&mut WaitContext::until(deadline)) {
            None | Some(Waited::Done) => Ok(()),
            Some(_) => Err(TimedOut),
        }
    }

    /// Returns `None` if the task belongs to another process and is not done.
    fn wait_with(&self, context: &mut WaitContext<'_>) -> Option<Waited> {
        if self.call.phase().is_done() {
            return Some(Waited::Done);
        }
        (!self.engine.is_of_parent()).then(|| self.engine.wait(&self.call, context))
    }

    /// Returns whether the task has a result, or will never have one. Never blocks.
    pub fn is_done(&self) -> bool {
        self.engine.look();
        self.engine.is_of_parent() || self.call.phase().is_done()
    }

    /// Returns whether a worker is running the task at this moment. Never blocks.
    pub fn is_running(&self) -> bool {
        !self.engine.is_of_parent() && self.engine.is_running(&self.call)
    }

    /// Cancels the task if no worker has taken it. Returns whether it is cancelled. Never blocks.
    pub fn cancel(&self) -> bool {
        if self.engine.is_of_parent() {
            return false;
        }
        let is_cancelled = self.engine.cancel(&self.call) || self.call.phase().is_cancelled();
        if is_cancelled {
            drop(self.call.take_host());
        }
        is_cancelled
    }

    /// Ends the task, even while it runs. A running task ends with [`TaskError::Stopped`]: the pool kills its
    /// worker, and a new process takes that worker's place. No other task is lost. Returns `false` if the
    /// task is done. Never blocks.
    pub fn stop(&self) -> bool {
        if self.engine.is_of_parent() || self.call.phase().is_done() {
            return false;
        }
        self.cancel() || self.engine.stop(&self.call)
    }
}

impl<R: DeserializeOwned> Task<R> {
    /// Waits for the result. Blocks until the task is done or cancelled.
    ///
    /// # Errors
    /// The task has no result: [`TaskError`] says why.
    pub fn result(self) -> Result<R, TaskError> {
        self.wait()?;
        self.take()
    }

    /// Like [`Task::result`], but fails if the task is neither done nor cancelled. Never blocks.
    ///
    /// # Errors
    /// The outer error returns the task, which is not done. The inner error is that of [`Task::result`].
    pub fn try_result(self) -> Result<Result<R, TaskError>, Self> {
        match self.is_done() {
            true => Ok(self.take()),
            false => Err(self),
        }
    }

    /// Like [`Task::result`], but blocks for `timeout` at most, and then returns the task as an error.
    ///
    /// # Errors
    /// The same as for [`Task::try_result`].
    pub fn result_timeout(self, timeout: Duration) -> Result<Result<R, TaskError>, Self> {
        self.result_until(Deadline::after(timeout))
    }

    /// Like [`Task::result`], but blocks until `deadline` at most, and then returns the task as an error.
    ///
    /// # Errors
    /// The same as for [`Task::try_result`].
    pub fn result_deadline(self, deadline: Instant) -> Result<Result<R, TaskError>, Self> {
        self.result_until(deadline.into())
    }

    fn result_until(self, deadline: Deadline) -> Result<Result<R, TaskError>, Self> {
        match self.wait_until(deadline) {
            Ok(()) => Ok(self.take()),
            Err(TimedOut) => Err(self),
        }
    }

    /// Returns the result of a task that is done.
    fn take(&self) -> Result<R, TaskError> {
        let phase = self.call.phase();
        if phase.is_cancelled() {
            return Err(TaskError::Cancelled);
        }
        let death = |death| WorkerDeath::of(death, Some(self.function));
        match self.call.take_answer() {
            Some(Answer::Given(given)) => self.read(&given),
            Some(Answer::WorkerDied(it)) => Err(TaskError::WorkerDied(death(&it))),
            Some(Answer::Broken(it)) => Err(TaskError::Broken(death(&it))),
            Some(Answer::TimedOut) => Err(TaskError::TimedOut),
            Some(Answer::Stopped) => Err(TaskError::Stopped),
            Some(Answer::NotSent(error)) => Err(TaskError::NoRoom(error.into())),
            Some(Answer::OfParent) => Err(TaskError::Forked),
            None if phase.is_done() => Err(TaskError::Taken),
            None => Err(TaskError::Forked),
        }
    }

    fn read(&self, given: &Given) -> Result<R, TaskError> {
        if !given.failed {
            let result = given.bytes.with(|bytes| read(bytes));
            return result.map_err(|error| TaskError::Result(error.into()));
        }
        Err(match given.bytes.with(Failure::from_bytes) {
            Failure::Panicked(message) => TaskError::Panicked(Panic(message)),
            Failure::Unknown => TaskError::UnknownFunction(self.function),
            Failure::OtherTypes(registered) => TaskError::OtherTypes {
                function: self.function,
                expected: (self.signature)(),
                registered,
            },
            Failure::Argument(message) => TaskError::Argument(message.into()),
            Failure::Result(message) => TaskError::Result(message.into()),
        })
    }
}

impl<R: DeserializeOwned> Future for Task<R> {
    type Output = Result<R, TaskError>;

    /// Ready when the task is done or cancelled. Works with any executor.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_done() {
            let is_first = self.slot.is_none();
            let slot = self.slot.get_or_insert_default().clone();
            let before = slot.lock().replace(context.waker().clone());
            drop(before);
            if is_first {
                // This does nothing if the task has ended meanwhile; the check below notices that.
                let _ = self.engine.await_answer(&self.call, Some(Wakes(slot)));
            }
        }
        // Checked after the waker was stored: otherwise the task could end in between.
        match self.is_done() {
            true => Poll::Ready(self.take()),
            false => Poll::Pending,
        }
    }
}

impl<R> fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("function", &self.function)
            .field("phase", &self.call.phase())
            .finish_non_exhaustive()
    }
}
