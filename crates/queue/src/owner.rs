//! What a queue's owner does with it beside putting and getting: look, take out, retire, forget.

use interlock_wait::{RawLock, Wakeups};

use crate::queue::Queue;
use crate::side::Side;
use crate::state::Contents;
use crate::store::{Store, Traverse};

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Counts the caller as a getter that was notified and is on its way, if the queue is empty and there is no other: then no
    /// put wakes one. Returns whether it counts. Such a getter looks at [`Queue::is_worth_a_look`] for a while, without being in
    /// line, and then comes with [`Arrival::Notified`](crate::Arrival::Notified), whatever it saw. Never blocks.
    pub fn watch_wake_next(&self) -> bool {
        self.state.lock().count_as_notified()
    }

    /// Whether a getter would find an item, or the end of the queue. If another thread uses the queue, the answer is no. Never
    /// blocks.
    pub fn is_worth_a_look(&self) -> bool {
        let state = self.state.try_lock();
        state.is_some_and(|state| state.is_ready(Side::Get))
    }

    /// Retires the queue and returns its contents; `None` if it was retired before. Later puts, gets and joins fail.
    /// The caller must run the returned wake-ups, which end the waits. Never blocks.
    pub fn retire(&self) -> Option<(Contents<S>, [Wakeups; 3])> {
        self.state.lock().retire()
    }

    /// Takes all items out at once and changes nothing else; for an owner that is being destroyed. Never blocks.
    pub fn clear(&self) -> S {
        self.state.lock().items.take()
    }

    /// Lets `take` take items out, notifies as many putters, and returns the result of `take`. It runs under the
    /// queue's lock and must do nothing else. Never blocks.
    pub fn take_out<R>(&self, take: impl FnOnce(&mut S) -> R) -> R {
        let (taken, wakeups) = self.state.lock().take_out(take);
        wakeups.run();
        taken
    }

    /// Calls `look` with the items, under the queue's lock, and returns its result. `look` must only read. Returns
    /// `None` without calling it if another thread is using the queue. Never blocks.
    pub fn try_look<R>(&self, look: impl FnOnce(&S) -> R) -> Option<R> {
        self.state.try_lock().map(|state| look(&state.items))
    }

    /// How many items were put whose task is not done, and how many of them are in the queue, at one moment. Never blocks.
    pub fn unfinished_and_len(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.unfinished, state.items.len())
    }

    /// Forgets the waiters: for the child of a fork, which has only one thread. Items stay.
    pub fn reset_waiters(&self) {
        let forgotten = self.state.lock().forget_waiters();
        drop(forgotten);
    }
}

impl<S: Traverse, L: RawLock> Queue<S, L> {
    /// Visits each item in place, under the queue's lock. `visit` must only read. If another thread is using the queue,
    /// returns `false` and visits none. Never blocks.
    pub fn try_for_each(&self, visit: &mut dyn FnMut(&S::Item)) -> bool {
        self.state
            .try_lock()
            .map(|state| state.items.for_each(visit))
            .is_some()
    }
}
