//! The tasks of a pool whose workers are counted by the pool itself.

use std::fmt;

use interlock_queue::GetError;
use interlock_wait::Patience;
use interlock_wait::primitive::{AtomicU32, Ordering};

use crate::lanes::DEFAULT_PRIORITY;
use crate::work_queue::WorkQueue;

/// Tasks, and how many workers there are and how many of them are at a task.
///
/// A worker counts from [`enter`](Crew::enter) on, which may be before its thread runs: so whoever puts tasks can start the
/// workers that are missing first, and finds afterwards that nobody is missing.
pub struct Crew<W> {
    tasks: WorkQueue<W>,
    workers: AtomicU32,
    busy: AtomicU32,
}

impl<W> fmt::Debug for Crew<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("tasks", &self.tasks)
            .field("workers", &self.workers())
            .finish_non_exhaustive()
    }
}

impl<W> Default for Crew<W> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W> Crew<W> {
    /// No task and no worker.
    pub fn new() -> Self {
        Crew {
            tasks: WorkQueue::new(0),
            workers: AtomicU32::new(0),
            busy: AtomicU32::new(0),
        }
    }

    /// How many workers are to be started for `more` tasks, of which there may be `most`. Never blocks.
    pub fn missing(&self, more: usize, most: u32) -> u32 {
        // Who puts a task asks again afterwards.
        // Relaxed: a count that orders nothing.
        let workers = self.workers.load(Ordering::Relaxed);
        // Relaxed: a count that orders nothing.
        let free = workers.saturating_sub(self.busy.load(Ordering::Relaxed));
        let wanted = u32::try_from(self.tasks.len() + more).unwrap_or(u32::MAX);
        wanted.saturating_sub(free).min(most.saturating_sub(workers))
    }

    /// Counts one worker more.
    pub fn enter(&self) {
        // Relaxed: a count that orders nothing.
        self.workers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one worker less.
    pub fn leave(&self) {
        // Relaxed: a count that orders nothing.
        self.workers.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many workers there are.
    pub fn workers(&self) -> u32 {
        // Relaxed: a count that orders nothing.
        self.workers.load(Ordering::Relaxed)
    }

    /// Puts a task in. Never blocks.
    ///
    /// # Errors
    /// No more tasks are taken; the task comes back.
    pub fn put(&self, work: W) -> Result<(), W> {
        match self.tasks.try_put(DEFAULT_PRIORITY, work) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.into_inner()),
        }
    }

    /// Takes a task if there is one; the worker is busy from now on. Never blocks.
    ///
    /// # Errors
    /// There is none, or there will never be one again.
    pub fn try_take(&self) -> Result<W, GetError> {
        let taken = self.tasks.try_take()?;
        // Relaxed: a count that orders nothing.
        self.busy.fetch_add(1, Ordering::Relaxed);
        Ok(taken)
    }

    /// Takes a task; the worker is busy from now on. Blocks while there is none, until `patience` ends.
    ///
    /// # Errors
    /// There was none for that long; there will never be one again; the host ended the wait.
    pub fn take_with(&self, patience: &mut Patience<'_>) -> Result<W, GetError> {
        let taken = self.tasks.take_with(patience)?;
        // Relaxed: a count that orders nothing.
        self.busy.fetch_add(1, Ordering::Relaxed);
        Ok(taken)
    }

    /// Says that a worker has done its task.
    pub fn done(&self) {
        // In the child of a fork the count began again from 0.
        let _ = self
            .busy
            // Relaxed: a count that orders nothing.
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |busy| busy.checked_sub(1));
    }

    /// How many tasks wait, at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.tasks.len()
    }

    /// Takes no more tasks. Those that wait are still handed out; then every worker is told to end. Never blocks.
    pub fn close(&self) {
        self.tasks.shutdown();
    }

    /// Takes out all tasks that wait. Never blocks.
    pub fn drain(&self) -> impl Iterator<Item = W> + use<W> {
        self.tasks.drain()
    }

    /// Forgets the workers of the process that this one was forked from. The tasks stay.
    pub fn forget_workers(&self) {
        self.tasks.forget_workers();
        // Relaxed: a count that orders nothing.
        self.workers.store(0, Ordering::Relaxed);
        // Relaxed: a count that orders nothing.
        self.busy.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_missing_until_they_are_as_many_as_tasks_or_as_many_as_may_be() {
        let crew = Crew::new();
        assert_eq!(crew.missing(5, 3), 3);
        assert_eq!(crew.missing(2, 3), 2);
        crew.enter();
        assert_eq!(
            (crew.missing(1, 3), crew.missing(2, 3), crew.missing(0, 3)),
            (0, 1, 0)
        );
        crew.put('a').unwrap();
        assert_eq!((crew.missing(0, 3), crew.missing(1, 3)), (0, 1));
        assert_eq!(crew.try_take().unwrap(), 'a');
        assert_eq!(
            (crew.missing(0, 3), crew.missing(1, 3), crew.missing(1, 1)),
            (0, 1, 0)
        );
        crew.done();
        assert_eq!(crew.missing(1, 3), 0);
        crew.leave();
        assert_eq!((crew.workers(), crew.missing(1, 3)), (0, 1));
    }

    #[test]
    fn a_closed_crew_gives_out_what_waits_and_takes_no_more() {
        let crew = Crew::new();
        crew.put(1).unwrap();
        crew.close();
        assert_eq!(crew.put(2), Err(2));
        assert_eq!(crew.try_take(), Ok(1));
        assert_eq!(crew.try_take(), Err(GetError::ShutDown));
        crew.forget_workers();
        crew.done();
        assert_eq!(crew.missing(1, 1), 1);
    }
}
