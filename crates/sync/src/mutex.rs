//! A lock with a value in it.
//!
//! A [`Mutex`] is a [`Lock`], on which threads wait, and a cell with the value, which only the holder of the `Lock` uses.

#![expect(unsafe_code, reason = "a mutex gives out references to its value")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use interlock_wait::primitive::UnsafeCell;
use interlock_wait::{Deadline, WaitContext};

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
pub struct Mutex<T: ?Sized> {
    pub(crate) lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the guard, which one thread has at a time; so sharing the mutex moves the value
// between threads, for which `T: Send` is enough.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

// SAFETY: the mutex owns the value, and the lock may go anywhere.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    /// A free mutex around `value`.
    pub fn new(value: T) -> Self {
        Mutex {
            lock: Lock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// The value, moved out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
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

    #[inline]
    /// The value, under the lock that the caller has just taken.
    pub(crate) fn guard_value<'a>(&'a self, held: Guard<'a, Lock>) -> MutexGuard<'a, T> {
        MutexGuard {
            held,
            mutex: self,
            like: PhantomData,
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// The value of a [`Mutex`], until dropped. Dropping it never blocks.
#[must_use = "the mutex is free again as soon as the guard is dropped"]
///
/// A guard is shared between threads only if they may share the value:
///
/// ```compile_fail,E0277
/// use std::cell::Cell;
/// use interlock_sync::Mutex;
///
/// let mutex = Mutex::new(Cell::new(0));
/// let guard = mutex.lock();
/// std::thread::scope(|s| s.spawn(|| guard.set(1)));
/// ```
pub struct MutexGuard<'a, T: ?Sized> {
    pub(crate) held: Guard<'a, Lock>,
    pub(crate) mutex: &'a Mutex<T>,
    /// Threads may share a guard, and send it, as they may a mutable reference to the value.
    like: PhantomData<&'a mut T>,
}

#[cfg(not(loom))]
impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held until this guard is dropped, and no other guard was made with it. So there is no mutable
        // reference but through this guard.
        unsafe { &*self.mutex.value.get() }
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and this guard is borrowed mutably, so the reference is unique.
        unsafe { &mut *self.mutex.value.get() }
    }
}

#[cfg(loom)]
impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held until this guard is dropped, and no other guard was made with it; loom checks it.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

#[cfg(loom)]
impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and this guard is borrowed mutably, so the reference is unique; loom checks it.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    /// The value, or `<locked>` if a thread holds it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => output.field("value", &&*value),
            None => output.field("value", &format_args!("<locked>")),
        };
        output.finish()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
