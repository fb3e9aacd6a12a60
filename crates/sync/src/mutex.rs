//! A lock with a value in it.
//!
//! A [`Mutex`] is a [`Lock`], on which threads wait, and a word lock around the value. No thread ever waits on the word
//! lock, because only the holder of the `Lock` takes it. It spares this crate unsafe code, at the price of one atomic pair. It is the only word lock that is held while user code runs, which is harmless
//! for the same reason.

use std::fmt;
use std::ops::{Deref, DerefMut};

use interlock_wait::{Deadline, WaitContext, WordLock, WordLockGuard};

use crate::error::WaitError;
use crate::guard::Guard;
use crate::lock::Lock;

/// A value that one thread at a time can use, under a [`Lock`].
///
/// A panic does not poison it: unwinding releases the lock, and the value stays as it is. To wait until the value
/// changes, use a [`Condition`](crate::Condition): see [`Condition::wait_while`](crate::Condition::wait_while).
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
    pub(crate) lock: Lock,
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
    pub(crate) fn guard_value<'a>(&'a self, held: Guard<'a, Lock>) -> MutexGuard<'a, T> {
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
    pub(crate) value: WordLockGuard<'a, T>,
    pub(crate) held: Guard<'a, Lock>,
    pub(crate) mutex: &'a Mutex<T>,
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

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    /// The value, or `<locked>` if a thread holds it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => output.field("value", &*value),
            None => output.field("value", &format_args!("<locked>")),
        };
        output.finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
