//! A lock with a value in it.
//!
//! A [`Mutex`] is a [`Lock`], on which threads wait, and a word lock around the value. No
//! thread ever waits on the word lock, because only the holder of the `Lock` takes it. It spares this crate unsafe
//! code, at the price of one atomic pair. It is the only word lock that is held while user code runs, which is harmless
//! for the same reason.

use std::ops::{Deref, DerefMut};

use interlock_wait::{Deadline, WaitContext, Wake, WordLock, WordLockGuard};

use crate::condition::Condition;
use crate::error::WaitError;
use crate::guard::Guard;
use crate::lock::Lock;

/// A value that one thread at a time can use, under a [`Lock`].
///
/// A panic does not poison it: unwinding releases the lock, and the value stays as it is. To wait until the value
/// changes, use a [`Condition`]: see [`Condition::wait_while`].
///
/// ```
/// use interlock_sync::Mutex;
///
/// let total = Mutex::new(0);
/// std::thread::scope(|scope| {
///     for number in 0..4 {
///         scope.spawn({
///             let total = &total;
///             move || *total.lock() += number
///         });
///     }
/// });
/// assert_eq!(total.into_inner(), 6);
/// ```
#[derive(Default)]
pub struct Mutex<T> {
    lock: Lock,
    value: WordLock<T>,
}

impl<T> Mutex<T> {
    /// A free mutex around `value`.
    pub fn new(value: T) -> Self {
        Mutex {
            lock: Lock::new(),
            value: WordLock::new(value),
        }
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread holds it; for ever if this thread
    /// already holds it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.guard_value(self.lock.guard())
    }

    /// Takes the value until the guard is dropped, if no thread holds it. Never blocks.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.lock.try_guard().map(|held| self.guard_value(held))
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread holds it, or until `deadline`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`]: the deadline passed.
    pub fn lock_until(&self, deadline: Deadline) -> Result<MutexGuard<'_, T>, WaitError> {
        self.lock_with(&mut WaitContext::until(deadline))
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread holds it, or until `context` ends the
    /// wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait.
    pub fn lock_with(&self, context: &mut WaitContext<'_>) -> Result<MutexGuard<'_, T>, WaitError> {
        self.lock.guard_with(context).map(|held| self.guard_value(held))
    }

    /// Whether any thread holds the value at this moment. Never blocks.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// The value. The exclusive reference makes locking unnecessary. Never blocks.
    #[cfg(not(loom))]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, moved out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    #[inline]
    fn guard_value<'a>(&'a self, held: Guard<'a, Lock>) -> MutexGuard<'a, T> {
        MutexGuard {
            value: self.value.lock(),
            held,
            mutex: self,
        }
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// The value of a [`Mutex`], until dropped. Dropping it never blocks.
#[must_use = "the mutex is free again as soon as the guard is dropped"]
pub struct MutexGuard<'a, T> {
    // The fields drop in this order: a thread that gets the lock never finds the value taken.
    value: WordLockGuard<'a, T>,
    held: Guard<'a, Lock>,
    mutex: &'a Mutex<T>,
}

impl<T> MutexGuard<'_, T> {
    /// Releases the value, waits for a notification, and takes the value back.
    fn wait_with(self, condition: &Condition, context: &mut WaitContext<'_>) -> (Self, Wake) {
        let MutexGuard { value, held, mutex } = self;
        drop(value);
        // Only the guard can release the lock of a mutex, so it is held and this cannot fail.
        let wake = condition
            .wait_with(&mutex.lock, context)
            .unwrap_or(Wake::Notified);
        (mutex.guard_value(held), wake)
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Methods for use with a [`Mutex`]. A wait takes its guard and returns it.
impl Condition {
    /// Releases the mutex, waits for a notification, and takes the mutex back.
    ///
    /// Blocks until notified, and then until the mutex is free. By then the value may have changed again: see
    /// [`Condition::wait_while`]. Notifications are not stored: one that came before the wait does not end it.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        guard.wait_with(self, &mut WaitContext::uninterruptible()).0
    }

    /// Releases the mutex, waits for a notification until `deadline`, and takes the mutex back. Returns the guard and
    /// how the wait ended: [`Wake::Notified`] or [`Wake::TimedOut`].
    ///
    /// Blocks until notified or until `deadline`, and then until the mutex is free, however long that takes.
    pub fn wait_until<'a, T>(
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
    pub fn wait_while<'a, T>(
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
    pub fn wait_while_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
        busy: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, Result<(), WaitError>) {
        self.wait_while_with(guard, &mut WaitContext::until(deadline), busy)
    }

    fn wait_while_with<'a, T>(
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
    pub fn notify_one<T>(&self, guard: &MutexGuard<'_, T>) {
        self.notify_with(&guard.mutex.lock, 1);
    }

    /// Notifies all threads that wait with the mutex of `guard`. They continue one after the other, as the mutex
    /// becomes free. Never blocks.
    pub fn notify_all<T>(&self, guard: &MutexGuard<'_, T>) {
        self.notify_with(&guard.mutex.lock, usize::MAX);
    }
}
