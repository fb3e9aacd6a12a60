//! A pool of threads for Rust programs.
//!
//! Its claims are in `PROTOCOL.md` beside this crate.

use std::fmt;
use std::sync::Arc;

use interlock_os::thread;
use interlock_wait::{Deadline, WaitContext};

use crate::inner::Inner;
use crate::mapped::Mapped;
use crate::packet::Packet;
use crate::panics::Panics;
use crate::priority_buckets::DEFAULT_PRIORITY;
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
/// use interlock_pool::ThreadPool;
///
/// let pool = ThreadPool::new(4);
/// let length = pool.submit(|| "a task".len()).unwrap();
/// assert_eq!(length.result().unwrap(), 6);
///
/// let squares = pool.map(1..=5, |number| number * number).unwrap();
/// assert!(squares.map(Result::unwrap).eq([1, 4, 9, 16, 25]));
/// ```
pub struct ThreadPool {
    inner: Arc<Inner>,
}

/// The settings of a new [`ThreadPool`]: see [`ThreadPool::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    workers: usize,
    name: String,
    stack_size: usize,
    max_pending: usize,
}

impl Builder {
    /// The most workers. 0, the default, for as many as there are processors.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The prefix of the names of the workers' threads, as the tools of the operating system show them: up to 15 bytes with a
    /// hyphen and a number. The default is "worker".
    pub fn name(mut self, prefix: impl Into<String>) -> Self {
        self.name = prefix.into();
        self
    }

    /// The stack size of the workers' threads in bytes. 0, the default, for the system's default.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// The most tasks that wait for a worker. A thread that submits more waits for room. 0, the default, for any number.
    pub fn max_pending(mut self, tasks: usize) -> Self {
        self.max_pending = tasks;
        self
    }

    /// The pool. Starts no thread.
    pub fn build(self) -> ThreadPool {
        let limit = match self.workers {
            0 => thread::processors(),
            workers => workers,
        };
        ThreadPool {
            inner: Arc::new(Inner::new(limit, self.name, self.stack_size, self.max_pending)),
        }
    }
}

impl ThreadPool {
    /// A pool of at most `workers` threads; 0 for as many as there are processors. Starts no thread.
    pub fn new(workers: usize) -> Self {
        Self::builder().workers(workers).build()
    }

    /// The settings of a pool, to change before it is made.
    ///
    /// ```
    /// use interlock_pool::{SubmitError, ThreadPool};
    ///
    /// let pool = ThreadPool::builder().workers(1).name("parser").max_pending(100).build();
    /// let task = pool.submit(|| 1).unwrap();
    /// pool.shutdown();
    /// assert!(matches!(pool.submit(|| 2), Err(SubmitError::ShutDown(_))));
    /// assert_eq!(task.result().unwrap(), 1, "it was submitted before");
    /// ```
    pub fn builder() -> Builder {
        Builder {
            workers: 0,
            name: "worker".into(),
            stack_size: 0,
            max_pending: 0,
        }
    }

    /// Submits `function`, which a worker calls. Blocks while as many tasks wait as [`Builder::max_pending`] allows, until a
    /// worker takes one, or one is cancelled. A task that submits to its own pool never waits here, because then all workers
    /// might: its task is put in, past the limit. (It could run one of those that wait itself. But that one may wait for what
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

    /// As [`ThreadPool::submit`], if there is room. Never blocks.
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

    /// The same pool, for tasks with a priority. The smallest number is taken first; the default is 0.
    ///
    /// ```
    /// let pool = interlock_pool::ThreadPool::new(1);
    /// let urgent = pool.at(-1).submit(|| "before all that waits").unwrap();
    /// assert!(urgent.result().is_ok());
    /// ```
    pub fn at(&self, priority: i64) -> At<'_> {
        At { pool: self, priority }
    }

    /// Submits a call of `function` for each item. Returns the results in the order of the items. Blocks where
    /// [`ThreadPool::submit`] does, so `items` must be finite.
    ///
    /// # Errors
    /// Those of [`ThreadPool::submit`]. The calls that were submitted are cancelled.
    pub fn map<I, T, F>(&self, items: I, function: F) -> Result<Mapped<T>, SubmitError<()>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        let function = Arc::new(function);
        let mut mapped = Mapped::new();
        for item in items {
            let function = function.clone();
            let task = self.submit(move || function(item));
            mapped.push(task.map_err(|error| error.map(drop))?);
        }
        Ok(mapped)
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

    /// As [`ThreadPool::join`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The pool had not ended by then; or a task of the pool calls this, or an observer refused the wait.
    pub fn join_until(&self, deadline: Deadline) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(deadline))
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

    /// How many tasks there are of each kind, at this moment. Never blocks.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    fn put<T, F>(&self, priority: i64, function: F, deadline: Deadline) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
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
    priority: i64,
}

impl At<'_> {
    /// As [`ThreadPool::submit`], which says when this blocks.
    ///
    /// # Errors
    /// Those of [`ThreadPool::submit`].
    pub fn submit<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_until(Deadline::NEVER, function)
    }

    /// As [`ThreadPool::submit`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// There was no room for that long; the pool was shut down, or could not start its first worker.
    pub fn submit_until<T, F>(&self, deadline: Deadline, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.pool.put(self.priority, function, deadline)
    }

    /// As [`ThreadPool::try_submit`]. Never blocks.
    ///
    /// # Errors
    /// Those of [`ThreadPool::try_submit`].
    pub fn try_submit<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_until(Deadline::PASSED, function)
    }
}
