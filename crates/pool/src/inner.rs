//! The part that a thread pool and its workers share: the core, with operating-system threads as workers.
//!
//! The claims are in `PROTOCOL.md` of this crate.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::{Arc, Weak};

use interlock_os::thread;
use interlock_queue::{GetError, PutError, PutOutcome};
use interlock_wait::primitive::global::{AtomicU32, Ordering};
use interlock_wait::{
    Deadline, Interest, OnUnwind, RawWordLock, ThreadId, TraceEvent, fork, observes, report, spawn_named,
};

use crate::core::PoolCore;
use crate::panics::{Panics, contained};
use crate::step::{set_worker, step};
use crate::table::Stats;
use crate::task_error::SubmitError;
use crate::worker_life::{Growth, Runner, Running, Started, WorkerToken};

/// The number of the next pool. 0 stands for no pool.
static NUMBERS: AtomicU32 = AtomicU32::new(1);

thread_local! {
    /// The pool whose worker this thread is, and the process in which it is one.
    static OWN: RefCell<Option<(Arc<Inner>, u32)>> = const { RefCell::new(None) };
    /// The pool whose task this thread has lost last: see [`Queued`]. 0 for none.
    static LOST: Cell<u32> = const { Cell::new(0) };
}

/// Returns the pool whose worker the calling thread is.
pub(crate) fn own_pool() -> Option<Arc<Inner>> {
    OWN.with_borrow(|own| match own {
        // In the child of a fork, the thread that forked is not a worker any more.
        Some((inner, generation)) if *generation == fork::generation() => Some(inner.clone()),
        _ => None,
    })
}

/// The pool that a task was submitted to.
#[derive(Default)]
pub(crate) struct Home {
    /// Its number; 0 for a task that no pool runs.
    pub(crate) pool: u32,
    /// The pool itself, if its submitters wait for room.
    pub(crate) place: Option<Weak<Inner>>,
}

/// The side of a task that its pool sees.
pub(crate) trait Work: Send + Sync {
    /// Begins with the task. Returns `false` if it should not be run. The caller wraps this in a step.
    fn begin(&self) -> bool;

    /// Runs the task after `begin`, and counts it by `running`.
    fn run(&self, running: Running<'_>);

    /// Cancels the task after it was taken out of the queue.
    fn cancel(&self) -> bool;

    /// Gives the task up: the parent process runs it.
    fn abandon(&self);

    /// Ends it because a panic in a step of its worker has lost it: it is cancelled, or fails if it was begun with. Does nothing
    /// if it has ended.
    fn lose(&self);

    /// The number of its pool.
    fn pool(&self) -> u32;
}

/// A task on its way through the queue to the worker that runs it. However a step on this way ends, the task ends: if this is
/// dropped before it has arrived, because a panic unwinds, the task is lost, and its waiters are told.
pub(crate) struct Queued(Option<Arc<dyn Work>>);

impl Queued {
    fn new(work: Arc<dyn Work>) -> Self {
        Queued(Some(work))
    }

    /// The task, for a caller that ends it.
    fn arrive(mut self) -> Option<Arc<dyn Work>> {
        self.0.take()
    }

    fn begin(&self) -> bool {
        self.0.as_ref().is_some_and(|work| work.begin())
    }

    fn is(&self, matches: impl FnOnce(&Arc<dyn Work>) -> bool) -> bool {
        self.0.as_ref().is_some_and(matches)
    }
}

impl Drop for Queued {
    #[inline]
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            lose(work);
        }
    }
}

#[cold]
fn lose(work: Arc<dyn Work>) {
    LOST.set(work.pool());
    contained(|| work.lose());
    contained(|| drop(work));
}

/// Runs a task that a worker took, if the worker `has_begun` with it. No panic of the program's code leaves this
/// function.
fn run(queued: Queued, has_begun: bool, running: Running<'_>) {
    let Some(work) = queued.arrive() else {
        return;
    };
    let mut panics = Panics::NONE;
    if has_begun {
        if panics.catch(|| work.run(running)).is_none() {
            panics.catch(|| work.lose());
        }
    } else {
        step(|| drop(running));
    }
    // If there is no handle, this may drop the result.
    panics.catch(|| drop(work));
    panics.discard();
}

/// The part that a pool and its workers share.
pub(crate) struct Inner {
    core: PoolCore<Queued>,
    pub(crate) limit: usize,
    name: String,
    stack_size: usize,
    /// A number that no other pool has.
    pub(crate) number: u32,
    /// Whether submitters may have to wait for room.
    is_bounded: bool,
    /// One more than the generation of the process in which the pool certainly has, or had, a worker; 0 if it never
    /// had one. Such a worker stays until the queue is shut down and empty.
    has_worker_since: AtomicU32,
    /// The same for the process in which all workers that the limit allows have started. Then puts need not look at
    /// the table.
    is_full_since: AtomicU32,
}

/// Why a task was not accepted.
pub(crate) enum Refusal {
    Full,
    Refused,
    ShutDown,
    NoThread(io::Error),
}

impl Refusal {
    /// Returns the error that returns `function`.
    pub(crate) fn with<F>(self, function: F) -> SubmitError<F> {
        match self {
            Refusal::Full => SubmitError::Full(function),
            Refusal::Refused => SubmitError::Refused(function),
            Refusal::ShutDown => SubmitError::ShutDown(function),
            Refusal::NoThread(error) => SubmitError::NoThread(function, error),
        }
    }
}

impl Inner {
    /// Creates a pool for at most `limit` workers, and starts none.
    pub(crate) fn new(limit: usize, name: String, stack_size: usize, max_pending: usize) -> Self {
        Inner {
            core: PoolCore::new(limit, max_pending),
            limit,
            name,
            stack_size,
            // Relaxed: the numbers only have to differ.
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            is_bounded: max_pending > 0,
            has_worker_since: AtomicU32::new(0),
            is_full_since: AtomicU32::new(0),
        }
    }

    /// Returns the core. In the child of a fork, without the tasks and workers of the parent.
    pub(crate) fn core(&self) -> &PoolCore<Queued> {
        let of_parent = step(|| self.core.forget_parent()).into_iter().flatten();
        for work in of_parent.filter_map(Queued::arrive) {
            let mut panics = Panics::NONE;
            panics.catch(|| work.abandon());
            panics.catch(|| drop(work));
            panics.discard();
        }
        &self.core
    }

    /// Returns what a task stores about its pool.
    pub(crate) fn home(self: &Arc<Self>) -> Home {
        Home {
            pool: self.number,
            place: self.is_bounded.then(|| Arc::downgrade(self)),
        }
    }

    /// Returns whether the calling thread is a worker of this pool.
    pub(crate) fn is_own(&self) -> bool {
        own_pool().is_some_and(|own| own.number == self.number)
    }

    /// Takes out the task for which `matches` is true, if it waits.
    pub(crate) fn take_back(&self, mut matches: impl FnMut(&Arc<dyn Work>) -> bool) {
        let taken = step(|| self.core.take_back(|queued| queued.is(&mut matches)));
        drop(taken.and_then(Queued::arrive));
    }

    /// Runs the task for which `matches` is true, if it waits. The calling thread is a worker.
    pub(crate) fn run_if_waiting(&self, mut matches: impl FnMut(&Arc<dyn Work>) -> bool) {
        let taken = step(|| {
            let (queued, running) = self.core.take_to_run(|queued| queued.is(&mut matches))?;
            let has_begun = queued.begin();
            Some((queued, has_begun, running))
        });
        if let Some((queued, has_begun, running)) = taken {
            run(queued, has_begun, running);
        }
    }

    /// Stops the pool from accepting tasks.
    pub(crate) fn shutdown(&self) {
        step(|| self.core.shutdown());
    }

    /// See [`ThreadPool::stats`](crate::ThreadPool::stats).
    pub(crate) fn stats(&self) -> Stats {
        let core = self.core();
        step(|| core.stats())
    }

    /// Takes out the waiting tasks, and counts them as dropped.
    pub(crate) fn drain(&self) -> Vec<Arc<dyn Work>> {
        let core = self.core();
        step(|| {
            let tasks: Vec<_> = core.drain().filter_map(Queued::arrive).collect();
            core.drop_drained(tasks.len() as u64);
            tasks
        })
    }

    /// Gives a task to a new worker if the pool has no worker; otherwise puts it into the queue. Blocks while the
    /// queue is full, until `deadline`. A worker of this pool never waits without a deadline: it ignores the bound.
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
        let placed = match step(|| self.core.push_wake_one(priority, Queued::new(work))) {
            Err(PutError::Full(queued)) if deadline == Deadline::NEVER && self.is_own() => {
                step(|| self.core.put_unbounded(priority, queued))
            }
            Err(PutError::Full(queued)) => self.wait_to_put(priority, queued, deadline),
            placed => placed,
        };
        // A task that was refused goes back to its submitter, which has it still.
        let (refusal, queued) = match placed {
            Ok(PutOutcome::GetterNotified) => return Ok(()),
            Ok(placed) => {
                // Relaxed: the worker comes to the queue of itself.
                if self.is_full_since.load(Ordering::Relaxed) != fork::generation() + 1 {
                    self.start_missing_worker(placed);
                }
                return Ok(());
            }
            Err(PutError::Full(queued)) => (Refusal::Full, queued),
            // There is no host, so an observer refused the wait.
            Err(PutError::Interrupted(queued)) => (Refusal::Refused, queued),
            Err(PutError::ShutDown(queued) | PutError::Retired(queued)) => (Refusal::ShutDown, queued),
        };
        drop(queued.arrive());
        Err(refusal)
    }

    fn wait_to_put(
        &self,
        priority: i64,
        queued: Queued,
        deadline: Deadline,
    ) -> Result<PutOutcome, PutError<Queued>> {
        // If the wait unwinds, the task was never in the queue: no worker has lost it.
        let unwinds = OnUnwind::new(|| LOST.set(0));
        let placed = self.core.put_fork_guarded(priority, queued, deadline);
        unwinds.defuse();
        placed
    }

    /// Makes sure that the pool has a worker. Returns whether the worker is new, and begins with `work`. (`work` is
    /// not in the queue yet, because it could not be taken out again.)
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

    /// Starts a worker for a task that found no idle worker, if the limit allows it. If no thread can be started,
    /// the present workers run the task.
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

    /// Starts another worker, if the limit allows it. The worker begins with `first`.
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
        let name = worker.name();
        spawn_named(&name, self.stack_size, move || worker.live()).map_err(Refusal::NoThread)
    }

    /// Starts a thread that calls `body` as a worker of this pool does, and then exits. The thread does not count
    /// as a worker: it stands in for a worker that waits for it.
    #[cold]
    pub(crate) fn start_stand_in(self: &Arc<Self>, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let (inner, name) = (self.clone(), format!("{}-nested", self.name));
        spawn_named(&name.clone(), self.stack_size, move || {
            inner.as_worker(&name, body);
        })
    }

    /// Calls `body`, which does not panic, on a thread that was started for this pool: as one of its workers. An observer that
    /// panics costs neither a task nor the worker.
    fn as_worker(self: &Arc<Self>, name: &str, body: impl FnOnce()) {
        // The kernel keeps only part of a long name, which is cut between two characters.
        thread::set_name(name);
        announce(|thread| TraceEvent::ThreadBegan { thread });
        set_worker(true);
        OWN.set(Some((self.clone(), fork::generation())));
        body();
        OWN.set(None);
        set_worker(false);
        announce(|thread| TraceEvent::ThreadEnded { thread });
    }
}

/// Tells an observer of an event in the life of the calling thread.
fn announce(event: impl FnOnce(ThreadId) -> TraceEvent) {
    if observes(Interest::Waits) {
        report(event(ThreadId::current()));
    }
}

/// A worker: what its thread runs.
struct Worker {
    inner: Arc<Inner>,
    token: WorkerToken,
    generation: u32,
    /// The task that it was started for, which is not in the queue.
    first: Option<Arc<dyn Work>>,
    /// Whether the task that it took last should be run.
    has_begun: bool,
}

/// A worker that counts. However its life ends, it is counted out.
struct Counted<'a>(&'a Inner, WorkerToken);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        fork::fork_guarded(|| self.0.core.leave(self.1));
    }
}

impl Worker {
    /// Returns whether a task has forked and this is the child. Its only thread is not a worker.
    fn has_forked(&self) -> bool {
        self.generation != fork::generation()
    }

    fn name(&self) -> String {
        format!("{}-{}", self.inner.name, self.token.number())
    }

    /// Runs the worker, from the start of its thread to the end.
    fn live(mut self) {
        let inner = self.inner.clone();
        let _counted = Counted(&inner, self.token);
        if observes(Interest::Waits) {
            fork::fork_guarded(|| inner.core.show_worker());
        }
        inner.as_worker(&self.name(), || {
            // Whatever panics, the worker goes on: other threads count on it until the queue is shut down and empty.
            while contained(|| inner.core.work(&mut self)).is_none() {
                self.recover();
            }
        });
    }

    /// Goes on after a step of its own has panicked, by a waker that heard of room, for instance. What it had taken was lost.
    #[cold]
    fn recover(&self) {
        if LOST.replace(0) == self.inner.number {
            contained(|| step(|| drop(self.inner.core.running())));
        }
    }
}

impl Runner<Queued, RawWordLock> for Worker {
    type Error = std::convert::Infallible;

    fn next(&mut self, core: &PoolCore<Queued>) -> Result<Result<Queued, GetError>, Self::Error> {
        if self.has_forked() {
            return Ok(Err(GetError::ShutDown));
        }
        if let Some(work) = self.first.take() {
            let queued = Queued::new(work);
            self.has_begun = step(|| queued.begin());
            return Ok(Ok(queued));
        }
        let taken = core.take_fork_guarded(Queued::begin);
        Ok(taken.map(|(queued, has_begun)| {
            self.has_begun = has_begun;
            queued
        }))
    }

    fn run(&mut self, queued: Queued, running: Running<'_>) -> Result<(), Self::Error> {
        run(queued, self.has_begun, running);
        Ok(())
    }
}
