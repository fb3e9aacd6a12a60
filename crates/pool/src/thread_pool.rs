//! A pool of threads for Rust programs.
//!
//! Its claims are in `PROTOCOL.md` beside this crate.

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
/// If a task is submitted and no worker is idle, the pool starts another one, up to its limit. A worker stays until the pool
/// ends. Tasks are taken in the order in which they were submitted, those with a smaller
/// [priority](ThreadPool::at) first.
///
/// A panic of a task is the error of [`Task::result`]. The worker goes on.
///
/// **End.** [`ThreadPool::shutdown`] ends the pool when all tasks that were submitted are done. [`ThreadPool::join`] waits
/// for that. Dropping the pool shuts it down, and never blocks. Tasks that still wait are run, unless the process ends first.
///
/// **Fork.** The child of a fork has the pool without its workers and its tasks. The parent runs the tasks that were
/// submitted before. Their handles in the child return [`Forked`](crate::TaskError::Forked) unless the tasks were done.
/// Workers of the child run what the child submits. The process may fork while workers run tasks, but not while another
/// thread of the program is in a call to the pool (see [`fork`](interlock_wait::fork)).
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
    /// The pool. Starts no thread.
    pub fn build(self) -> ThreadPool {
        ThreadPool {
            inner: Arc::new(self.into_inner()),
        }
    }
}

impl ThreadPool {
    /// What the pool and its workers share.
    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Creates a pool of at most `workers` threads; 0 for as many as there are processors. Starts no thread.
    pub fn new(workers: usize) -> Self {
        Self::builder().workers(workers).build()
    }

    /// Returns the settings of a pool, to change before it is made.
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

    /// Submits `function`, which a worker calls. Blocks while as many tasks wait as [`Builder::max_pending`] allows, until a
    /// worker takes one, or one is cancelled. A task that submits to its own pool never waits here, because then all workers
    /// might: its task is put in, past the limit. (It could run a waiting task itself. But that task may wait for what
    /// the caller does next.)
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

    /// Like [`ThreadPool::submit`], if there is room. Never blocks.
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

    /// Returns the same pool, for tasks with a priority. The smallest number is taken first; the default is
    /// 0.
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

    /// Accepts no more tasks. Those that wait are still run, and then the workers end. Never blocks.
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }

    /// Cancels the tasks that wait for a worker, and returns how many. Never blocks; continuations run on the calling thread.
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
    /// A task of the pool calls this: it would wait for itself. The pool is not shut down then.
    pub fn join(&self) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::uninterruptible())
    }

    /// Like [`ThreadPool::join`], if the pool has ended. Never blocks.
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

    /// Returns how many tasks there are of each kind, at this moment. Never blocks.
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

/// A pool, and the priority of tasks that are submitted by this: see [`ThreadPool::at`].
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pool: &'a ThreadPool,
    pub(crate) priority: i64,
}

impl<'a> At<'a> {
    pub(crate) fn inner(&self) -> &'a Arc<Inner> {
        &self.pool.inner
    }

    /// Like [`ThreadPool::submit`], which says when this blocks.
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
