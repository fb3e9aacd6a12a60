//! What a thread pool and its workers share, and how a task gets a worker.
//!
//! Its claims are in `PROTOCOL.md` beside this crate.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlock_os::thread;
use interlock_queue::{PutError, PutOutcome};
use interlock_wait::primitive::global::{AtomicU32, AtomicU64, Ordering};
use interlock_wait::{Deadline, Interest, ThreadId, TraceEvent, fork, observes, report, spawn};

use crate::step::{set_worker, step};
use crate::task::{Tally, Work};
use crate::task_error::SubmitError;
use crate::wait_group::{Started, WaitGroup};
use crate::work_queue::WorkQueue;

/// What a pool and its workers share.
pub(crate) struct Shared {
    pub(crate) queue: WorkQueue<Arc<dyn Work>>,
    pub(crate) workers: WaitGroup,
    pub(crate) most: usize,
    name: String,
    stack_size: usize,
    pub(crate) tally: Tally,
    /// The process that the tasks in the queue belong to.
    generation: AtomicU32,
    /// One more than the generation of the process in which the pool has, or had, a worker for certain; 0 as long as it never
    /// had one. Such a worker stays until the queue is shut down and empty.
    has_worker_since: AtomicU32,
}

/// Why a task was not taken.
pub(crate) enum Refusal {
    Full,
    ShutDown,
    NoThread(io::Error),
}

impl Refusal {
    /// The error that gives `function` back.
    pub(crate) fn with<F>(self, function: F) -> SubmitError<F> {
        match self {
            Refusal::Full => SubmitError::Full(function),
            Refusal::ShutDown => SubmitError::ShutDown(function),
            Refusal::NoThread(error) => SubmitError::NoThread(function, error),
        }
    }
}

/// How many tasks a pool has, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// That it took, since it was made.
    pub submitted: u64,
    /// That wait for a worker. One that was cancelled counts until a worker finds out.
    pub waiting: usize,
    /// That run.
    pub running: u64,
    /// That were run to their end, since the pool was made.
    pub done: u64,
    /// That ended with a panic, among those that are done.
    pub failed: u64,
    /// Not tasks: the workers that the pool has started.
    pub workers: usize,
}

impl Shared {
    /// A pool of at most `most` workers, without any.
    pub(crate) fn new(most: usize, name: String, stack_size: usize, max_pending: usize) -> Self {
        Shared {
            queue: WorkQueue::new(max_pending),
            workers: WaitGroup::new(),
            most,
            name,
            stack_size,
            tally: Tally::default(),
            generation: AtomicU32::new(fork::generation()),
            has_worker_since: AtomicU32::new(0),
        }
    }

    /// In the child of a fork, forgets the tasks of the parent's: their workers are not here, and they are not run twice.
    pub(crate) fn renew(&self) {
        let now = fork::generation();
        // Relaxed: who comes a moment too early or too late meets tasks of the parent's, which no worker runs.
        if self.generation.load(Ordering::Relaxed) == now {
            return;
        }
        // Relaxed: as above.
        if self.generation.swap(now, Ordering::Relaxed) != now {
            drop(step(|| {
                self.queue.forget_workers();
                self.queue.drain()
            }));
            // Relaxed: counts. What is not done yet is not done here.
            let done = self.tally.done.load(Ordering::Relaxed);
            let dropped = self.submitted().saturating_sub(done);
            // Relaxed: as above.
            self.tally.dropped.store(dropped, Ordering::Relaxed);
        }
    }

    /// How many tasks were taken, since the pool was made.
    fn submitted(&self) -> u64 {
        // Relaxed: a count.
        self.queue.put_so_far() as u64 + self.tally.first.load(Ordering::Relaxed)
    }

    /// See [`ThreadPool::stats`](crate::ThreadPool::stats).
    pub(crate) fn stats(&self) -> Stats {
        self.renew();
        step(|| {
            // Relaxed: counts, each by itself.
            let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let done = of(&self.tally.done);
            let ended = done + of(&self.tally.dropped);
            let (submitted, waiting) = (self.submitted(), self.queue.len());
            Stats {
                submitted,
                waiting,
                running: submitted.saturating_sub(ended + waiting as u64),
                done,
                failed: of(&self.tally.failed),
                workers: self.workers.len(),
            }
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
        self.renew();
        // Relaxed: the worker comes to the queue of itself.
        if self.has_worker_since.load(Ordering::Relaxed) != fork::generation() + 1 && self.staff(&work)? {
            return Ok(());
        }
        match self.put(priority, work, deadline) {
            Ok(PutOutcome::GetterNotified) => {}
            // If there can't be another one, those that there are do it all.
            Ok(PutOutcome::NoGetter) => drop(self.spawn_worker(None)),
            Err(PutError::Full(_) | PutError::Interrupted(_)) => return Err(Refusal::Full),
            Err(PutError::ShutDown(_) | PutError::Retired(_)) => return Err(Refusal::ShutDown),
        }
        Ok(())
    }

    fn put(
        &self,
        priority: i64,
        work: Arc<dyn Work>,
        deadline: Deadline,
    ) -> Result<PutOutcome, PutError<Arc<dyn Work>>> {
        match step(|| self.queue.push_wake_one(priority, work)) {
            Err(PutError::Full(work)) => self.queue.put_fork_guarded(priority, work, deadline),
            placed => placed,
        }
    }

    /// Sees to it that the pool has a worker; whether that is a new one, which begins with `work`. A task that lay in the queue
    /// before could not be taken out of it again.
    #[cold]
    fn staff(self: &Arc<Self>, work: &Arc<dyn Work>) -> Result<bool, Refusal> {
        loop {
            let (new, refusal) = match self.spawn_worker(Some(work.clone())) {
                Started::Yes => (true, None),
                Started::Failed(refusal) => (false, Some(refusal)),
                Started::Enough => (false, None),
            };
            if new || self.workers.has_any() {
                // Relaxed: it says nothing of other words.
                self.has_worker_since
                    .store(fork::generation() + 1, Ordering::Relaxed);
                return Ok(new);
            }
            // If it was others who failed, it is this one's turn.
            refusal.map_or(Ok(()), Err)?;
        }
    }

    /// Starts another worker, if the pool may have one: it begins with `first`.
    fn spawn_worker(self: &Arc<Self>, first: Option<Arc<dyn Work>>) -> Started<Refusal> {
        self.workers.try_start(self.most, |number| {
            let begins = first.is_some();
            // When the worker is counted already: who shuts the pool down from now on waits for it.
            if begins && step(|| self.queue.is_shut_down()) {
                return Err(Refusal::ShutDown);
            }
            let worker = Worker {
                shared: self.clone(),
                number,
                generation: fork::generation(),
                first,
            };
            // Relaxed: a count. Before its task can be done.
            self.tally.first.fetch_add(u64::from(begins), Ordering::Relaxed);
            spawn(self.stack_size, move || worker.live()).map_err(|error| {
                // Relaxed: as above.
                self.tally.first.fetch_sub(u64::from(begins), Ordering::Relaxed);
                Refusal::NoThread(error)
            })
        })
    }
}

/// What a thread is started for: task after task, until there will be no more.
struct Worker {
    shared: Arc<Shared>,
    number: usize,
    generation: u32,
    /// The task that it was started for, which is not in the queue.
    first: Option<Arc<dyn Work>>,
}

impl Worker {
    /// Whether a task has forked, and this is the child. Its only thread is nobody's worker.
    fn has_forked(&self) -> bool {
        self.generation != fork::generation()
    }

    /// The life of the thread.
    fn live(mut self) {
        thread::set_name(&format!("{}-{}", self.shared.name, self.number));
        if observes(Interest::Waits) {
            let me = ThreadId::current();
            fork::fork_guarded(|| self.shared.workers.show_member());
            report(TraceEvent::ThreadBegan { thread: me });
        }
        set_worker(true);
        self.work();
        set_worker(false);
        if observes(Interest::Waits) {
            let me = ThreadId::current();
            report(TraceEvent::ThreadEnded { thread: me });
        }
        if !self.has_forked() {
            fork::fork_guarded(|| self.shared.workers.leave());
        }
    }

    fn work(&mut self) {
        let mut first = self.first.take();
        let Shared { queue, tally, .. } = &*self.shared;
        let mut next = || match first.take() {
            Some(work) => {
                let begun = step(|| work.begin());
                Ok((work, begun))
            }
            None => queue.take_fork_guarded(|work| work.begin()),
        };
        while let Ok((work, begun)) = next() {
            if begun {
                // The panics of tasks are caught already. What is left is user code at the end of one: a waker, or the drop
                // of a value that nobody wanted. It must not end the worker.
                let _ = catch_unwind(AssertUnwindSafe(move || work.run(tally)));
            } else {
                // Relaxed: a count.
                tally.dropped.fetch_add(1, Ordering::Relaxed);
                let _ = catch_unwind(AssertUnwindSafe(move || drop(work)));
            }
            if self.has_forked() {
                break;
            }
        }
    }
}
