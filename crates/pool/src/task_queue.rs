//! Puts tasks into the queue of a pool's core, and lets workers take them. The claims are in `PROTOCOL.md` of this
//! crate.

use std::cell::Cell;

use interlock_queue::{Arrival, GetError, HostQueue, PutError, PutOutcome, Side};
#[cfg(not(loom))]
use interlock_wait::Turn;
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, RawLock, ResourceKind, WaitContext, Waiter, Wake, block, fork, spin_until};

use crate::core::PoolCore;
use crate::panics::contained;

/// A worker that watches the queue looks at it once in this many rounds of its spin.
const LOOK_ONE_IN: u32 = 8;

impl<W, L: RawLock> PoolCore<W, L> {
    /// Puts a task in if there is room. Never blocks.
    ///
    /// # Errors
    /// The queue is full or shut down. The error returns the task.
    #[inline]
    pub fn try_put(&self, priority: i64, work: W) -> Result<PutOutcome, PutError<W>> {
        self.tasks
            .try_put_outcome((priority, work))
            .map_err(without_priority)
    }

    /// Like [`PoolCore::try_put`], for workers that take by [`PoolCore::take_fork_guarded`]. These wake in turn:
    /// each of them wakes the next if there is still a task. Never blocks.
    ///
    /// # Errors
    /// The same as for [`PoolCore::try_put`].
    #[inline]
    pub fn push_wake_one(&self, priority: i64, work: W) -> Result<PutOutcome, PutError<W>> {
        self.tasks
            .push_wake_one((priority, work))
            .map_err(without_priority)
    }

    /// Puts a task in. Blocks while the queue is full, until `context` ends the wait.
    ///
    /// # Errors
    /// The queue stayed full, is shut down, or the host ended the wait. The error returns the task.
    pub fn put_with(
        &self,
        priority: i64,
        work: W,
        context: &mut WaitContext<'_>,
    ) -> Result<PutOutcome, PutError<W>> {
        self.tasks
            .put_outcome_with((priority, work), context)
            .map_err(without_priority)
    }

    /// Puts a task in, even if the queue is full. Never blocks.
    ///
    /// # Errors
    /// The queue is shut down. The error returns the task.
    pub fn put_unbounded(&self, priority: i64, work: W) -> Result<PutOutcome, PutError<W>> {
        self.tasks
            .put_unbounded((priority, work))
            .map_err(without_priority)
    }

    /// Takes a task if there is one. Never blocks.
    ///
    /// # Errors
    /// There is no task now, or none will ever come.
    #[inline]
    pub fn try_take(&self) -> Result<W, GetError> {
        self.tasks.try_get().map(|(_, work)| work)
    }

    /// Takes a task. Blocks while there is none, until `context` ends the wait.
    ///
    /// # Errors
    /// No task came in time, none will ever come, or the host ended the wait.
    pub fn take_with(&self, context: &mut WaitContext<'_>) -> Result<W, GetError> {
        loop {
            match self.try_take() {
                Err(GetError::Empty) => {}
                result => return result,
            }
            let waiter = Waiter::thread();
            // At the head of the line: any worker will do, and the last one to come is the most likely to be awake.
            if !self.tasks.register_first(Side::Get, &waiter) {
                continue;
            }
            let leave = || self.tasks.unregister(Side::Get, &waiter);
            let wake = block(&waiter, &self.tasks.resource(ResourceKind::Task), context, leave);
            if wake != Wake::Notified {
                leave();
            }
            match wake {
                Wake::Notified => {}
                Wake::TimedOut => return self.try_take(),
                Wake::Interrupted => return Err(GetError::Interrupted),
            }
        }
    }

    /// Takes a task, on a thread that another thread's fork does not exclude, and calls `begin` with it, in one step of
    /// [`fork::fork_guarded`]. Blocks while there is none.
    ///
    /// # Errors
    /// No task will ever come.
    pub fn take_fork_guarded<R>(&self, mut begin: impl FnMut(&W) -> R) -> Result<(W, R), GetError> {
        let mut arrival = Arrival::Unasked;
        loop {
            let taken = fork::fork_guarded(|| {
                let (_, work) = self.tasks.pop_wake_next(arrival)?;
                let begun = begin(&work);
                Ok((work, begun))
            });
            if taken.as_ref().err() != Some(&GetError::Empty) {
                return taken;
            }
            if arrival == Arrival::Unasked && self.watch() {
                arrival = Arrival::Notified;
                continue;
            }
            arrival = Arrival::Unasked;
            let waiter = Waiter::thread();
            if fork::fork_guarded(|| self.tasks.register_first(Side::Get, &waiter)) {
                self.wait_in_turn(&waiter);
                arrival = Arrival::Notified;
            }
        }
    }

    /// Waits in line until notified. A worker that was notified must come, or no other one is woken: if an observer panics, the
    /// worker stays in line, and no observer hears of the rest of its wait.
    fn wait_in_turn(&self, waiter: &Arc<Waiter>) {
        let resource = self.tasks.resource(ResourceKind::Task);
        let wait = |context: &mut WaitContext<'_>| block(waiter, &resource, context, || ());
        if contained(|| wait(&mut WaitContext::uninterruptible())).is_none() {
            wait(&mut WaitContext::unwinding());
        }
    }

    /// Looks for a task awake, as long as that pays, if no other worker does. If it does so, it returns `true`: the
    /// calling worker counts as notified, and must come to the queue. Meanwhile, puts wake no other worker, and so
    /// cost no wake-up.
    fn watch(&self) -> bool {
        if !fork::fork_guarded(|| self.tasks.watch_wake_next()) {
            return false;
        }
        let looks = Cell::new(0_u32);
        spin_until(Deadline::NEVER, || {
            // Rarely, because each look takes the lock away from the threads that put tasks in.
            let number = looks.replace(looks.get().wrapping_add(1));
            number.is_multiple_of(LOOK_ONE_IN) && fork::fork_guarded(|| self.tasks.is_worth_a_look())
        });
        true
    }

    /// Puts a waiter into the line for room, unless there is room, or there will never be room. Never blocks.
    #[cfg(not(loom))]
    pub(crate) fn line_up_for_room(&self, waiter: &Arc<Waiter>) -> bool {
        self.tasks.register(Side::Put, waiter)
    }

    /// Like [`PoolCore::line_up_for_room`], for a task at its turn. A task that was notified in vain keeps its
    /// place. Never blocks.
    #[cfg(not(loom))]
    pub(crate) fn line_up_task_for_room(&self, turn: Turn<'_>) -> bool {
        self.tasks.register_turn(Side::Put, turn)
    }

    /// Takes a waiter out of that line. If it was notified, notifies the next. Never blocks.
    #[cfg(not(loom))]
    pub(crate) fn leave_line_for_room(&self, waiter: &Arc<Waiter>) {
        self.tasks.unregister(Side::Put, waiter);
    }

    /// Puts a task in, on a thread that another thread's fork does not exclude. Blocks while the queue is full, until
    /// `deadline`.
    ///
    /// # Errors
    /// The queue stayed full, or is shut down, or an observer refused the wait. The error returns the task.
    pub fn put_fork_guarded(
        &self,
        priority: i64,
        mut work: W,
        deadline: Deadline,
    ) -> Result<PutOutcome, PutError<W>> {
        loop {
            match fork::fork_guarded(|| self.push_wake_one(priority, work)) {
                Err(PutError::Full(refused)) if !deadline.has_passed() => work = refused,
                placed => return placed,
            }
            let waiter = Waiter::thread();
            if !fork::fork_guarded(|| self.tasks.register(Side::Put, &waiter)) {
                continue;
            }
            let resource = self.tasks.resource(ResourceKind::QueuePut);
            let leave = || fork::fork_guarded(|| self.tasks.unregister(Side::Put, &waiter));
            let wake = block(&waiter, &resource, &mut WaitContext::until(deadline), leave);
            if wake != Wake::Notified {
                leave();
            }
            if wake == Wake::Interrupted {
                return Err(PutError::Interrupted(work));
            }
        }
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
