//! A lock with a value in it.
//!
//! A [`Mutex`] consists of a [`Lock`], and a cell with the value, which only the holder of the `Lock` uses.

#![expect(unsafe_code, reason = "a mutex gives out references to its value")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use interlock_wait::primitive::UnsafeCell;
use interlock_wait::{TimedOut, WaitContext};

use crate::error::WaitError;
use crate::guard::Guard;
use crate::lock::Lock;

/// A value that one thread at a time can use, under a [`Lock`].
///
/// A panic does not poison it: unwinding releases the lock, and the value stays as it is. To wait until the value
/// changes, use a [`Condition`](crate::Condition): see [`Condition::wait_while`](crate::Condition::wait_while).
///
/// ```
/// use interlock::sync::Mutex;
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

// A panic leaves the value as it is, so the mutex is as unwind-safe as the value.
impl<T: ?Sized + UnwindSafe> UnwindSafe for Mutex<T> {}
impl<T: ?Sized + UnwindSafe> RefUnwindSafe for Mutex<T> {}

impl<T> Mutex<T> {
    /// Creates a free mutex around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        let value = UnsafeCell::new(value);
        let lock = Lock::new();
        Mutex { lock, value }
    }

    /// Creates a free mutex around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        let (lock, value) = (Lock::new(), UnsafeCell::new(value));
        Mutex { lock, value }
    }

    /// Consumes the mutex, and returns the value.
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
    ///
    /// # Errors
    /// A thread holds it.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TimedOut> {
        self.lock.try_guard().map(|held| self.guard_value(held))
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread holds it, for at most `timeout`.
    ///
    /// # Errors
    /// The wait timed out.
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_, T>, TimedOut> {
        self.lock
            .guard_timeout(timeout)
            .map(|held| self.guard_value(held))
    }

    /// Takes the value until the guard is dropped. Blocks until no other thread holds it, until `deadline` at the latest.
    ///
    /// # Errors
    /// The wait timed out.
    pub fn lock_deadline(&self, deadline: Instant) -> Result<MutexGuard<'_, T>, TimedOut> {
        self.lock
            .guard_deadline(deadline)
            .map(|held| self.guard_value(held))
    }

    /// Like [`Mutex::lock`], but waits until `context` ends the wait. For hosts.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait.
    #[doc(hidden)]
    pub fn lock_with(&self, context: &mut WaitContext<'_>) -> Result<MutexGuard<'_, T>, WaitError> {
        self.lock.guard_with(context).map(|held| self.guard_value(held))
    }

    /// Returns whether any thread holds the value at this moment. Never blocks.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// Returns the value. The exclusive reference makes locking unnecessary. Never blocks.
    #[cfg(not(loom))]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    #[cfg(not(loom))]
    fn pointer(&self) -> *mut T {
        self.value.get()
    }

    /// Returns a pointer to the value. A model checks that only the calling thread uses the value at this moment.
    #[cfg(loom)]
    fn pointer(&self) -> *mut T {
        self.value.with_mut(|value| value)
    }

    /// Returns the value, under the lock that the caller has just taken.
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

/// Holds the value of a [`Mutex`] until it is dropped. Dropping it never blocks.
#[must_use = "the mutex is free again as soon as the guard is dropped"]
///
/// A guard is shared between threads only if they may share the value:
///
/// ```compile_fail,E0277
/// use std::cell::Cell;
/// use interlock::sync::Mutex;
///
/// let mutex = Mutex::new(Cell::new(0));
/// let guard = mutex.lock();
/// std::thread::scope(|s| s.spawn(|| guard.set(1)));
/// ```
pub struct MutexGuard<'a, T: ?Sized> {
    held: Guard<'a, Lock>,
    mutex: &'a Mutex<T>,
    /// Makes the guard `Sync` and `Send` as a mutable reference to the value is.
    like: PhantomData<&'a mut T>,
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held until this guard is dropped, and no other guard was made with it. So there is no mutable
        // reference but through this guard.
        unsafe { &*self.mutex.pointer() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and this guard is borrowed mutably, so the reference is unique.
        unsafe { &mut *self.mutex.pointer() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    /// Shows the value, or `<locked>` if a thread holds it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(value) => output.field("value", &&*value),
            Err(_) => output.field("value", &format_args!("<locked>")),
        };
        output.finish()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Returns the mutex, which a wait releases.
    pub(crate) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// use interlock::sync::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
    /// *number = 2;
    /// drop(number);
    /// assert_eq!(pair.lock().0, 2);
    /// ```
    pub fn map<U: ?Sized>(mut guard: Self, part: impl FnOnce(&mut T) -> &mut U) -> MappedMutexGuard<'a, U> {
        let value = NonNull::from(part(&mut guard));
        MappedMutexGuard::new(value, guard.held)
    }
}

/// Holds a part of the value of a [`Mutex`] until it is dropped: see [`MutexGuard::map`]. Dropping it never blocks.
#[must_use = "the mutex is free again as soon as the guard is dropped"]
pub struct MappedMutexGuard<'a, U: ?Sized> {
    /// A pointer, because the reference must not outlive the lock, which this guard releases in its drop.
    value: NonNull<U>,
    held: Guard<'a, Lock>,
    like: PhantomData<&'a mut U>,
}

// SAFETY: it stands for a mutable reference, beside the guard of a lock that any thread may release.
unsafe impl<U: ?Sized + Send> Send for MappedMutexGuard<'_, U> {}

// SAFETY: as above; a shared guard gives out shared references only.
unsafe impl<U: ?Sized + Sync> Sync for MappedMutexGuard<'_, U> {}

impl<'a, U: ?Sized> MappedMutexGuard<'a, U> {
    fn new(value: NonNull<U>, held: Guard<'a, Lock>) -> Self {
        let like = PhantomData;
        MappedMutexGuard { value, held, like }
    }

    /// Narrows the guard to a part of the part.
    pub fn map<V: ?Sized>(mut guard: Self, part: impl FnOnce(&mut U) -> &mut V) -> MappedMutexGuard<'a, V> {
        let value = NonNull::from(part(&mut guard));
        MappedMutexGuard::new(value, guard.held)
    }
}

impl<U: ?Sized> Deref for MappedMutexGuard<'_, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the pointer comes from the mutable reference of the guard that became this one, and the lock is still held.
        unsafe { self.value.as_ref() }
    }
}

impl<U: ?Sized> DerefMut for MappedMutexGuard<'_, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`, and this guard is borrowed mutably, so the reference is unique.
        unsafe { self.value.as_mut() }
    }
}

impl<U: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
