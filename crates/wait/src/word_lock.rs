//! The lock under all locks: one word around a few plain fields.
//!
//! It is held for a few instructions, never while user code runs, never across a sleep. So whoever finds it taken spins,
//! then gives way, then naps (see [`Backoff`]): bounded naps instead of a queue, so that unlocking is a plain
//! store, and a holder of lower priority that was preempted gets to run.
//!
//! States of the word: `FREE` (0), `HELD` (1).

#![expect(unsafe_code, reason = "the value behind the lock under all locks")]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[cfg(not(loom))]
use crate::backoff::Backoff;
use crate::primitive::{AtomicU32, Ordering, UnsafeCell};

const FREE: u32 = 0;
const HELD: u32 = 1;

/// Excludes the users of a primitive's state from each other.
///
/// Primitives and queues are generic over it. [`RawWordLock`] is for threads that run at once. [`HostLock`] is for a host
/// that runs one thread at a time.
///
/// # Safety
/// After `lock`, or after `try_lock` returned true, no other call gets the lock before `unlock`.
pub unsafe trait RawLock: Sized {
    /// A free lock.
    #[cfg(not(loom))]
    const NEW: Self;

    /// A free lock.
    #[cfg(loom)]
    fn new() -> Self;

    /// Takes the lock; waits for the few instructions that another thread needs.
    fn lock(&self);

    /// Takes the lock if it is free, and returns whether it did.
    fn try_lock(&self) -> bool;

    /// Gives the lock back.
    ///
    /// # Safety
    /// The caller has taken it.
    unsafe fn unlock(&self);
}

/// A word that threads change by compare-exchange.
pub struct RawWordLock {
    word: AtomicU32,
    #[cfg(loom)]
    refused: crate::model::Refused,
}

// SAFETY: the word goes from `FREE` to `HELD` for one caller, until that one stores `FREE`.
unsafe impl RawLock for RawWordLock {
    #[cfg(not(loom))]
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "each use makes another lock, as it should"
    )]
    const NEW: Self = RawWordLock {
        word: AtomicU32::new(FREE),
    };

    #[cfg(loom)]
    fn new() -> Self {
        RawWordLock {
            word: AtomicU32::new(FREE),
            refused: crate::model::Refused::default(),
        }
    }

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.lock_contended();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        // Acquire pairs with the Release in `unlock`.
        self.word
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        // Release pairs with the Acquire of the thread that takes the lock next.
        self.word.store(FREE, Ordering::Release);
        #[cfg(loom)]
        self.refused.try_again();
    }
}

impl RawWordLock {
    /// A model does not spin, which it could do for ever: a thread that finds the lock taken tries again when it was
    /// released.
    #[cfg(loom)]
    fn lock_contended(&self) {
        self.refused.wait();
        while !self.try_lock() {
            self.refused.wait();
        }
    }

    #[cfg(not(loom))]
    #[cold]
    fn lock_contended(&self) {
        let mut backoff = Backoff::new();
        // Acquire pairs with the Release in `unlock`.
        while self
            .word
            .compare_exchange_weak(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            backoff.pause();
        }
    }
}

/// For primitives that a host keeps to one thread at a time, as the lock of an interpreter does: no atomic operation.
///
/// It is not [`Sync`], and neither is a primitive on it. So a reference to one cannot leave its thread, unless the host
/// vouches for it: it keeps the primitive in a type of its own, which gives it out only against the proof that the thread
/// has the host to itself.
///
/// ```compile_fail,E0277
/// use interlock_wait::{HostLock, StateLock};
///
/// let state: StateLock<i32, HostLock> = StateLock::new(0);
/// std::thread::scope(|scope| {
///     scope.spawn(|| *state.lock() += 1);
/// });
/// ```
pub struct HostLock {
    /// Found true, it stops a call that comes back to a state which is in use further up on the same thread.
    held: Cell<bool>,
}

// SAFETY: `held` is true while a caller has the lock. All callers are on the thread that has a reference to it.
unsafe impl RawLock for HostLock {
    #[cfg(not(loom))]
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "each use makes another lock, as it should"
    )]
    const NEW: Self = HostLock {
        held: Cell::new(false),
    };

    #[cfg(loom)]
    fn new() -> Self {
        HostLock {
            held: Cell::new(false),
        }
    }

    #[inline]
    fn lock(&self) {
        assert!(
            self.try_lock(),
            "the state of a primitive is used within a use of it"
        );
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.held.replace(true)
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.held.set(false);
    }
}

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
