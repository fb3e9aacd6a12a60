//! The tasks of a pool and the workers that take them.

use std::fmt;

use interlock_queue::{Discard, GetError, PutError, Queue};
use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{Patience, fork};

use crate::lanes::Lanes;

/// The tasks that wait for a worker, and how many workers wait for a task. See `PROTOCOL.md` beside this crate.
pub struct WorkQueue<W> {
    tasks: Queue<Lanes<W>>,
    /// Workers that wait for a task, or are about to, or are about to take the one that they were notified of.
    idle: AtomicU32,
}

impl<W> fmt::Debug for WorkQueue<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue")
            .field("waiting", &self.len())
            .finish_non_exhaustive()
    }
}

/// What became of a task that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// An idle worker takes it.
    WorkerIsIdle,
    /// More tasks wait than workers are idle: another worker would be of use.
    WorkerIsWanted,
}

impl<W> WorkQueue<W> {
    /// A queue for at most `bound` waiting tasks; 0 for any number.
    pub fn new(bound: usize) -> Self {
        // So that the child of a fork does not count its parent's workers.
        fork::watch();
        WorkQueue {
            tasks: Queue::new(bound),
            idle: AtomicU32::new(0),
        }
    }

    /// Puts a task in if there is room. Never blocks.
    ///
    /// # Errors
    /// The queue is full or shut down; the task comes back.
    #[inline]
    pub fn try_put(&self, priority: i64, work: W) -> Result<Placed, PutError<W>> {
        match self.tasks.try_put((priority, work)) {
            Ok(()) => Ok(self.placed()),
            Err(error) => Err(without_priority(error)),
        }
    }

    /// Puts a task in. Blocks while the queue is full, until `patience` ends.
    ///
    /// # Errors
    /// The queue stayed full, is shut down, or the host ended the wait; the task comes back.
    pub fn put_with(
        &self,
        priority: i64,
        work: W,
        patience: &mut Patience<'_>,
    ) -> Result<Placed, PutError<W>> {
        match self.tasks.put_with((priority, work), patience) {
            Ok(()) => Ok(self.placed()),
            Err(error) => Err(without_priority(error)),
        }
    }

    /// Puts a task in, whether there is room or not. Never blocks.
    ///
    /// # Errors
    /// The queue is shut down; the task comes back.
    pub fn put_over(&self, priority: i64, work: W) -> Result<Placed, PutError<W>> {
        match self.tasks.put_over((priority, work)) {
            Ok(()) => Ok(self.placed()),
            Err(error) => Err(without_priority(error)),
        }
    }

    /// Changes the bound: at most `bound` waiting tasks, 0 for any number. Tasks over it stay. Never blocks.
    pub fn set_bound(&self, bound: usize) {
        self.tasks.set_bound(bound);
    }

    #[inline]
    fn placed(&self) -> Placed {
        // Relaxed: a worker that is not counted yet finds the task; at worst one worker too many is started.
        if self.tasks.len() > self.idle.load(Ordering::Relaxed) as usize {
            Placed::WorkerIsWanted
        } else {
            Placed::WorkerIsIdle
        }
    }

    /// Takes a task if there is one. Never blocks.
    ///
    /// # Errors
    /// There is none, or there will never be one again.
    #[inline]
    pub fn try_take(&self) -> Result<W, GetError> {
        self.tasks.try_get().map(|(_, work)| work)
    }

    /// Takes a task. Blocks while there is none, until `patience` ends.
    ///
    /// # Errors
    /// There was none for that long; there will never be one again; the host ended the wait.
    pub fn take_with(&self, patience: &mut Patience<'_>) -> Result<W, GetError> {
        // Relaxed: see `placed`.
        self.idle.fetch_add(1, Ordering::Relaxed);
        let taken = self.tasks.get_with(patience);
        // Relaxed: as above. The child of a fork may have begun again from 0.
        let _ = self
            .idle
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |idle| idle.checked_sub(1));
        taken.map(|(_, work)| work)
    }

    /// How many tasks wait, at this moment. Never blocks.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether no task waits, at this moment. Never blocks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes no more tasks. Those that wait are still handed out; then every worker is told to end. Never blocks.
    pub fn shutdown(&self) {
        self.tasks.shutdown(Discard::Nothing);
    }

    /// Whether it takes no more tasks.
    pub fn is_shut_down(&self) -> bool {
        self.tasks.is_shut_down()
    }

    /// Takes out all tasks that wait. Never blocks.
    pub fn drain(&self) -> impl Iterator<Item = W> + use<W> {
        self.tasks.clear().into_works()
    }

    /// Forgets the workers of the process that this one was forked from. The tasks stay.
    pub fn forget_workers(&self) {
        self.tasks.reset_waiters();
        // Relaxed: the child has one thread.
        self.idle.store(0, Ordering::Relaxed);
    }

    /// Visits each waiting task where it lies, under the lock: `visit` must only look. Nothing happens when another thread
    /// is at work on the queue. Never blocks.
    pub fn try_for_each(&self, visit: &mut dyn FnMut(&W)) {
        self.tasks.try_look(|lanes| lanes.for_each(visit));
    }
}

fn without_priority<W>(error: PutError<(i64, W)>) -> PutError<W> {
    match error {
        PutError::Full((_, work)) => PutError::Full(work),
        PutError::ShutDown((_, work)) => PutError::ShutDown(work),
        PutError::Interrupted((_, work)) => PutError::Interrupted(work),
        PutError::Retired((_, work)) => PutError::Retired(work),
    }
}
