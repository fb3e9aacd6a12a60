//! The core of a pool: its work queue, its counts, its workers, its end.
//!
//! A pool consists of a core and of the special parts of its kind: the type of its work, the start of a worker, and
//! the additional steps of a worker ([`Runner`](crate::Runner)). The claims are in `PROTOCOL.md` of this crate.

use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use interlock_queue::{Discard, HostQueue, Queue, Store};
use interlock_wait::{RawLock, RawWordLock, StateLock, WaitContext, Waiter, Wake, Wakeups, block, fork};

use crate::panics::discard;
use crate::priority_buckets::PriorityBuckets;
use crate::table::{Ended, Stats, Table, end};

/// The core of a pool of workers. A piece of work is a `W`.
///
/// Each task that was put ends once. Either a worker runs it (`done`), or none does (`dropped`), because it was
/// cancelled, taken out of the queue, or left to the parent process. The table counts all these, and the workers.
pub struct PoolCore<W, L: RawLock = RawWordLock> {
    pub(crate) tasks: Queue<PriorityBuckets<W>, L>,
    /// A thread that needs both locks takes this one first.
    pub(crate) table: Apart<StateLock<Table, L>>,
}

/// A value with cache lines of its own, so that threads that put tasks do not slow down the workers that count
/// them.
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
    /// These end the waits of the workers, and of the threads that wait for room.
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

    /// Changes the greatest number of workers. Workers above the limit stay. Never blocks.
    pub fn set_limit(&self, limit: usize) {
        self.table.lock().limit = limit;
    }

    /// Returns the greatest number of workers.
    pub fn limit(&self) -> usize {
        self.table.lock().limit
    }

    /// Changes the greatest number of waiting tasks; 0 stands for any number. Tasks above the bound stay. Never
    /// blocks.
    pub fn set_bound(&self, bound: usize) {
        self.tasks.set_bound(bound);
    }

    /// Returns the counts at this moment. Never blocks.
    pub fn stats(&self) -> Stats {
        let table = self.table.lock();
        let (put, waiting) = self.tasks.unfinished_and_len();
        table.stats(put, waiting)
    }

    /// Returns how many workers there are, including those that are being started. Never blocks.
    pub fn workers(&self) -> usize {
        self.table.lock().workers
    }

    /// Returns how many tasks wait, at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.tasks.len()
    }

    /// Blocks until `number` tasks have ended, or until `context` ends the wait. Returns how many have ended.
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

    /// Stops the core from accepting tasks. Workers still take the waiting tasks. After that, their takes fail.
    /// Never blocks.
    pub fn shutdown(&self) {
        self.tasks.shutdown(Discard::Nothing);
    }

    /// Returns whether the core accepts no more tasks because it was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.tasks.is_shut_down()
    }

    /// Takes out all waiting tasks, in their order, and notifies the threads that wait for room. The caller ends
    /// these tasks, and then calls [`PoolCore::drop_drained`]. Never blocks.
    pub fn drain(&self) -> impl Iterator<Item = W> + use<W, L> {
        let tasks = self.take_out(Store::take);
        self.table.lock().drain(tasks.len());
        tasks.into_works()
    }

    /// Counts tasks that [`PoolCore::drain`] returned as dropped. Never blocks.
    pub fn drop_drained(&self, tasks: u64) {
        end(&self.table, |table| table.drop_drained(tasks));
    }

    /// Takes out the task for which `matches` is true, if it still waits, and counts it as dropped. Notifies a
    /// thread that waits for room. `matches` is called under a lock, and must only read. Never blocks.
    pub fn take_back(&self, matches: impl FnMut(&W) -> bool) -> Option<W> {
        let task = self.take_out(|buckets| buckets.remove(matches))?;
        end(&self.table, Table::drop_one);
        Some(task)
    }

    /// Takes tasks out, by `take`, and notifies the threads that wait for room. If one of these is an async task whose waker
    /// panics, the caller gets the tasks all the same, and the panic goes no further: each task ends once.
    pub(crate) fn take_out<R>(&self, take: impl FnOnce(&mut PriorityBuckets<W>) -> R) -> R {
        let mut taken = None;
        let told = catch_unwind(AssertUnwindSafe(|| {
            self.tasks.take_out(|buckets| taken = Some(take(buckets)));
        }));
        match (taken, told) {
            (Some(taken), told) => {
                told.err().into_iter().for_each(discard);
                taken
            }
            (None, Err(panic)) => resume_unwind(panic),
            (None, Ok(())) => unreachable!("what takes tasks out is called"),
        }
    }

    /// Ends the engine's part in the pool for good, and returns its tasks. The caller must run the wake-ups. Never
    /// blocks. Returns `None` if it was retired before.
    pub fn retire(&self) -> Option<Retired<impl Iterator<Item = W> + use<W, L>>> {
        let (contents, wakeups) = self.tasks.retire()?;
        self.table.lock().drain(contents.items.len());
        Some(Retired {
            tasks: contents.items.into_works(),
            shut_down: contents.shut_down,
            wakeups: wakeups.into(),
        })
    }

    /// Forgets the workers and the tasks that they were running: for the child of a fork, where these threads do
    /// not exist. The waiting tasks stay. If a task calls this, it goes on, but its thread does not count as a
    /// worker any more: other tasks may wait for its end. Never blocks.
    pub fn forget_workers(&self) {
        let mut table = self.table.lock();
        self.tasks.reset_waiters();
        let (put, waiting) = self.tasks.unfinished_and_len();
        table.forget_workers(put, waiting as u64 + u64::from(self.is_in_task()));
    }

    /// Forgets the workers and the tasks of the parent, once in the child of a fork, for a pool that is not
    /// notified of forks. Returns the tasks that waited: the parent runs them. Never blocks.
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
