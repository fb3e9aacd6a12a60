//! A value under a raw lock: the state of a primitive.

#![expect(unsafe_code, reason = "the value behind the lock under all locks")]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::primitive::UnsafeCell;
use crate::raw_lock::{RawLock, RawWordLock};

/// A value under a [`RawWordLock`].
pub type WordLock<T> = StateLock<T, RawWordLock>;

/// The right to the value of a [`WordLock`], until dropped.
pub type WordLockGuard<'a, T> = StateGuard<'a, T, RawWordLock>;

/// A value that one thread at a time may look at, for a few instructions: the state of a primitive.
///
/// Not for user code: nothing that can block, call back, compare or drop a user's value may happen while the guard lives.
///
/// A guard is shared between threads only if they may share the value:
///
/// ```compile_fail,E0277
/// use std::cell::Cell;
/// use interlock_wait::WordLock;
///
/// let lock: WordLock<Cell<i32>> = WordLock::new(Cell::new(0));
/// let guard = lock.lock();
/// std::thread::scope(|s| s.spawn(|| guard.set(1)));
/// ```
pub struct StateLock<T, R: RawLock = RawWordLock> {
    raw: R,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the guard, which one thread has at a time; so sharing the lock moves the
// value between threads, for which `T: Send` is enough.
unsafe impl<T: Send, R: RawLock + Sync> Sync for StateLock<T, R> {}

// SAFETY: the lock owns the value and the raw lock; it may go wherever these may.
unsafe impl<T: Send, R: RawLock + Send> Send for StateLock<T, R> {}

impl<T, R: RawLock> StateLock<T, R> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        StateLock {
            raw: R::NEW,
            value: UnsafeCell::new(value),
        }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        StateLock {
            raw: R::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock; waits for the few instructions that another thread needs.
    #[inline]
    pub fn lock(&self) -> StateGuard<'_, T, R> {
        self.raw.lock();
        StateGuard::new(self)
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<StateGuard<'_, T, R>> {
        self.raw.try_lock().then(|| StateGuard::new(self))
    }

    /// The value, by the right of the only owner.
    #[cfg(not(loom))]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, moved out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// The address that names this lock's object in reports.
    pub fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl<T: Default, R: RawLock> Default for StateLock<T, R> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The right to the value of a [`StateLock`], until dropped.
#[must_use = "the lock is free again as soon as the guard is dropped"]
pub struct StateGuard<'a, T, R: RawLock = RawWordLock> {
    lock: &'a StateLock<T, R>,
    /// Threads may share a guard, and send it, as they may a mutable reference to the value, not as they may the lock.
    like: PhantomData<&'a mut T>,
}

impl<'a, T, R: RawLock> StateGuard<'a, T, R> {
    #[inline]
    fn new(lock: &'a StateLock<T, R>) -> Self {
        StateGuard {
            lock,
            like: PhantomData,
        }
    }
}

impl<T, R: RawLock> Drop for StateGuard<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard was made when the lock was taken.
        unsafe { self.lock.raw.unlock() };
    }
}

#[cfg(not(loom))]
impl<T, R: RawLock> Deref for StateGuard<'_, T, R> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so nobody has a mutable reference but through it.
        unsafe { &*self.lock.value.get() }
    }
}

#[cfg(not(loom))]
impl<T, R: RawLock> DerefMut for StateGuard<'_, T, R> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed mutably, so the reference is unique.
        unsafe { &mut *self.lock.value.get() }
    }
}

#[cfg(loom)]
impl<T, R: RawLock> Deref for StateGuard<'_, T, R> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so nobody has a mutable reference but through it; loom checks it.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

#[cfg(loom)]
impl<T, R: RawLock> DerefMut for StateGuard<'_, T, R> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed mutably, so the reference is unique; loom checks it.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}
