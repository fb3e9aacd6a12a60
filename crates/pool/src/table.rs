//! The counts of a pool's core: its tasks and its workers, and the threads that wait for a number of them.
//!
//! All of it is under one lock. The claims are in `PROTOCOL.md` of this crate.

use interlock_wait::{
    Owned, Owners, RawLock, Resource, ResourceId, ResourceKind, StateGuard, StateLock, ThreadIdent,
    WaitQueue, Wakeups, fork,
};

/// How many tasks and workers a pool has, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tasks that the pool has accepted since it was created.
    pub submitted: u64,
    /// Tasks that wait for a worker. A cancelled one counts until a worker finds out.
    pub waiting: usize,
    /// Tasks that workers are running.
    pub running: u64,
    /// Tasks that a worker has run to their end, since the pool was created.
    pub done: u64,
    /// Failed tasks. They are among those that are done.
    pub failed: u64,
    /// Tasks that no worker ran, because they were cancelled, taken out, or left to the parent process.
    pub dropped: u64,
    /// Workers of the pool, not tasks: those that have started, and those that are being started.
    pub workers: usize,
}

/// The counts themselves. The queue counts the submitted and the waiting tasks; the rest of them are running.
pub(crate) struct Table {
    /// The most workers.
    pub(crate) limit: usize,
    pub(crate) workers: usize,
    /// Workers that are being started and may fail to start. Each also counts in `workers`.
    pub(crate) starting: usize,
    /// How often the workers were forgotten. Workers from before that are not counted any more.
    pub(crate) epoch: u32,
    generation: u32,
    /// Tasks that went to a new worker without passing through the queue.
    pub(crate) direct: u64,
    done: u64,
    failed: u64,
    dropped: u64,
    /// Tasks that were taken out of the queue and are not dropped yet.
    drained: u64,
    /// Threads that wait until `awaited` tasks have ended.
    waiters: WaitQueue,
    /// No waiter waits for fewer than this. Has no meaning without waiters.
    awaited: u64,
    /// Threads that wait until there is no worker.
    pub(crate) joiners: WaitQueue,
    /// Threads that wait to learn whether a worker that is being started has started.
    pub(crate) doubtful: WaitQueue,
    /// The threads of workers that were reported to an observer.
    pub(crate) shown: Vec<ThreadIdent>,
}

/// The resource of a thread that waits until a number of tasks have ended.
pub(crate) struct Ended<'a, L: RawLock>(pub(crate) &'a StateLock<Table, L>);

impl<L: RawLock> Resource for Ended<'_, L> {
    fn id(&self) -> ResourceId {
        self.0.lock().waiters.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Count
    }
}

/// The resource of a thread that waits until there is no worker, or until a worker has certainly started.
pub(crate) struct Workers<'a, L: RawLock>(pub(crate) &'a StateLock<Table, L>);

impl<L: RawLock> Resource for Workers<'_, L> {
    fn id(&self) -> ResourceId {
        self.0.lock().joiners.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Thread
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(self.0)
    }
}

impl Owned for Table {
    /// Returns the workers that were shown. Called only for a wait for the workers.
    fn owners(&self) -> Vec<ThreadIdent> {
        self.shown.clone()
    }
}

/// Counts ended tasks by `count`. Wakes the waiters if as many tasks have ended as one of them waits for; the other
/// waiters wait again.
#[inline]
pub(crate) fn end<L: RawLock>(table: &StateLock<Table, L>, count: impl FnOnce(&mut Table)) {
    let mut table = table.lock();
    count(&mut table);
    if table.is_awaited() {
        tell(table);
    }
}

#[cold]
fn tell<L: RawLock>(mut table: StateGuard<'_, Table, L>) {
    let wakeups = table.waiters.notify_all();
    drop(table);
    wakeups.run();
}

impl Table {
    pub(crate) fn new(limit: usize) -> Self {
        Table {
            limit,
            workers: 0,
            starting: 0,
            epoch: 0,
            generation: fork::generation(),
            direct: 0,
            done: 0,
            failed: 0,
            dropped: 0,
            drained: 0,
            waiters: WaitQueue::new(),
            awaited: 0,
            joiners: WaitQueue::new(),
            doubtful: WaitQueue::new(),
            shown: Vec::new(),
        }
    }

    /// Returns how many tasks have ended: run by a worker, or dropped.
    #[inline]
    pub(crate) fn ended(&self) -> u64 {
        self.done + self.dropped
    }

    /// Returns how many tasks wait or run, if `put` tasks have been put into the queue.
    pub(crate) fn unfinished(&self, put: usize) -> u64 {
        (self.direct + put as u64).saturating_sub(self.ended() + self.drained)
    }

    /// Returns the counts, given that `put` tasks have been put into the queue and `waiting` are in it.
    pub(crate) fn stats(&self, put: usize, waiting: usize) -> Stats {
        Stats {
            submitted: self.direct + put as u64,
            waiting,
            running: self.unfinished(put).saturating_sub(waiting as u64),
            done: self.done,
            failed: self.failed,
            dropped: self.dropped,
            workers: self.workers,
        }
    }

    /// Counts a task as run to its end.
    #[inline]
    pub(crate) fn succeed(&mut self) {
        self.done += 1;
    }

    /// Counts a task as run to its end and failed. In one step, so no look finds more failed tasks than done ones.
    pub(crate) fn fail(&mut self) {
        self.failed += 1;
        self.done += 1;
    }

    /// Counts a task that was just taken from the queue as dropped.
    pub(crate) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    /// Counts tasks that were taken out of the queue. They are not dropped yet, and count as nothing else.
    pub(crate) fn drain(&mut self, tasks: usize) {
        self.drained += tasks as u64;
    }

    /// Counts tasks that were taken out of the queue as dropped.
    pub(crate) fn drop_drained(&mut self, tasks: u64) {
        // In the child of a fork, the tasks that the parent took out are dropped already.
        let tasks = tasks.min(self.drained);
        self.drained -= tasks;
        self.dropped += tasks;
    }

    /// Returns whether as many tasks have ended as a waiter waits for.
    #[inline]
    fn is_awaited(&self) -> bool {
        !self.waiters.is_unused() && self.ended() >= self.awaited
    }

    /// Returns the line of the threads that wait for a number of ended tasks, for a thread that joins it to wait
    /// for `number`.
    pub(crate) fn waiters_for(&mut self, number: u64) -> &mut WaitQueue {
        self.awaited = if self.waiters.is_empty() {
            number
        } else {
            self.awaited.min(number)
        };
        &mut self.waiters
    }

    /// Returns the line of the threads that wait for a number of ended tasks, for a thread that leaves it.
    pub(crate) fn waiters(&mut self) -> &mut WaitQueue {
        &mut self.waiters
    }

    /// Wakes the joiners if there is no worker.
    pub(crate) fn tell_joiners(&mut self) -> Wakeups {
        if self.workers == 0 {
            self.joiners.notify_all()
        } else {
            Wakeups::default()
        }
    }

    /// Returns whether this process was forked since the workers were counted.
    pub(crate) fn is_of_parent(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Forgets the workers, and all tasks but `left` of those that were put: `put` have gone into the queue.
    pub(crate) fn forget_workers(&mut self, put: usize, left: u64) {
        self.generation = fork::generation();
        self.epoch = self.epoch.wrapping_add(1);
        self.workers = 0;
        self.starting = 0;
        self.shown.clear();
        self.drained = 0;
        self.dropped += self.unfinished(put).saturating_sub(left);
    }
}
