//! A pool of threads for Rust programs.
//!
//! Its claims are in `PROTOCOL.md` beside this crate.

use std::fmt;
use std::sync::Arc;

use interlock_os::thread;
use interlock_wait::primitive::global::Ordering;
use interlock_wait::{Deadline, WaitContext};

use crate::core::{Shared, Stats};
use crate::mapped::Mapped;
use crate::priority_buckets::DEFAULT_PRIORITY;
use crate::step::step;
use crate::task::{Packet, Task};
use crate::task_error::SubmitError;

/// Runs tasks on a limited number of threads.
///
/// A worker is started when a task is submitted and none is idle, as long as there are fewer than the pool may have. It
/// stays until the pool ends. Tasks are taken in the order in which they were submitted, those with a smaller
/// [priority](ThreadPool::at) first.
///
/// A task that panics costs nothing but its result: the panic is the error of [`Task::result`], and the worker goes on.
///
/// **End.** [`ThreadPool::shutdown`] ends the pool when everything that was submitted is done; [`ThreadPool::join`] waits
/// for that. Dropping the pool is a shutdown, and never blocks. What still waits is run, unless the process ends first.
///
/// **Fork.** In the child of a fork the pool is there, without workers and without tasks: those that were submitted before
/// are run by the parent, once, and their handles here say [`Forked`](crate::TaskError::Forked) unless they were done.
/// What is submitted in the child is run by workers of the child. Workers may be at any task when the process forks; a
/// thread of your own that is at that moment in a call to the pool may not (see [`fork`](interlock_wait::fork)).
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
    shared: Arc<Shared>,
}

/// How a [`ThreadPool`] is made: see [`ThreadPool::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    workers: usize,
    name: String,
    stack_size: usize,
    max_pending: usize,
}

impl Builder {
    /// At most so many workers; 0, as is the case if nothing is said, for as many as there are processors.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How the names of the workers' threads begin, as the tools of the operating system show them (up to 15 bytes, a
    /// hyphen and a number included). "worker" if nothing is said.
    pub fn name(mut self, prefix: impl Into<String>) -> Self {
        self.name = prefix.into();
        self
    }

    /// The stack size of the workers' threads in bytes; 0, as is the case if nothing is said, for the system's default.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// How many tasks may wait for a worker; whoever submits more waits for room. 0, as is the case if nothing is said, for
    /// any number.
    pub fn max_pending(mut self, tasks: usize) -> Self {
        self.max_pending = tasks;
        self
    }

    /// The pool. Starts no thread.
    pub fn build(self) -> ThreadPool {
        let most = match self.workers {
            0 => thread::processors(),
            workers => workers,
        };
        ThreadPool {
            shared: Arc::new(Shared::new(most, self.name, self.stack_size, self.max_pending)),
        }
    }
}

impl ThreadPool {
    /// A pool of at most `workers` threads; 0 for as many as there are processors. Starts no thread.
    pub fn new(workers: usize) -> Self {
        Self::builder().workers(workers).build()
    }

    /// A pool that is to differ from [`ThreadPool::new`].
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

    /// Has a worker call `function`. Blocks while as many tasks wait as may ([`Builder::max_pending`]), until a worker takes
    /// one; a task that submits to its own pool uses [`ThreadPool::try_submit`] if there is such a limit.
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
    /// As many tasks wait as may; the pool was shut down, or could not start its first worker.
    pub fn try_submit<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).try_submit(function)
    }

    /// The same pool, for tasks with a priority: the smallest number is taken first. Without this it is 0.
    ///
    /// ```
    /// let pool = interlock_pool::ThreadPool::new(1);
    /// let urgent = pool.at(-1).submit(|| "before all that waits").unwrap();
    /// assert!(urgent.result().is_ok());
    /// ```
    pub fn at(&self, priority: i64) -> At<'_> {
        At { pool: self, priority }
    }

    /// Has workers call `function` for each item; the results in the order of the items. All are submitted here, so this
    /// blocks where [`ThreadPool::submit`] does, and `items` ends.
    ///
    /// # Errors
    /// Those of [`ThreadPool::submit`]; what was submitted so far is cancelled.
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

    /// Takes no more tasks. Those that wait are still run; then the workers end. Never blocks.
    pub fn shutdown(&self) {
        step(|| self.shared.queue.shutdown());
    }

    /// Cancels the tasks that wait for a worker. How many. Never blocks; continuations run on the calling thread.
    pub fn cancel_waiting(&self) -> usize {
        self.shared.renew();
        let waiting: Vec<_> = step(|| self.shared.queue.drain()).collect();
        // Relaxed: a count.
        self.shared
            .tally
            .dropped
            .fetch_add(waiting.len() as u64, Ordering::Relaxed);
        waiting.iter().filter(|work| work.cancel()).count()
    }

    /// Shuts the pool down, and waits for all that was submitted. Blocks until every task is done and every worker has left.
    ///
    /// A task can't do so to its own pool: it would wait for itself.
    pub fn join(&self) {
        self.shutdown();
        self.shared.workers.wait_with(&mut WaitContext::uninterruptible());
    }

    /// Shuts the pool down, and waits for all that was submitted; `false` when `deadline` passed first. Blocks until every
    /// task is done and every worker has left.
    pub fn join_until(&self, deadline: Deadline) -> bool {
        self.shutdown();
        self.shared.workers.wait_with(&mut WaitContext::until(deadline))
    }

    /// How many tasks there are of each kind, at this moment. Never blocks.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    fn put<T, F>(&self, priority: i64, function: F, deadline: Deadline) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let packet = Arc::new(Packet::new(function));
        let Err(refusal) = self.shared.submit(priority, packet.clone(), deadline) else {
            return Ok(Task::of(packet));
        };
        match packet.retract() {
            Some(function) => Err(refusal.with(function)),
            // Somebody has begun with the task after all.
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
            .field("max_workers", &self.shared.most)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A pool, and a priority for what is submitted: see [`ThreadPool::at`].
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
