//! The workers of a pool's core: when another one is needed, how it starts, what it does, and when all have left.
//!
//! The claims are in `PROTOCOL.md` of this crate.

use std::cell::Cell;

use interlock_queue::{GetError, PutOutcome};
use interlock_wait::{
    RawLock, RawWordLock, StateLock, ThreadId, ThreadIdent, WaitContext, Waiter, Wake, block,
};

use crate::core::PoolCore;
use crate::step::step;
use crate::table::{Table, Workers, end};

/// The core that a thread works for.
#[derive(Clone, Copy)]
struct Here {
    core: *const (),
    /// Whether it runs the tasks of that core.
    runs_tasks: bool,
}

impl Here {
    const NOWHERE: Here = Here {
        core: std::ptr::null(),
        runs_tasks: false,
    };
}

thread_local! {
    static HERE: Cell<Here> = const { Cell::new(Here::NOWHERE) };
}

/// Restores `HERE`.
struct Outer(Here);

impl Drop for Outer {
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

/// When a pool starts more workers, up to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// One more after each put that found no idle worker. `ThreadPoolExecutor` promises this, and programs can see
    /// the number of its threads. A worker that has just started counts as busy.
    UnlessIdle(PutOutcome),
    /// As many workers as there are unfinished tasks, and `more` tasks that will be put. For a pool that starts several
    /// workers at once, and where a worker that has just started, or just ended a task, must count as free.
    PerTask {
        /// How many tasks will be put.
        more: usize,
    },
}

/// A counted worker, until it [leaves](PoolCore::leave).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerToken {
    epoch: u32,
    number: usize,
}

impl WorkerToken {
    /// Returns how many workers there were, including this one.
    pub fn number(self) -> usize {
        self.number
    }
}

/// The result of an attempt to start a worker.
#[derive(Debug)]
pub enum Started<E> {
    /// It is running.
    Yes,
    /// It could not be started.
    Failed(E),
    /// There are as many workers as the limit allows, including those that are being started.
    Enough,
}

/// The steps that a kind of pool adds to its workers. The loop itself is [`PoolCore::work`].
///
/// A pool of processes has no runners: the threads that take its answers also take calls from the core, and put
/// them into the queues of the worker processes.
pub trait Runner<W, L: RawLock> {
    /// An error that ends the loop of the worker.
    type Error;

    /// Takes the next task, as a rule from `core`. Blocks while there is none. The inner error tells why none will
    /// ever come.
    ///
    /// # Errors
    /// The worker must stop for another reason.
    fn next(&mut self, core: &PoolCore<W, L>) -> Result<Result<W, GetError>, Self::Error>;

    /// Runs a task, and counts it by `running`.
    ///
    /// # Errors
    /// The worker must stop.
    fn run(&mut self, work: W, running: Running<'_, L>) -> Result<(), Self::Error>;
}

/// The count of a task that a worker has taken. Dropping it counts the task as dropped.
#[must_use = "dropping it counts the task as dropped"]
pub struct Running<'a, L: RawLock = RawWordLock> {
    table: Option<&'a StateLock<Table, L>>,
}

impl<L: RawLock> std::fmt::Debug for Running<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl<'a, L: RawLock> Running<'a, L> {
    #[inline]
    pub(crate) fn new(table: &'a StateLock<Table, L>) -> Self {
        Running { table: Some(table) }
    }

    /// Counts the task as done.
    #[inline]
    pub fn succeed(self) {
        self.end(Table::succeed);
    }

    /// Counts the task as done, and as failed.
    #[cold]
    pub fn fail(self) {
        self.end(Table::fail);
    }

    #[inline]
    fn end(mut self, count: impl FnOnce(&mut Table)) {
        if let Some(table) = self.table.take() {
            end(table, count);
        }
    }

    /// Counts nothing: the task belongs to the parent process.
    pub fn forget(mut self) {
        self.table = None;
    }
}

impl<L: RawLock> Drop for Running<'_, L> {
    #[inline]
    fn drop(&mut self) {
        if let Some(table) = self.table.take() {
            end(table, Table::drop_one);
        }
    }
}

fn enter(table: &mut Table) -> Option<WorkerToken> {
    if table.workers >= table.limit {
        return None;
    }
    table.workers += 1;
    Some(WorkerToken {
        epoch: table.epoch,
        number: table.workers,
    })
}

impl<W, L: RawLock> PoolCore<W, L> {
    /// Returns how many workers the caller has to start. Never blocks.
    ///
    /// After the put of a task, with [`Growth::PerTask`] and no `more`: if the caller starts that many, the task
    /// has a worker that has no other task, or there are as many workers as the limit allows.
    #[inline]
    pub fn missing(&self, growth: Growth) -> usize {
        if growth == Growth::UnlessIdle(PutOutcome::GetterNotified) {
            return 0;
        }
        let table = self.table.lock();
        let wanted = match growth {
            Growth::UnlessIdle(_) => table.workers.saturating_add(1),
            Growth::PerTask { more } => {
                let unfinished = table.unfinished(self.tasks.unfinished());
                usize::try_from(unfinished).map_or(usize::MAX, |tasks| tasks.saturating_add(more))
            }
        };
        wanted.min(table.limit).saturating_sub(table.workers)
    }

    /// Returns whether as many workers as the limit allows have certainly started. Never blocks.
    pub fn is_full(&self) -> bool {
        let table = self.table.lock();
        table.workers.saturating_sub(table.starting) >= table.limit
    }

    /// Counts one more worker, unless there are as many as the limit allows. The caller starts it. Never blocks.
    pub fn enter(&self) -> Option<WorkerToken> {
        enter(&mut self.table.lock())
    }

    /// Lets an observer know that the calling thread is a worker of the pool, until it leaves. Never blocks.
    pub fn show_worker(&self) {
        let worker = ThreadId::current().ident();
        self.table.lock().shown.push(worker);
    }

    /// Counts one worker less. If it was the last, wakes the threads that wait for the end of all workers. Never
    /// blocks.
    pub fn leave(&self, worker: WorkerToken) {
        let mut table = self.table.lock();
        if table.epoch != worker.epoch {
            return;
        }
        if !table.shown.is_empty() {
            let leaver = ThreadIdent::current();
            table.shown.retain(|&shown| shown != leaver);
        }
        table.workers -= 1;
        let wakeups = table.tell_joiners();
        drop(table);
        wakeups.run();
    }

    /// Counts one more worker and calls `start` to start it, unless there are as many as the limit allows. If
    /// `start` fails, the worker does not count. Never blocks, unless `start` does.
    pub fn try_start<E>(&self, start: impl FnOnce(WorkerToken) -> Result<(), E>) -> Started<E> {
        self.start_counted(false, start)
    }

    /// Like [`PoolCore::try_start`], for a worker that gets its first task from the caller. That task is
    /// counted with it, and does not pass through the queue. Never blocks, unless `start` does.
    pub fn try_start_with_task<E>(&self, start: impl FnOnce(WorkerToken) -> Result<(), E>) -> Started<E> {
        self.start_counted(true, start)
    }

    fn start_counted<E>(
        &self,
        has_task: bool,
        start: impl FnOnce(WorkerToken) -> Result<(), E>,
    ) -> Started<E> {
        let entered = step(|| {
            let mut table = self.table.lock();
            let worker = enter(&mut table)?;
            table.starting += 1;
            table.direct += u64::from(has_task);
            Some(worker)
        });
        let Some(worker) = entered else {
            return Started::Enough;
        };
        let started = start(worker);
        step(|| self.settle(worker, started.is_ok(), has_task));
        match started {
            Ok(()) => Started::Yes,
            Err(error) => Started::Failed(error),
        }
    }

    /// Counts a worker as started, or as one that could not be started.
    fn settle(&self, worker: WorkerToken, has_started: bool, has_task: bool) {
        let mut table = self.table.lock();
        if table.epoch != worker.epoch {
            return;
        }
        table.starting -= 1;
        if !has_started {
            table.workers -= 1;
            table.direct -= u64::from(has_task);
        }
        let doubtful = table.doubtful.notify_all();
        let joiners = table.tell_joiners();
        drop(table);
        doubtful.run();
        joiners.run();
    }

    /// Returns whether a worker has certainly started and not left. Blocks while there is none and one is
    /// being started.
    ///
    /// (If a worker leaves before its start is settled, another, running worker counts for a moment as being
    /// started, and the answer is `false`.)
    pub fn has_worker(&self) -> bool {
        loop {
            let waiter = Waiter::thread();
            let answer = step(|| {
                let mut table = self.table.lock();
                let is_certain = table.workers > table.starting;
                if is_certain || table.starting == 0 {
                    return Some(is_certain);
                }
                table.doubtful.push_back(waiter.clone());
                None
            });
            if let Some(answer) = answer {
                return answer;
            }
            let mut context = WaitContext::uninterruptible();
            block(&waiter, &Workers(&self.table), &mut context, || {
                step(|| self.table.lock().doubtful.remove(&waiter));
            });
        }
    }

    /// Blocks until there is no worker. Returns `false` if `context` ended the wait before.
    pub fn wait_for_workers(&self, context: &mut WaitContext<'_>) -> bool {
        loop {
            let waiter = Waiter::thread();
            let mut table = self.table.lock();
            if table.workers == 0 {
                return true;
            }
            table.joiners.push_back(waiter.clone());
            drop(table);
            let leave = || {
                self.table.lock().joiners.remove(&waiter);
            };
            if block(&waiter, &Workers(&self.table), context, leave) != Wake::Notified {
                leave();
                return false;
            }
        }
    }

    /// Takes out the task for which `matches` is true, if it still waits, so that the calling worker runs it.
    /// Notifies a thread that waits for room. `matches` is called under a lock, and must only read. Never blocks.
    pub fn take_to_run(&self, matches: impl FnMut(&W) -> bool) -> Option<(W, Running<'_, L>)> {
        let task = self.take_out(|buckets| buckets.remove(matches))?;
        Some((task, Running::new(&self.table)))
    }

    /// Returns the count of a task that the caller has taken by [`PoolCore::try_take`], and is going to end.
    /// Never blocks.
    pub fn running(&self) -> Running<'_, L> {
        Running::new(&self.table)
    }

    /// Runs the loop of a worker: takes tasks and runs them until no more will come. Returns the reason. Blocks
    /// while there is none.
    ///
    /// # Errors
    /// The errors of the `runner`. The caller may go on with another call.
    #[inline]
    pub fn work<R: Runner<W, L>>(&self, runner: &mut R) -> Result<GetError, R::Error> {
        let _outer = self.enter_here(true);
        loop {
            let work = match runner.next(self)? {
                Ok(work) => work,
                Err(end) => return Ok(end),
            };
            runner.run(work, Running::new(&self.table))?;
        }
    }

    /// Calls `body`, which is not a task, as a worker of this pool: for instance, the initializer of a worker.
    #[inline]
    pub fn as_worker<R>(&self, body: impl FnOnce() -> R) -> R {
        let _outer = self.enter_here(false);
        body()
    }

    #[inline]
    fn enter_here(&self, runs_tasks: bool) -> Outer {
        let core = std::ptr::from_ref(self).cast();
        Outer(HERE.replace(Here { core, runs_tasks }))
    }

    /// Returns whether the calling thread is a worker of this pool.
    pub fn is_worker(&self) -> bool {
        std::ptr::eq(HERE.get().core, std::ptr::from_ref(self).cast())
    }

    /// Returns whether this is called from a task of this pool.
    pub(crate) fn is_in_task(&self) -> bool {
        self.is_worker() && HERE.get().runs_tasks
    }
}
