//! A line of waiters, and the number of notified threads that are still on their way.

use interlock_wait::{WaitQueue, Wakeups, fork};

/// The waiters for items, or for room.
///
/// A thread that was notified is *coming* until it calls [arrive](Line::arrive), which it does in the step in which
/// it tries again, or leaves. A coming thread will take one item, or use room for one. So no other thread is
/// notified for that item or that room: under load, a thread needs a while to wake, and other threads have taken
/// many items by then.
///
/// A task that was notified does not count as coming, because its executor decides when to poll it. So a thread behind
/// it in line is notified, too.
pub(crate) struct Line {
    pub(crate) waiters: WaitQueue,
    coming: usize,
    /// The process in which the threads are coming: they do not exist in the child of a fork.
    generation: u32,
}

impl Line {
    pub(crate) const fn new() -> Self {
        Line {
            waiters: WaitQueue::new(),
            coming: 0,
            generation: 0,
        }
    }

    /// Returns whether the line never had a waiter. Costs less than [`Line::is_empty`].
    #[inline(always)]
    pub(crate) fn is_unused(&self) -> bool {
        self.waiters.is_unused()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Returns how many notified threads have not arrived.
    #[inline(always)]
    pub(crate) fn coming(&self) -> usize {
        if self.coming == 0 || self.generation != fork::generation() {
            0
        } else {
            self.coming
        }
    }

    /// Counts a notified thread that the caller has taken out of the line, or is about to.
    pub(crate) fn expect_one(&mut self) {
        self.coming = self.coming() + 1;
        self.generation = fork::generation();
    }

    /// Called when a notified thread has come. A thread that was not counted (it was in a signal handler, or all
    /// were notified) may call this, too. Then the count is too low, which costs at most a needless notification.
    #[inline]
    pub(crate) fn arrive(&mut self) {
        self.coming = self.coming().saturating_sub(1);
    }

    /// Notifies the first in line, unless a thread is coming for each of `ready` items or places.
    #[inline]
    pub(crate) fn call(&mut self, ready: usize) -> Wakeups {
        if self.waiters.is_unused() || self.coming() >= ready {
            return Wakeups::NOBODY;
        }
        let (wakeups, comes) = self.waiters.notify_coming();
        if comes {
            self.expect_one();
        }
        wakeups
    }

    /// Notifies a waiter for each of the `count` new ones among `ready` items or places, as [`Line::call`] does.
    pub(crate) fn call_many(&mut self, count: usize, ready: usize) -> Wakeups {
        let mut wakeups = Wakeups::NOBODY;
        for _ in 0..count.min(self.waiters.len()) {
            if self.coming() >= ready {
                break;
            }
            wakeups.append(self.call(ready));
        }
        wakeups
    }

    /// Takes all waiters out without notifying them. The caller drops them under no lock.
    pub(crate) fn forget_waiters(&mut self) -> WaitQueue {
        self.coming = 0;
        self.waiters.forget_waiters()
    }
}

/// Runs wake-ups one after the other.
pub(crate) fn run_all(wakeups: impl IntoIterator<Item = Wakeups>) {
    wakeups.into_iter().for_each(Wakeups::run);
}
