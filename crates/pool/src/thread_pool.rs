//! A pool of threads for Rust programs.
//!
//! Its claims are in `PROTOCOL.md` of this crate.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlock_wait::{Deadline, WaitContext};

use crate::builder::Builder;
use crate::inner::Inner;
use crate::packet::{Call, Packet};
use crate::panics::Panics;
use crate::priority_buckets::DEFAULT_PRIORITY;
use crate::submitting::Submitting;
use crate::table::Stats;
use crate::task::Task;
use crate::task_error::{JoinError, SubmitError};

/// Runs tasks on a limited number of threads.
///
/// If a task is submitted and no worker is idle, the pool starts another one, up to its limit. A worker stays until
/// the pool ends. Workers take the tasks with the smallest [priority](ThreadPool::at) first, and those of equal
/// priority in the order in which they were submitted.
///
/// If a task panics, [`Task::result`] returns the panic as an error, and the worker goes on.
///
/// **End.** After [`ThreadPool::shutdown`] the pool runs the tasks that were submitted, and then ends.
/// [`ThreadPool::join`] waits for that. Dropping the pool shuts it down, and never blocks. The workers still run
/// the waiting tasks, unless the process ends first.
///
/// **Fork.** In the child of a fork, the pool has no workers and no tasks. The parent runs the tasks that were
/// submitted before. Their handles in the child return [`Forked`](crate::TaskError::Forked) unless the tasks were
/// done. New workers in the child run the tasks that the child submits. The process may fork while workers run
/// tasks, but not while another thread of the program is in a call to the pool.
///
/// ```
/// use interlock::pool::ThreadPool;
///
/// let pool = ThreadPool::new(4);
/// let length = pool.submit(|| "a task".len()).unwrap();
/// assert_eq!(length.result().unwrap(), 6);
///
/// let squares = pool.map(1..=5, |number| number * number);
/// assert!(squares.map(Result::unwrap).eq([1, 4, 9, 16, 25]));
/// ```
pub struct ThreadPool {
    inner: Arc<Inner>,
}

impl Builder {
    /// Creates the pool. Starts no thread.
    pub fn build(self) -> ThreadPool {
        ThreadPool {
            inner: Arc::new(self.into_inner()),
        }
    }
}

impl ThreadPool {
    /// Returns the part that the pool and its workers share.
    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Creates a pool of at most `workers` threads; 0 stands for the number of processors. Starts no thread.
    pub fn new(workers: usize) -> Self {
        Self::builder().workers(workers).build()
    }

    /// Returns the default settings, from which [`Builder::build`] creates a pool.
    ///
    /// ```
    /// use interlock::pool::{SubmitError, ThreadPool};
    ///
    /// let pool = ThreadPool::builder().workers(1).name("parser").max_pending(100).build();
    /// let task = pool.submit(|| 1).unwrap();
    /// pool.shutdown();
    /// assert!(matches!(pool.submit(|| 2), Err(SubmitError::ShutDown(_))));
    /// assert_eq!(task.result().unwrap(), 1, "it was submitted before");
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Submits `function`, which a worker will call. Blocks while as many tasks wait as [`Builder::max_pending`]
    /// allows, until a worker takes a task, or a task is cancelled. A task that submits to its own pool never waits
    /// here, because otherwise all workers might wait: it exceeds the limit instead. (It could run a waiting task
    /// itself. But that task may wait for what the caller does next.)
    ///
    /// # Errors
    /// The pool was shut down, or could not start its first worker.
    pub fn submit<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).submit(function)
    }

    /// Like [`ThreadPool::submit`], but fails if there is no room. Never blocks.
    ///
    /// # Errors
    /// As many tasks wait as the limit allows; the pool was shut down, or could not start its first worker.
    pub fn try_submit<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).try_submit(function)
    }

    /// Like [`ThreadPool::submit`], but blocks for `timeout` at most.
    ///
    /// # Errors
    /// There was no room for that long; the pool was shut down, or could not start its first worker.
    pub fn submit_timeout<T, F>(&self, timeout: Duration, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).submit_timeout(timeout, function)
    }

    /// Like [`ThreadPool::submit`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_deadline<T, F>(&self, deadline: Instant, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).submit_deadline(deadline, function)
    }

    /// Returns a view of the pool that submits tasks with a priority. Tasks with the smallest number are taken
    /// first; the default is 0.
    ///
    /// ```
    /// let pool = interlock::pool::ThreadPool::new(1);
    /// let urgent = pool.at(-1).submit(|| "before all that waits").unwrap();
    /// assert!(urgent.result().is_ok());
    /// ```
    pub fn at(&self, priority: i64) -> At<'_> {
        At { pool: self, priority }
    }

    /// Submits `function`, from an async task: waits for room without blocking. Dropping the future before it is ready drops
    /// the function.
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use interlock::pool::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    /// let submitting = pin!(pool.submit_async(|| 7));
    /// let Poll::Ready(Ok(task)) = submitting.poll(&mut Context::from_waker(Waker::noop())) else {
    ///     panic!("there is room")
    /// };
    /// assert_eq!(task.result().unwrap(), 7);
    /// ```
    ///
    /// # Errors
    /// The pool was shut down, or could not start its first worker.
    pub fn submit_async<T, F>(&self, function: F) -> Submitting<'_, T, F>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).submit_async(function)
    }

    /// Stops the pool from accepting tasks. The workers run the waiting tasks, and then end. Never blocks.
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }

    /// Cancels the waiting tasks, and returns how many. Never blocks; continuations run on the calling thread.
    ///
    /// # Panics
    /// Dropping a function panics, or a waker does. By then all tasks have been cancelled.
    pub fn cancel_waiting(&self) -> usize {
        let mut panics = Panics::NONE;
        let mut cancelled = 0;
        for work in self.inner.drain() {
            cancelled += usize::from(panics.catch(|| work.cancel()).unwrap_or(true));
            panics.catch(|| drop(work));
        }
        panics.resume();
        cancelled
    }

    /// Shuts the pool down and waits for its end. Blocks until every task is done and every worker has left.
    ///
    /// # Errors
    /// A task of the pool calls this, and would wait for itself. In this case, the pool is not shut down.
    pub fn join(&self) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::uninterruptible())
    }

    /// Like [`ThreadPool::join`], but fails if the pool has not ended yet. Never blocks.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::join_timeout`].
    pub fn try_join(&self) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(Deadline::PASSED))
    }

    /// Like [`ThreadPool::join`], but blocks for `timeout` at most.
    ///
    /// # Errors
    /// The pool had not ended by then; or a task of the pool calls this, or an observer refused the wait.
    pub fn join_timeout(&self, timeout: Duration) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(Deadline::after(timeout)))
    }

    /// Like [`ThreadPool::join`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::join_timeout`].
    pub fn join_deadline(&self, deadline: Instant) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(deadline.into()))
    }

    fn join_with(&self, context: &mut WaitContext<'_>) -> Result<(), JoinError> {
        if self.inner.is_own() {
            return Err(JoinError::OwnTask);
        }
        self.shutdown();
        if self.inner.core().wait_for_workers(context) {
            Ok(())
        } else if context.deadline().has_passed() {
            Err(JoinError::TimedOut)
        } else {
            Err(JoinError::Refused)
        }
    }

    /// Returns how many tasks are in which state, at this moment. Never blocks.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    pub(crate) fn limit(&self) -> usize {
        self.inner.limit
    }

    fn put<T, F>(&self, priority: i64, function: F, deadline: Deadline) -> Result<Task<T>, SubmitError<F>>
    where
        F: Call<T> + Send + 'static,
        T: Send + 'static,
    {
        let packet = Arc::new(Packet::new(function, self.inner.home()));
        let Err(refusal) = self.inner.submit(priority, packet.clone(), deadline) else {
            return Ok(Task::of(packet));
        };
        match packet.retract() {
            Some(function) => Err(refusal.with(function)),
            // A worker has begun with the task after all.
            None => Ok(Task::of(packet)),
        }
    }
}

impl UnwindSafe for ThreadPool {}
impl RefUnwindSafe for ThreadPool {}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("max_workers", &self.inner.limit)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A view of a pool, with a priority for the tasks that it submits: see [`ThreadPool::at`].
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pool: &'a ThreadPool,
    pub(crate) priority: i64,
}

impl<'a> At<'a> {
    pub(crate) fn inner(&self) -> &'a Arc<Inner> {
        &self.pool.inner
    }

    /// Like [`ThreadPool::submit`], which describes when this blocks.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit`].
    pub fn submit<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_until(Deadline::NEVER, function)
    }

    /// Like [`ThreadPool::submit_timeout`].
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_timeout<T, F>(&self, timeout: Duration, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_until(Deadline::after(timeout), function)
    }

    /// Like [`ThreadPool::submit_deadline`].
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_deadline<T, F>(&self, deadline: Instant, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_until(deadline.into(), function)
    }

    pub(crate) fn submit_until<T, F>(
        &self,
        deadline: Deadline,
        function: F,
    ) -> Result<Task<T>, SubmitError<F>>
    where
        F: Call<T> + Send + 'static,
        T: Send + 'static,
    {
        self.pool.put(self.priority, function, deadline)
    }

    /// Like [`ThreadPool::try_submit`]. Never blocks.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::try_submit`].
    pub fn try_submit<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_until(Deadline::PASSED, function)
    }

    /// Like [`ThreadPool::submit_async`].
    pub fn submit_async<T, F>(&self, function: F) -> Submitting<'a, T, F>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Submitting::new(self.inner(), self.priority, function)
    }
}
