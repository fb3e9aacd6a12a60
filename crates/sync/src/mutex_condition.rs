//! A condition with a [`Mutex`](crate::Mutex): waiting for a change of its value.

use interlock_wait::{Deadline, WaitContext, Wake};

use crate::condition::Condition;
use crate::error::WaitError;
use crate::mutex::MutexGuard;

impl<T: ?Sized> MutexGuard<'_, T> {
    /// Releases the value, waits for a notification, and takes the value back.
    fn wait_with(self, condition: &Condition, context: &mut WaitContext<'_>) -> (Self, Wake) {
        let MutexGuard { held, mutex, .. } = self;
        // Only the guard can release the lock of a mutex, so it is held and this cannot fail.
        let wake = condition
            .wait_with(&mutex.lock, context)
            .unwrap_or(Wake::Notified);
        (mutex.guard_value(held), wake)
    }
}

/// Methods for use with a [`Mutex`](crate::Mutex). A wait takes its guard and returns it.
impl Condition {
    /// Releases the mutex, waits for a notification, and takes the mutex back.
    ///
    /// Blocks until notified, and then until the mutex is free. By then the value may have changed again: see
    /// [`Condition::wait_while`]. Notifications are not stored: one that came before the wait does not end it.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        guard.wait_with(self, &mut WaitContext::uninterruptible()).0
    }

    /// Releases the mutex, waits for a notification until `deadline`, and takes the mutex back. Returns the guard and
    /// how the wait ended: [`Wake::Notified`] or [`Wake::TimedOut`].
    ///
    /// Blocks until notified or until `deadline`, and then until the mutex is free, however long that takes.
    pub fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> (MutexGuard<'a, T>, Wake) {
        guard.wait_with(self, &mut WaitContext::until(deadline))
    }

    /// Waits while `busy` is true of the value. Calls `busy` at once and after each notification, and returns when it
    /// is false.
    ///
    /// Blocks until a notification. The mutex is released while it blocks, and held while `busy` runs.
    ///
    /// ```
    /// use interlock_sync::{Condition, Mutex};
    ///
    /// let (balance, changed) = (Mutex::new(0), Condition::new());
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let mut balance = balance.lock();
    ///         *balance += 50;
    ///         changed.notify_all(&balance);
    ///     });
    ///     let balance = changed.wait_while(balance.lock(), |balance| *balance < 50);
    ///     assert_eq!(*balance, 50);
    /// });
    /// ```
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        busy: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.wait_while_with(guard, &mut WaitContext::uninterruptible(), busy)
            .0
    }

    /// Waits while `busy` is true of the value, until `deadline`. Calls `busy` at once, after each notification, and at
    /// the deadline. Returns the guard, with [`WaitError::TimedOut`] if `busy` is still true.
    ///
    /// Blocks until a notification or until `deadline`. The mutex is released while it blocks, and held while `busy`
    /// runs.
    pub fn wait_while_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
        busy: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, Result<(), WaitError>) {
        self.wait_while_with(guard, &mut WaitContext::until(deadline), busy)
    }

    fn wait_while_with<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        context: &mut WaitContext<'_>,
        mut busy: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, Result<(), WaitError>) {
        let mut wake = Wake::Notified;
        while busy(&mut guard) {
            match wake {
                Wake::Notified => (guard, wake) = guard.wait_with(self, context),
                Wake::TimedOut => return (guard, Err(WaitError::TimedOut)),
                Wake::Interrupted => return (guard, Err(WaitError::Interrupted)),
            }
        }
        (guard, Ok(()))
    }

    /// Notifies the first thread that waits with the mutex of `guard`. It continues when the mutex is free. Never
    /// blocks.
    pub fn notify_one<T: ?Sized>(&self, guard: &MutexGuard<'_, T>) {
        self.notify_with(&guard.mutex.lock, 1);
    }

    /// Notifies all threads that wait with the mutex of `guard`. They continue one after the other, as the mutex
    /// becomes free. Never blocks.
    pub fn notify_all<T: ?Sized>(&self, guard: &MutexGuard<'_, T>) {
        self.notify_with(&guard.mutex.lock, usize::MAX);
    }
}
