//! A lock with a value in it.
//!
//! A [`Mutex`] is a [`Lock`], on which threads wait, and a word lock around the value, on which nobody ever does: only who
//! has the `Lock` comes to it. So this crate needs no unsafe code for it; the price is one atomic pair. It is the one word
//! lock that is held while user code runs. That is harmless for the same reason.

use std::ops::{Deref, DerefMut};

use interlock_wait::{Deadline, WaitContext, Wake, WordLock, WordLockGuard};

use crate::condition::Condition;
use crate::error::WaitError;
use crate::guard::Guard;
use crate::lock::Lock;

/// A value that one thread at a time has, under a [`Lock`].
///
/// Not poisoned by a panic: the lock is released while it unwinds, and the value stays as it is. Waiting for a change of the
/// value is what a [`Condition`] is for: see [`Condition::wait_while`].
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
    /// A mutex around `value` that nobody has.
    pub fn new(value: T) -> Self {
        Mutex {
            lock: Lock::new(),
            value: WordLock::new(value),
        }
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread has it; for ever if this thread has it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.open(self.lock.guard())
    }

    /// Takes the value until the guard is dropped, if nobody has it. Never blocks.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.lock.try_guard().map(|held| self.open(held))
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread has it, or until `deadline`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`]: the deadline passed.
    pub fn lock_until(&self, deadline: Deadline) -> Result<MutexGuard<'_, T>, WaitError> {
        self.lock_with(&mut WaitContext::until(deadline))
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread has it, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait.
    pub fn lock_with(&self, context: &mut WaitContext<'_>) -> Result<MutexGuard<'_, T>, WaitError> {
        self.lock.guard_with(context).map(|held| self.open(held))
    }

    /// Whether some thread has the value, at this moment. Never blocks.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// The value, by the right of the only owner. Never blocks.
    #[cfg(not(loom))]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, moved out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    #[inline]
    fn open<'a>(&'a self, held: Guard<'a, Lock>) -> MutexGuard<'a, T> {
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
    // Dropped in this order: nobody who gets the lock finds the value taken.
    value: WordLockGuard<'a, T>,
    held: Guard<'a, Lock>,
    mutex: &'a Mutex<T>,
}

impl<T> MutexGuard<'_, T> {
    /// Gives the value up, waits for a notification, and takes the value back.
    fn wait_with(self, condition: &Condition, context: &mut WaitContext<'_>) -> (Self, Wake) {
        let MutexGuard { value, held, mutex } = self;
        drop(value);
        // Nobody but the guard can release the lock of a mutex, so it is held.
        let wake = condition
            .wait_with(&mutex.lock, context)
            .unwrap_or(Wake::Notified);
        (mutex.open(held), wake)
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

/// With a [`Mutex`], whose guard goes into a wait and comes back from it.
impl Condition {
    /// Gives the mutex up, waits for a notification, and takes the mutex back.
    ///
    /// Blocks until notified, and then until the mutex is free. What was waited for may be over by then: see
    /// [`Condition::wait_while`]. A notification is no state: nobody hears of one that came before.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        guard.wait_with(self, &mut WaitContext::endless()).0
    }

    /// Gives the mutex up, waits for a notification until `deadline`, and takes the mutex back. How the wait ended comes
    /// with the guard: [`Wake::Notified`] or [`Wake::TimedOut`].
    ///
    /// Blocks until notified or until `deadline`, and then until the mutex is free, however long that takes.
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> (MutexGuard<'a, T>, Wake) {
        guard.wait_with(self, &mut WaitContext::until(deadline))
    }

    /// Waits while `busy` says so of the value: looks at it now, and after each notification. It is false in the end.
    ///
    /// Blocks, without the mutex, until a notification; `busy` runs with it.
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
        self.wait_while_until(guard, Deadline::NEVER, busy).0
    }

    /// Waits while `busy` says so of the value, until `deadline`: looks at it now, after each notification, and when the
    /// time is over. Whether it is still busy comes with the guard: [`WaitError::TimedOut`].
    ///
    /// Blocks, without the mutex, until a notification or until `deadline`; `busy` runs with it.
    pub fn wait_while_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
        mut busy: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, Result<(), WaitError>) {
        let mut wake = Wake::Notified;
        while busy(&mut guard) {
            if wake != Wake::Notified {
                return (guard, Err(WaitError::TimedOut));
            }
            (guard, wake) = self.wait_until(guard, deadline);
        }
        (guard, Ok(()))
    }

    /// Notifies the first thread that waits with the mutex of `guard`; it goes on when the mutex is free. Never blocks.
    pub fn notify_one<T>(&self, guard: &MutexGuard<'_, T>) {
        self.notify_with(&guard.mutex.lock, 1);
    }

    /// Notifies all threads that wait with the mutex of `guard`; they go on one after the other, as the mutex becomes free.
    /// Never blocks.
    pub fn notify_all<T>(&self, guard: &MutexGuard<'_, T>) {
        self.notify_with(&guard.mutex.lock, usize::MAX);
    }
}
