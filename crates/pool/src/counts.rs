//! How many tasks a pool has had. Claims: `PROTOCOL.md` beside this crate.

use std::fmt;

use interlock_wait::{
    RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateGuard, StateLock, WaitContext, WaitQueue,
    Waiter, Wake, block,
};

/// Counts of a pool's tasks at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Put into the queue.
    pub submitted: u64,
    /// Being run.
    pub running: u64,
    /// Run to their end, found cancelled, or taken out.
    pub done: u64,
    /// Those among the done that failed.
    pub failed: u64,
}

/// The counts of a pool, as its tasks come and go.
pub struct Counts<L: RawLock = RawWordLock>(StateLock<State, L>);

#[derive(Default)]
struct State {
    counted: Counted,
    /// Who waits for a number of tasks to be done.
    waiters: WaitQueue,
    /// None of them waits for fewer. Says nothing when nobody waits.
    awaited: u64,
}

impl<L: RawLock> fmt::Debug for Counts<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.look().fmt(f)
    }
}

impl<L: RawLock> Default for Counts<L> {
    fn default() -> Self {
        Counts(StateLock::default())
    }
}

impl<L: RawLock> Counts<L> {
    /// A task was put.
    #[inline]
    pub fn submitted(&self) {
        self.0.lock().counted.submitted += 1;
    }

    /// A worker began with a task.
    #[inline]
    pub fn began(&self) {
        self.0.lock().counted.running += 1;
    }

    /// A worker is done with a task, which failed.
    #[cold]
    pub fn failed(&self) {
        let mut state = self.0.lock();
        // In the step that counts it as done: so there is no moment with more failed tasks than done ones.
        state.counted.failed += 1;
        end_one(state);
    }

    /// A worker is done with a task, which did not fail.
    #[inline]
    pub fn succeeded(&self) {
        end_one(self.0.lock());
    }

    /// Tasks were taken out of the queue, and no worker will run them.
    pub fn taken_out(&self, number: u64) {
        let mut state = self.0.lock();
        state.counted.done += number;
        tell(state);
    }

    /// Only so many of the tasks that are being run will be done: in the child of a fork, where the others are not.
    pub fn forget_running(&self, left: u64) {
        let mut state = self.0.lock();
        let forgotten = state.counted.running.saturating_sub(left);
        state.counted.running -= forgotten;
        // One that a worker was quick with may not have been counted.
        state.counted.submitted = state.counted.submitted.saturating_sub(forgotten);
    }

    /// The counts, at this moment. Never blocks.
    pub fn look(&self) -> Counted {
        self.0.lock().counted
    }

    /// Waits until `number` tasks are done. Blocks until then, or until `context` ends the wait; how many are.
    pub fn wait_with(&self, number: u64, context: &mut WaitContext<'_>) -> u64 {
        loop {
            let waiter = Waiter::thread();
            let mut state = self.0.lock();
            let done = state.counted.done;
            if done >= number || context.deadline().has_passed() {
                return done;
            }
            state.awaited = if state.waiters.is_empty() {
                number
            } else {
                state.awaited.min(number)
            };
            state.waiters.push_back(waiter.clone());
            drop(state);
            if block(&waiter, self, context) != Wake::Notified {
                let mut state = self.0.lock();
                state.waiters.remove(&waiter);
                return state.counted.done;
            }
        }
    }
}

impl<L: RawLock> Resource for Counts<L> {
    fn id(&self) -> ResourceId {
        self.0.lock().waiters.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Count
    }
}

/// Counts a running task as done.
#[inline]
fn end_one<L: RawLock>(mut state: StateGuard<'_, State, L>) {
    state.counted.running -= 1;
    state.counted.done += 1;
    tell(state);
}

/// Wakes who waits, if so many are done as somebody waits for; the others wait again.
#[inline]
fn tell<L: RawLock>(mut state: StateGuard<'_, State, L>) {
    if !state.waiters.is_unused() && state.counted.done >= state.awaited {
        let wakeups = state.waiters.notify_all();
        drop(state);
        wakeups.run();
    }
}
