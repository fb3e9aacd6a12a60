//! A pool of worker processes for Rust programs.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlock_os::thread;
use interlock_pool::process::{Call, Limits};
use interlock_pool::{DEFAULT_PRIORITY, JoinError, Stats};
use interlock_shm::Arena;
use interlock_sync::Event;
use interlock_wait::{Deadline, WaitContext, spawn_named};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::builder::Builder;
use super::error::{StartError, SubmitError};
use super::function::Function;
use super::host::{Engine, Host, is_host_of};
use super::map::Map;
use super::registry::is_served;
use super::submitting::Submitting;
use super::task::Task;
use super::wire;

/// The stack of the host, which runs wakers.
const STACK: usize = 256 << 10;

/// Runs tasks in a number of worker processes.
///
/// A task is a call of a [registered](super::Registry::register) function. Workers take the tasks with the
/// smallest [priority](ProcessPool::at) first, and those of equal priority in the order in which they were
/// submitted.
///
/// **Death of a worker.** Only the task that the worker ran is lost, and another process takes the worker's
/// place. [`Builder::on_worker_death`] says what becomes of that task. A panic does not end the worker:
/// [`Task::result`] returns it as an error.
///
/// **End.** After [`ProcessPool::shutdown`] the pool runs the tasks that were submitted, and then ends.
/// [`ProcessPool::join`] waits for that. Dropping the pool shuts it down, and never blocks. When the pool's
/// process ends, however it ends, the kernel wakes its workers, and they end at once.
///
/// **Fork.** The child of a fork can't use the pool. There, tasks that were not done return
/// [`Forked`](super::TaskError::Forked) there.
pub struct ProcessPool {
    engine: Arc<Engine>,
    over: Arc<Event>,
    retries: u32,
    workers: usize,
}

impl Builder {
    /// Creates the pool. Starts its workers, and a thread that looks after them, but does not wait until they
    /// are ready.
    ///
    /// # Errors
    /// No worker can be started: the program did not call [`Registry::serve`](super::Registry::serve), there is no such program, or
    /// there are too many processes or descriptors. Or there is no room in the memory that processes share.
    pub fn build(self) -> Result<ProcessPool, StartError> {
        if !is_served() {
            return Err(StartError::NotServed);
        }
        let mut settings = self.settings;
        if settings.workers == 0 {
            settings.workers = thread::processors();
        }
        let engine = Arc::new(Engine::new(&Arena::home()?, settings)?);
        let over = Arc::new(Event::new());
        let mut host = Host::new(engine.clone(), self.program, over.clone());
        host.begin()?;
        // Connected here, so that the pool notices a death even before the first task.
        engine
            .supervise()
            .map_err(|error| StartError::NoRoom(error.into()))?;
        spawn_named("interlock-processes", STACK, move || host.serve())
            .map_err(|error| StartError::NoRoom(error.into()))?;
        Ok(ProcessPool {
            engine,
            over,
            retries: self.retries,
            workers: settings.workers,
        })
    }
}

impl ProcessPool {
    /// Creates a pool of `workers` worker processes; 0 stands for the number of processors.
    ///
    /// # Errors
    /// The same as for [`Builder::build`].
    pub fn new(workers: usize) -> Result<Self, StartError> {
        Self::builder().workers(workers).build()
    }

    /// Returns the default settings, from which [`Builder::build`] creates a pool.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Submits a call of `function` to the workers. Blocks while as many tasks wait as
    /// [`Builder::max_pending`] allows.
    ///
    /// # Errors
    /// The pool was shut down, or the death of a worker ended it; or the argument can't be sent.
    pub fn submit<A: Serialize, R>(
        &self,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        self.at(DEFAULT_PRIORITY).submit(function, argument)
    }

    /// Like [`submit`](Self::submit), if there is room. Never blocks.
    ///
    /// # Errors
    /// As many tasks wait as the limit allows; and as for [`submit`](Self::submit).
    pub fn try_submit<A: Serialize, R>(
        &self,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        self.at(DEFAULT_PRIORITY).try_submit(function, argument)
    }

    /// Like [`submit`](Self::submit), but blocks for `timeout` at most.
    ///
    /// # Errors
    /// There was no room for that long; and as for [`submit`](Self::submit).
    pub fn submit_timeout<A: Serialize, R>(
        &self,
        timeout: Duration,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        (self.at(DEFAULT_PRIORITY)).submit_timeout(timeout, function, argument)
    }

    /// Like [`submit`](Self::submit), but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`submit_timeout`](Self::submit_timeout).
    pub fn submit_deadline<A: Serialize, R>(
        &self,
        deadline: Instant,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        (self.at(DEFAULT_PRIORITY)).submit_deadline(deadline, function, argument)
    }

    /// Submits a call of `function`, from an async task: waits for room without blocking a thread. The
    /// argument is serialized at once. If the future is dropped before it is ready, nothing is submitted.
    ///
    /// ```no_run
    /// # use interlock::process::{Function, ProcessPool};
    /// # const PAGES: Function<u32, u32> = Function::named("pages");
    /// async fn pages_of_all(pool: &ProcessPool) -> u32 {
    ///     let mut tasks = Vec::new();
    ///     for book in 0..1000 {
    ///         tasks.push(pool.submit_async(PAGES, &book).await.unwrap()); // other tasks go on while there is no room
    ///     }
    ///     let mut pages = 0;
    ///     for task in tasks {
    ///         pages += task.await.unwrap();
    ///     }
    ///     pages
    /// }
    /// ```
    ///
    /// # Errors
    /// The future returns the same errors as [`submit`](Self::submit).
    pub fn submit_async<A: Serialize, R>(&self, function: Function<A, R>, argument: &A) -> Submitting<'_, R> {
        self.at(DEFAULT_PRIORITY).submit_async(function, argument)
    }

    /// Calls `function` for each of the arguments, and returns an iterator over the results, in the order of
    /// the arguments. For each worker, the iterator submits up to 64 calls ahead of the results that were
    /// taken from it. This method does not block; the iterator does.
    ///
    /// ```no_run
    /// # use interlock::process::{Function, MapError, ProcessPool};
    /// # const PAGES: Function<u32, u32> = Function::named("pages");
    /// # let pool = ProcessPool::new(1).unwrap();
    /// let pages: Result<Vec<u32>, MapError> = pool.map(PAGES, 0..1_000_000).collect();
    /// ```
    pub fn map<'a, A, R, I>(&'a self, function: Function<A, R>, arguments: I) -> Map<'a, A, R, I::IntoIter>
    where
        A: Serialize + 'a,
        R: DeserializeOwned + 'a,
        I: IntoIterator<Item = A>,
    {
        self.at(DEFAULT_PRIORITY).map(function, arguments)
    }

    /// Returns a view of the pool that submits tasks with a priority, and perhaps with other limits. Tasks
    /// with the smallest number are taken first; the default is 0.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use interlock::process::{Function, ProcessPool};
    /// # const PAGES: Function<u32, u32> = Function::named("pages");
    /// # let pool = ProcessPool::new(1).unwrap();
    /// let urgent = pool.at(-1).time_limit(Duration::from_secs(5)).submit(PAGES, &7).unwrap();
    /// assert!(urgent.result().is_ok());
    /// ```
    pub fn at(&self, priority: i64) -> At<'_> {
        let limits = Limits {
            priority,
            time: None,
            retries: self.retries,
        };
        At { pool: self, limits }
    }

    /// Cancels the tasks that no worker has taken, and returns how many. Never blocks.
    pub fn cancel_waiting(&self) -> usize {
        self.engine.cancel_waiting().len()
    }

    /// Stops the pool from accepting tasks. The workers run the tasks that were submitted, and then end.
    /// Never blocks.
    pub fn shutdown(&self) {
        self.engine.shutdown();
    }

    /// Shuts the pool down and waits for its end. Blocks until every task is done and every worker process has ended.
    ///
    /// # Errors
    /// A waker calls this on the thread of the pool, by which it would end. The pool is not shut down then.
    pub fn join(&self) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::uninterruptible())
    }

    /// Like [`ProcessPool::join`], but fails if the pool has not ended yet. Never blocks.
    ///
    /// # Errors
    /// The same as for [`ProcessPool::join_timeout`].
    pub fn try_join(&self) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(Deadline::PASSED))
    }

    /// Like [`ProcessPool::join`], but blocks for `timeout` at most.
    ///
    /// # Errors
    /// The pool had not ended by then; or a waker calls this on the thread of the pool, or an observer refused the wait.
    pub fn join_timeout(&self, timeout: Duration) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(Deadline::after(timeout)))
    }

    /// Like [`ProcessPool::join`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`ProcessPool::join_timeout`].
    pub fn join_deadline(&self, deadline: Instant) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(deadline.into()))
    }

    fn join_with(&self, context: &mut WaitContext<'_>) -> Result<(), JoinError> {
        if self.engine.is_of_parent() {
            return Ok(());
        }
        if is_host_of(&self.engine) {
            return Err(JoinError::OwnTask);
        }
        self.shutdown();
        match self.over.wait_with(context) {
            Ok(()) => Ok(()),
            Err(_) if context.deadline().has_passed() => Err(JoinError::TimedOut),
            Err(_) => Err(JoinError::Refused),
        }
    }

    /// Returns how many tasks are in which state, at this moment. Never blocks.
    pub fn stats(&self) -> Stats {
        self.engine.look();
        self.engine.stats()
    }

    /// Returns the process ids of the workers at this moment. Never blocks.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.engine.processes()
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool")
            .field("workers", &self.worker_ids())
            .field("stats", &self.engine.stats())
            .finish_non_exhaustive()
    }
}

/// A view of a pool, for tasks with a priority and limits: see [`ProcessPool::at`].
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pool: &'a ProcessPool,
    limits: Limits,
}

impl<'a> At<'a> {
    /// Like [`ProcessPool::map`].
    pub fn map<A, R, I>(self, function: Function<A, R>, arguments: I) -> Map<'a, A, R, I::IntoIter>
    where
        A: Serialize + 'a,
        R: DeserializeOwned + 'a,
        I: IntoIterator<Item = A>,
    {
        let submit = move |argument: &A| self.submit(function, argument);
        Map::new(Box::new(submit), self.pool.workers, arguments.into_iter())
    }

    /// Sets how long a task may run. If it runs for longer, it ends with
    /// [`TaskError::TimedOut`](super::TaskError::TimedOut): the pool kills its worker, and a new process
    /// takes that worker's place.
    #[must_use]
    pub fn time_limit(mut self, time: Duration) -> Self {
        self.limits.time = Some(time);
        self
    }

    /// Sets how often a task runs again if its worker dies, in a pool with
    /// [`OnWorkerDeath::Retry`](super::OnWorkerDeath::Retry).
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.limits.retries = retries;
        self
    }

    /// Like [`ProcessPool::submit`].
    ///
    /// # Errors
    /// The same as for [`ProcessPool::submit`].
    pub fn submit<A: Serialize, R>(
        self,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        self.put(function, argument, Deadline::NEVER)
    }

    /// Like [`ProcessPool::try_submit`].
    ///
    /// # Errors
    /// The same as for [`ProcessPool::try_submit`].
    pub fn try_submit<A: Serialize, R>(
        self,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        self.put(function, argument, Deadline::PASSED)
    }

    /// Like [`ProcessPool::submit_timeout`].
    ///
    /// # Errors
    /// The same as for [`ProcessPool::submit_timeout`].
    pub fn submit_timeout<A: Serialize, R>(
        self,
        timeout: Duration,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        self.put(function, argument, Deadline::after(timeout))
    }

    /// Like [`ProcessPool::submit_deadline`].
    ///
    /// # Errors
    /// The same as for [`ProcessPool::submit_deadline`].
    pub fn submit_deadline<A: Serialize, R>(
        self,
        deadline: Instant,
        function: Function<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SubmitError> {
        self.put(function, argument, deadline.into())
    }

    /// Like [`ProcessPool::submit_async`].
    pub fn submit_async<A: Serialize, R>(self, function: Function<A, R>, argument: &A) -> Submitting<'a, R> {
        Submitting::new(&self.pool.engine, self.task(function, argument))
    }

    fn put<A: Serialize, R>(
        self,
        function: Function<A, R>,
        argument: &A,
        deadline: Deadline,
    ) -> Result<Task<R>, SubmitError> {
        let task = self.task(function, argument)?;
        match (self.pool.engine).submit(task.call(), &mut WaitContext::until(deadline)) {
            Ok(()) => Ok(task),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Makes the task, which is not submitted yet.
    fn task<A: Serialize, R>(self, function: Function<A, R>, argument: &A) -> Result<Task<R>, SubmitError> {
        let engine = &self.pool.engine;
        if engine.is_of_parent() {
            return Err(SubmitError::Forked);
        }
        let bytes = wire::call(function, argument).map_err(|error| SubmitError::Argument(error.into()))?;
        let call = Call::new(engine.arena(), &[&bytes], self.limits)
            .map_err(|error| SubmitError::NoRoom(error.into()))?;
        let signature = Function::<A, R>::signature;
        Ok(Task::new(engine.clone(), call, function.name(), signature))
    }
}
