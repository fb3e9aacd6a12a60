//! The tasks of a pool and the workers that take them.

use std::fmt;

use interlock_queue::{Discard, GetError, Pick, PutError, PutOutcome, Queue, Side, Store};
use interlock_wait::{
    Deadline, RawLock, RawWordLock, ResourceKind, WaitContext, Waiter, Wake, Wakeups, block, fork,
};

use crate::priority_buckets::PriorityBuckets;

/// The tasks that wait for a worker, and the workers that wait for a task. See `PROTOCOL.md` beside this crate.
pub struct WorkQueue<W, L: RawLock = RawWordLock> {
    tasks: Queue<PriorityBuckets<W>, L>,
}

impl<W, L: RawLock> fmt::Debug for WorkQueue<W, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue")
            .field("waiting", &self.len())
            .finish_non_exhaustive()
    }
}

/// What comes out of a work queue that is retired.
#[derive(Debug)]
pub struct Retired<I> {
    /// The tasks, in their order.
    pub tasks: I,
    /// Whether the queue had been shut down.
    pub shut_down: bool,
    /// Tell the workers, and whoever waits for room.
    pub wakeups: Vec<Wakeups>,
}

impl<W> WorkQueue<W> {
    /// A queue for at most `bound` waiting tasks; 0 for any number.
    pub fn new(bound: usize) -> Self {
        Self::new_in(bound)
    }
}

impl<W, L: RawLock> WorkQueue<W, L> {
    /// As [`WorkQueue::new`], with a raw lock of the caller's choice.
    pub fn new_in(bound: usize) -> Self {
        // So that the child of a fork does not count its parent's workers.
        fork::watch();
        WorkQueue {
            tasks: Queue::with_store_in(PriorityBuckets::default(), bound),
        }
    }

    /// Puts a task in if there is room. Never blocks.
    ///
    /// # Errors
    /// The queue is full or shut down; the task comes back.
    #[inline]
    pub fn try_put(&self, priority: i64, work: W) -> Result<PutOutcome, PutError<W>> {
        self.tasks.try_hand((priority, work)).map_err(without_priority)
    }

    /// As [`WorkQueue::try_put`], for workers that take by [`WorkQueue::take_fork_guarded`]. These are woken one after the other:
    /// each wakes the next when it has come, if there is still a task. Never blocks.
    ///
    /// # Errors
    /// As for [`WorkQueue::try_put`].
    #[inline]
    pub fn push_wake_one(&self, priority: i64, work: W) -> Result<PutOutcome, PutError<W>> {
        self.tasks
            .push_wake_one((priority, work))
            .map_err(without_priority)
    }

    /// Puts a task in. Blocks while the queue is full, until `context` ends the wait.
    ///
    /// # Errors
    /// The queue stayed full, is shut down, or the host ended the wait; the task comes back.
    pub fn put_with(
        &self,
        priority: i64,
        work: W,
        context: &mut WaitContext<'_>,
    ) -> Result<PutOutcome, PutError<W>> {
        self.tasks
            .hand_with((priority, work), context)
            .map_err(without_priority)
    }

    /// Puts a task in, whether there is room or not. Never blocks.
    ///
    /// # Errors
    /// The queue is shut down; the task comes back.
    pub fn put_over(&self, priority: i64, work: W) -> Result<PutOutcome, PutError<W>> {
        self.tasks.hand_over((priority, work)).map_err(without_priority)
    }

    /// Changes the bound: at most `bound` waiting tasks, 0 for any number. Tasks over it stay. Never blocks.
    pub fn set_bound(&self, bound: usize) {
        self.tasks.set_bound(bound);
    }

    /// Takes a task if there is one. Never blocks.
    ///
    /// # Errors
    /// There is none, or there will never be one again.
    #[inline]
    pub fn try_take(&self) -> Result<W, GetError> {
        self.tasks.try_get().map(|(_, work)| work)
    }

    /// Takes a task. Blocks while there is none, until `context` ends the wait.
    ///
    /// # Errors
    /// There was none for that long; there will never be one again; the host ended the wait.
    pub fn take_with(&self, context: &mut WaitContext<'_>) -> Result<W, GetError> {
        loop {
            match self.try_take() {
                Err(GetError::Empty) => {}
                result => return result,
            }
            let waiter = Waiter::thread();
            // At the head of the line: any worker will do, and who came last is the likeliest to be awake.
            if !self.tasks.register_first(Side::Get, &waiter) {
                continue;
            }
            let wake = block(&waiter, &self.tasks.resource(ResourceKind::Task), context);
            if wake != Wake::Notified {
                self.tasks.unregister(Side::Get, &waiter);
            }
            match wake {
                Wake::Notified => {}
                Wake::TimedOut => return self.try_take(),
                Wake::Interrupted => return Err(GetError::Interrupted),
            }
        }
    }

    /// Takes a task, on a thread that nothing keeps from running while another one forks, and has `begin` look at it in the
    /// same step of [`fork::fork_guarded`]. Blocks while there is none.
    ///
    /// # Errors
    /// There will never be one again.
    pub fn take_fork_guarded<R>(&self, mut begin: impl FnMut(&W) -> R) -> Result<(W, R), GetError> {
        let mut how = Pick::Uncalled;
        loop {
            let taken = fork::fork_guarded(|| {
                let (_, work) = self.tasks.pop_wake_next(how)?;
                let begun = begin(&work);
                Ok((work, begun))
            });
            if taken.as_ref().err() != Some(&GetError::Empty) {
                return taken;
            }
            how = Pick::Uncalled;
            let waiter = Waiter::thread();
            if fork::fork_guarded(|| self.tasks.register_first(Side::Get, &waiter)) {
                // It never gives up, so there is nothing to take back.
                let resource = self.tasks.resource(ResourceKind::Task);
                block(&waiter, &resource, &mut WaitContext::uninterruptible());
                how = Pick::Called;
            }
        }
    }

    /// Puts a task in, on a thread that nothing keeps from running while another one forks. Blocks while the queue is full,
    /// until `deadline`.
    ///
    /// # Errors
    /// The queue stayed full, or is shut down, or an observer refused the wait; the task comes back.
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
            let wake = block(&waiter, &resource, &mut WaitContext::until(deadline));
            if wake != Wake::Notified {
                fork::fork_guarded(|| self.tasks.unregister(Side::Put, &waiter));
            }
            if wake == Wake::Interrupted {
                return Err(PutError::Interrupted(work));
            }
        }
    }

    /// How many tasks wait, at this moment. Never blocks.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// How many tasks have been put, since the queue was made. Never blocks.
    pub fn put_so_far(&self) -> usize {
        // The queue counts what was put and is not done, and is told of nothing that is done.
        self.tasks.unfinished()
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

    /// Takes out all tasks that wait, in their order; whoever waits for room is notified. Never blocks.
    pub fn drain(&self) -> impl Iterator<Item = W> + use<W, L> {
        self.tasks.take_out(Store::take).into_works()
    }

    /// Retires it, for good: its tasks come out, in their order, and whether it had been shut down. Every worker, and whoever
    /// waits for room, is told so when the wake-ups run, which is the caller's duty. Never blocks.
    ///
    /// `None` when that has happened before.
    pub fn retire(&self) -> Option<Retired<impl Iterator<Item = W> + use<W, L>>> {
        let (contents, wakeups) = self.tasks.retire()?;
        Some(Retired {
            tasks: contents.items.into_works(),
            shut_down: contents.shut_down,
            wakeups: wakeups.into(),
        })
    }

    /// Takes back the task that is the one, if it still waits; whoever waits for room is notified. `is_it` is called under
    /// the lock and must only look, at one task after the other. Never blocks.
    pub fn take_back(&self, is_it: impl FnMut(&W) -> bool) -> Option<W> {
        self.tasks.take_out(|buckets| buckets.remove(is_it))
    }

    /// Forgets the workers of the process that this one was forked from. The tasks stay.
    pub fn forget_workers(&self) {
        self.tasks.reset_waiters();
    }

    /// Visits each waiting task where it lies, under the lock: `visit` must only look. Nothing happens when another thread
    /// is at work on the queue. Never blocks.
    pub fn try_for_each(&self, visit: &mut dyn FnMut(&W)) {
        self.tasks.try_look(|buckets| buckets.for_each(visit));
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
