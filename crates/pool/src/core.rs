//! The core of a pool: its work queue, its counts, its workers, its end.
//!
//! A pool is a core and what is special about its kind: what a piece of work is, what starts a worker, and what a worker
//! does besides ([`Runner`](crate::Runner)). Claims: `PROTOCOL.md` beside this crate.

use std::fmt;
use std::ops::Deref;

use interlock_queue::{Discard, HostQueue, Queue, Store};
use interlock_wait::{RawLock, RawWordLock, StateLock, WaitContext, Waiter, Wake, Wakeups, block, fork};

use crate::priority_buckets::PriorityBuckets;
use crate::table::{Ended, Stats, Table, end};

/// The core of a pool of workers. A piece of work is a `W`.
///
/// Each task that was put ends once: a worker runs it (`done`), or none does (`dropped`): it was cancelled, or taken out of
/// the queue, or left to the parent process. Its table has the counts of all these, and of the workers.
pub struct PoolCore<W, L: RawLock = RawWordLock> {
    pub(crate) tasks: Queue<PriorityBuckets<W>, L>,
    /// Where both locks are needed, this one is taken first.
    pub(crate) table: Apart<StateLock<Table, L>>,
}

/// A value with cache lines of its own: threads that put tasks do not slow down the workers that count them.
#[repr(align(128))]
pub(crate) struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<W, L: RawLock> fmt::Debug for PoolCore<W, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolCore")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The contents of a core that was retired.
#[derive(Debug)]
pub struct Retired<I> {
    /// The tasks that waited, in their order.
    pub tasks: I,
    /// Whether the pool had been shut down.
    pub shut_down: bool,
    /// They end the waits of the workers, and of those that wait for room.
    pub wakeups: Vec<Wakeups>,
}

impl<W> PoolCore<W> {
    /// Creates a core for at most `limit` workers and `bound` waiting tasks (0: any number of tasks).
    pub fn new(limit: usize, bound: usize) -> Self {
        Self::new_in(limit, bound)
    }
}

impl<W, L: RawLock> PoolCore<W, L> {
    /// Like [`PoolCore::new`], with a raw lock of the caller's choice.
    pub fn new_in(limit: usize, bound: usize) -> Self {
        // The child of a fork must not count its parent's workers.
        fork::watch();
        PoolCore {
            tasks: Queue::with_store_in(PriorityBuckets::default(), bound),
            table: Apart(StateLock::new(Table::new(limit))),
        }
    }

    /// Changes the most workers. Those above it stay. Never blocks.
    pub fn set_limit(&self, limit: usize) {
        self.table.lock().limit = limit;
    }

    /// Returns the most workers.
    pub fn limit(&self) -> usize {
        self.table.lock().limit
    }

    /// Changes the most waiting tasks; 0 for any number. Those above it stay. Never blocks.
    pub fn set_bound(&self, bound: usize) {
        self.tasks.set_bound(bound);
    }

    /// The counts at this moment. Never blocks.
    pub fn stats(&self) -> Stats {
        let table = self.table.lock();
        let (put, waiting) = self.tasks.unfinished_and_len();
        table.stats(put, waiting)
    }

    /// Returns how many workers there are, with those that are being started. Never blocks.
    pub fn workers(&self) -> usize {
        self.table.lock().workers
    }

    /// Returns how many tasks wait, at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until `number` tasks have ended. Blocks until then, or until `context` ends the wait. Returns how many have.
    pub fn wait_for_ended(&self, number: u64, context: &mut WaitContext<'_>) -> u64 {
        loop {
            let waiter = Waiter::thread();
            let mut table = self.table.lock();
            let ended = table.ended();
            if ended >= number || context.deadline().has_passed() {
                return ended;
            }
            table.waiters_for(number).push_back(waiter.clone());
            drop(table);
            let leave = || {
                let mut table = self.table.lock();
                table.waiters().remove(&waiter);
                table.ended()
            };
            let resource = Ended(&self.table);
            if block(&waiter, &resource, context, || {
                leave();
            }) != Wake::Notified
            {
                return leave();
            }
        }
    }

    /// Accepts no more tasks. Workers still take those that wait, and then are told to end. Never blocks.
    pub fn shutdown(&self) {
        self.tasks.shutdown(Discard::Nothing);
    }

    /// Returns whether it accepts no more tasks because it was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.tasks.is_shut_down()
    }

    /// Takes out all tasks that wait, in their order, and notifies the threads that wait for room. The caller ends these
    /// tasks, and then calls [`PoolCore::drop_drained`]. Never blocks.
    pub fn drain(&self) -> impl Iterator<Item = W> + use<W, L> {
        let tasks = self.tasks.take_out(Store::take);
        self.table.lock().drain(tasks.len());
        tasks.into_works()
    }

    /// Counts tasks as dropped that [`PoolCore::drain`] returned. Never blocks.
    pub fn drop_drained(&self, tasks: u64) {
        end(&self.table, |table| table.drop_drained(tasks));
    }

    /// Takes the task out for which `matches` is true, if it still waits, and counts it as dropped. Notifies a thread that
    /// waits for room. `matches` is called under a lock, and must only read. Never blocks.
    pub fn take_back(&self, matches: impl FnMut(&W) -> bool) -> Option<W> {
        let task = self.tasks.take_out(|buckets| buckets.remove(matches))?;
        end(&self.table, Table::drop_one);
        Some(task)
    }

    /// Ends the engine's part in the pool, for good: its tasks come out. The caller must run the wake-ups. Never blocks.
    /// `None` if it was retired before.
    pub fn retire(&self) -> Option<Retired<impl Iterator<Item = W> + use<W, L>>> {
        let (contents, wakeups) = self.tasks.retire()?;
        self.table.lock().drain(contents.items.len());
        Some(Retired {
            tasks: contents.items.into_works(),
            shut_down: contents.shut_down,
            wakeups: wakeups.into(),
        })
    }

    /// Forgets the workers, in the child of a fork, where they do not exist, and what they were running. The tasks that wait
    /// stay. If a task calls this, it is still running, but its thread counts as a worker no more: other tasks may wait for
    /// the end of this one. Never blocks.
    pub fn forget_workers(&self) {
        let mut table = self.table.lock();
        self.tasks.reset_waiters();
        let (put, waiting) = self.tasks.unfinished_and_len();
        table.forget_workers(put, waiting as u64 + u64::from(self.is_in_task()));
    }

    /// Forgets the workers and the tasks of the parent, once in the child of a fork, for a pool that hears of no fork.
    /// Returns the tasks that waited: they run in the parent. Never blocks.
    pub fn forget_parent(&self) -> Option<impl Iterator<Item = W> + use<W, L>> {
        let mut table = self.table.lock();
        if !table.is_of_parent() {
            return None;
        }
        // Under the lock of the table: another thread of the child must not put a task before the parent's are out.
        self.tasks.reset_waiters();
        let tasks = self.tasks.take_out(Store::take);
        let (put, _) = self.tasks.unfinished_and_len();
        table.forget_workers(put, 0);
        Some(tasks.into_works())
    }
}
