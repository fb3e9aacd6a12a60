//! What a thread pool and its workers share: the core, with operating-system threads as workers.
//!
//! Claims: `PROTOCOL.md` beside this crate.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlock_os::thread;
use interlock_queue::{GetError, PutError, PutOutcome};
use interlock_wait::primitive::global::{AtomicU32, Ordering};
use interlock_wait::{Deadline, Interest, RawWordLock, ThreadId, TraceEvent, fork, observes, report, spawn};

use crate::core::PoolCore;
use crate::step::{set_worker, step};
use crate::table::Stats;
use crate::task::Work;
use crate::task_error::SubmitError;
use crate::workers::{Growth, Runner, Running, Started, WorkerToken};

/// What a pool and its workers share.
pub(crate) struct Inner {
    core: PoolCore<Arc<dyn Work>>,
    pub(crate) limit: usize,
    name: String,
    stack_size: usize,
    /// One more than the generation of the process in which the pool has, or had, a worker for certain; 0 if it never had
    /// one. Such a worker stays until the queue is shut down and empty.
    has_worker_since: AtomicU32,
    /// The same for the process in which all workers that the limit allows have started. Puts need not ask the table then.
    is_full_since: AtomicU32,
}

/// Why a task was not taken.
pub(crate) enum Refusal {
    Full,
    ShutDown,
    NoThread(io::Error),
}

impl Refusal {
    /// The error that returns `function`.
    pub(crate) fn with<F>(self, function: F) -> SubmitError<F> {
        match self {
            Refusal::Full => SubmitError::Full(function),
            Refusal::ShutDown => SubmitError::ShutDown(function),
            Refusal::NoThread(error) => SubmitError::NoThread(function, error),
        }
    }
}

impl Inner {
    /// A pool of at most `limit` workers, without any.
    pub(crate) fn new(limit: usize, name: String, stack_size: usize, max_pending: usize) -> Self {
        Inner {
            core: PoolCore::new(limit, max_pending),
            limit,
            name,
            stack_size,
            has_worker_since: AtomicU32::new(0),
            is_full_since: AtomicU32::new(0),
        }
    }

    /// The core. In the child of a fork, without the tasks and workers of the parent.
    pub(crate) fn core(&self) -> &PoolCore<Arc<dyn Work>> {
        drop(step(|| self.core.forget_parent()));
        &self.core
    }

    /// Accepts no more tasks.
    pub(crate) fn shutdown(&self) {
        step(|| self.core.shutdown());
    }

    /// See [`ThreadPool::stats`](crate::ThreadPool::stats).
    pub(crate) fn stats(&self) -> Stats {
        let core = self.core();
        step(|| core.stats())
    }

    /// Takes out the tasks that wait, and counts them as dropped.
    pub(crate) fn drain(&self) -> Vec<Arc<dyn Work>> {
        let core = self.core();
        step(|| {
            let tasks: Vec<_> = core.drain().collect();
            core.drop_drained(tasks.len() as u64);
            tasks
        })
    }

    /// Gives a task to a new worker if the pool has none, or else puts it into the queue. Blocks while that is full, until
    /// `deadline`.
    pub(crate) fn submit(
        self: &Arc<Self>,
        priority: i64,
        work: Arc<dyn Work>,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        // Relaxed: the worker comes to the queue of itself.
        if self.has_worker_since.load(Ordering::Relaxed) != fork::generation() + 1
            && self.start_first_worker(&work)?
        {
            return Ok(());
        }
        let placed = match step(|| self.core.push_wake_one(priority, work)) {
            Err(PutError::Full(work)) => self.core.put_fork_guarded(priority, work, deadline),
            placed => placed,
        };
        match placed {
            Ok(PutOutcome::GetterNotified) => Ok(()),
            Ok(placed) => {
                // Relaxed: the worker comes to the queue of itself.
                if self.is_full_since.load(Ordering::Relaxed) != fork::generation() + 1 {
                    self.start_missing_worker(placed);
                }
                Ok(())
            }
            Err(PutError::Full(_) | PutError::Interrupted(_)) => Err(Refusal::Full),
            Err(PutError::ShutDown(_) | PutError::Retired(_)) => Err(Refusal::ShutDown),
        }
    }

    /// Makes sure that the pool has a worker. Returns whether it is a new one, which begins with `work`: a task that was put
    /// into the queue before could not be taken out again.
    #[cold]
    fn start_first_worker(self: &Arc<Self>, work: &Arc<dyn Work>) -> Result<bool, Refusal> {
        self.core();
        loop {
            let (new, refusal) = match self.start_worker(Some(work.clone())) {
                Started::Yes => (true, None),
                Started::Failed(refusal) => (false, Some(refusal)),
                Started::Enough => (false, None),
            };
            if new || self.core.has_worker() {
                // Relaxed: it says nothing of other words.
                self.has_worker_since
                    .store(fork::generation() + 1, Ordering::Relaxed);
                return Ok(new);
            }
            // If only other threads have failed to start one, this thread tries again.
            refusal.map_or(Ok(()), Err)?;
        }
    }

    /// Starts a worker for a task that was put and found none idle, if the limit allows it. If no thread can be started, the
    /// workers that there are run the task.
    #[cold]
    fn start_missing_worker(self: &Arc<Self>, placed: PutOutcome) {
        if step(|| self.core.missing(Growth::UnlessIdle(placed))) > 0 {
            drop(self.start_worker(None));
        } else if step(|| self.core.is_full()) {
            // Relaxed: it says nothing of other words.
            self.is_full_since
                .store(fork::generation() + 1, Ordering::Relaxed);
        }
    }

    /// Starts another worker, if the pool may have one. It begins with `first`.
    fn start_worker(self: &Arc<Self>, first: Option<Arc<dyn Work>>) -> Started<Refusal> {
        match first {
            None => self.core.try_start(|token| self.start_thread(token, None)),
            first => self.core.try_start_with_task(|token| {
                // The worker is counted by now, so a thread that shuts the pool down after this waits for it.
                if step(|| self.core.is_shut_down()) {
                    return Err(Refusal::ShutDown);
                }
                self.start_thread(token, first)
            }),
        }
    }

    fn start_thread(
        self: &Arc<Self>,
        token: WorkerToken,
        first: Option<Arc<dyn Work>>,
    ) -> Result<(), Refusal> {
        let worker = Worker {
            inner: self.clone(),
            token,
            generation: fork::generation(),
            first,
            has_begun: false,
        };
        spawn(self.stack_size, move || worker.live()).map_err(Refusal::NoThread)
    }
}

/// A worker: what its thread runs.
struct Worker {
    inner: Arc<Inner>,
    token: WorkerToken,
    generation: u32,
    /// The task that it was started for, which is not in the queue.
    first: Option<Arc<dyn Work>>,
    /// Whether the task that it took last is to be run.
    has_begun: bool,
}

impl Worker {
    /// Whether a task has forked and this is the child, whose only thread is no worker.
    fn has_forked(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Runs from the start of the thread to its end.
    fn live(mut self) {
        let inner = self.inner.clone();
        thread::set_name(&format!("{}-{}", inner.name, self.token.number()));
        if observes(Interest::Waits) {
            let me = ThreadId::current();
            fork::fork_guarded(|| inner.core.show_worker());
            report(TraceEvent::ThreadBegan { thread: me });
        }
        set_worker(true);
        let Ok(_) = inner.core.work(&mut self);
        set_worker(false);
        if observes(Interest::Waits) {
            let me = ThreadId::current();
            report(TraceEvent::ThreadEnded { thread: me });
        }
        fork::fork_guarded(|| inner.core.leave(self.token));
    }
}

impl Runner<Arc<dyn Work>, RawWordLock> for Worker {
    type Error = std::convert::Infallible;

    fn next(
        &mut self,
        core: &PoolCore<Arc<dyn Work>>,
    ) -> Result<Result<Arc<dyn Work>, GetError>, Self::Error> {
        if self.has_forked() {
            return Ok(Err(GetError::ShutDown));
        }
        if let Some(work) = self.first.take() {
            self.has_begun = step(|| work.begin());
            return Ok(Ok(work));
        }
        let taken = core.take_fork_guarded(|work| work.begin());
        Ok(taken.map(|(work, has_begun)| {
            self.has_begun = has_begun;
            work
        }))
    }

    fn run(&mut self, work: Arc<dyn Work>, running: Running<'_>) -> Result<(), Self::Error> {
        if self.has_begun {
            // The panics of tasks are caught in `run`. What is left is user code at the end of a task: a waker, or the drop
            // of a value without a handle. It must not end the worker.
            let _ = catch_unwind(AssertUnwindSafe(move || work.run(running)));
        } else {
            step(|| drop(running));
            let _ = catch_unwind(AssertUnwindSafe(move || drop(work)));
        }
        Ok(())
    }
}
