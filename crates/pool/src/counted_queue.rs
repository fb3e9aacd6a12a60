//! The tasks of a pool whose workers are counted by the pool itself. Claims: `PROTOCOL.md` beside this crate.

use std::fmt;

use interlock_queue::GetError;
use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{RawLock, RawWordLock, WaitContext};

use crate::priority_buckets::DEFAULT_PRIORITY;
use crate::work_queue::WorkQueue;

/// Tasks, and how many of them are not done, and how many workers there are.
///
/// A worker counts from [`enter`](CountedQueue::enter) on, which may be before its thread runs: so whoever puts tasks can start the
/// workers that are missing first, and finds afterwards that nobody is missing.
pub struct CountedQueue<W, L: RawLock = RawWordLock> {
    tasks: WorkQueue<W, L>,
    workers: AtomicU32,
    /// Tasks that wait, or that a worker is at. Each is counted from before it is put until after it is done. (Workers that
    /// are at a task can't be counted instead: one that has just taken its task would look free for another.)
    unfinished: AtomicU32,
}

impl<W, L: RawLock> fmt::Debug for CountedQueue<W, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedQueue")
            .field("tasks", &self.tasks)
            .field("workers", &self.workers())
            .finish_non_exhaustive()
    }
}

impl<W, L: RawLock> Default for CountedQueue<W, L> {
    fn default() -> Self {
        Self::new_in()
    }
}

impl<W> CountedQueue<W> {
    /// No task and no worker.
    pub fn new() -> Self {
        Self::new_in()
    }
}

impl<W, L: RawLock> CountedQueue<W, L> {
    /// As [`CountedQueue::new`], with a raw lock of the caller's choice.
    pub fn new_in() -> Self {
        CountedQueue {
            tasks: WorkQueue::new_in(0),
            workers: AtomicU32::new(0),
            unfinished: AtomicU32::new(0),
        }
    }

    /// How many workers are to be started for `more` tasks beside those that were put, of which there may be `most`. Never
    /// blocks.
    ///
    /// Who put a task asks for `more` = 0 afterwards: then every task that waits has a worker that is at no other one, or as
    /// many workers as there may be are counted, if those are started that this says.
    pub fn missing(&self, more: usize, most: u32) -> u32 {
        // Relaxed: workers and tasks that were counted before the caller's own task was put are seen, by the lock of the queue.
        let workers = self.workers.load(Ordering::Relaxed);
        // Relaxed: as above.
        let unfinished = self.unfinished.load(Ordering::Relaxed);
        let wanted = unfinished.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        wanted.min(most).saturating_sub(workers)
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
        // Relaxed: whoever comes to the queue after this task finds it counted, by the lock of the queue.
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        match self.tasks.try_put(DEFAULT_PRIORITY, work) {
            Ok(_) => Ok(()),
            Err(refusal) => {
                self.finish(1);
                Err(refusal.into_inner())
            }
        }
    }

    /// Takes a task if there is one; the worker is at it until it says [`done`](CountedQueue::done). Never blocks.
    ///
    /// # Errors
    /// There is none, or there will never be one again.
    pub fn try_take(&self) -> Result<W, GetError> {
        self.tasks.try_take()
    }

    /// Takes a task; the worker is at it until it says [`done`](CountedQueue::done). Blocks while there is none, until `context`
    /// ends.
    ///
    /// # Errors
    /// There was none for that long; there will never be one again; the host ended the wait.
    pub fn take_with(&self, context: &mut WaitContext<'_>) -> Result<W, GetError> {
        self.tasks.take_with(context)
    }

    /// Says that a worker has done its task.
    pub fn done(&self) {
        self.finish(1);
    }

    /// Counts tasks that are done, or that nobody will do.
    fn finish(&self, tasks: u32) {
        // In the child of a fork the count began again.
        let _ = self
            .unfinished
            // Relaxed: a task was counted before it could be taken, by the lock of the queue.
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                Some(count.saturating_sub(tasks))
            });
    }

    /// How many tasks wait, at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.tasks.len()
    }

    /// Takes no more tasks. Those that wait are still handed out; then every worker is told to end. Never blocks.
    pub fn close(&self) {
        self.tasks.shutdown();
    }

    /// Whether no more tasks are taken.
    pub fn is_closed(&self) -> bool {
        self.tasks.is_shut_down()
    }

    /// Takes out all tasks that wait. Never blocks.
    pub fn drain(&self) -> impl Iterator<Item = W> + use<W, L> {
        let tasks: Vec<W> = self.tasks.drain().collect();
        self.finish(u32::try_from(tasks.len()).unwrap_or(u32::MAX));
        tasks.into_iter()
    }

    /// Forgets the workers of the process that this one was forked from, and what they were at. The tasks that wait stay.
    pub fn forget_workers(&self) {
        self.tasks.forget_workers();
        // Relaxed: the child of a fork has one thread.
        self.workers.store(0, Ordering::Relaxed);
        let waiting = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        // Relaxed: as above.
        self.unfinished.store(waiting, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_missing_until_they_are_as_many_as_tasks_or_as_many_as_may_be() {
        let tasks = CountedQueue::new();
        assert_eq!(tasks.missing(5, 3), 3);
        assert_eq!(tasks.missing(2, 3), 2);
        tasks.enter();
        assert_eq!(
            (tasks.missing(1, 3), tasks.missing(2, 3), tasks.missing(0, 3)),
            (0, 1, 0)
        );
        tasks.put('a').unwrap();
        assert_eq!((tasks.missing(0, 3), tasks.missing(1, 3)), (0, 1));
        assert_eq!(tasks.try_take().unwrap(), 'a');
        assert_eq!(
            (tasks.missing(0, 3), tasks.missing(1, 3), tasks.missing(1, 1)),
            (0, 1, 0)
        );
        tasks.done();
        assert_eq!(tasks.missing(1, 3), 0);
        tasks.leave();
        assert_eq!((tasks.workers(), tasks.missing(1, 3)), (0, 1));
    }

    #[test]
    fn a_closed_crew_gives_out_what_waits_and_takes_no_more() {
        let tasks = CountedQueue::new();
        tasks.put(1).unwrap();
        tasks.close();
        assert_eq!(tasks.put(2), Err(2));
        assert_eq!(tasks.try_take(), Ok(1));
        assert_eq!(tasks.try_take(), Err(GetError::ShutDown));
    }

    #[test]
    fn the_child_of_a_fork_counts_no_workers_and_the_tasks_that_wait() {
        let tasks = CountedQueue::new();
        (0..3).for_each(|_| tasks.enter());
        (0..4).for_each(|task| tasks.put(task).unwrap());
        assert!(tasks.try_take().is_ok() && tasks.try_take().is_ok());
        tasks.forget_workers();
        assert_eq!((tasks.workers(), tasks.missing(0, 9)), (0, 2));
        assert_eq!(tasks.drain().count(), 2);
        // The task that forked ends, which nobody counts here.
        tasks.done();
        assert_eq!((tasks.missing(0, 9), tasks.missing(1, 9)), (0, 1));
    }
}
