//! The lock under all locks: one word around a few plain fields.
//!
//! It is held for a few instructions, never while user code runs, never across a sleep. So whoever finds it taken spins,
//! then gives way, then naps (see [`Backoff`]): bounded naps instead of a queue, so that unlocking is a plain
//! store, and a holder of lower priority that was preempted gets to run.
//!
//! States of the word: `FREE` (0), `HELD` (1).

#![expect(unsafe_code, reason = "the value behind the lock under all locks")]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[cfg(not(loom))]
use crate::backoff::Backoff;
use crate::primitive::{AtomicU32, Ordering, UnsafeCell, global};

const FREE: u32 = 0;
const HELD: u32 = 1;

/// Whether the process has a host that excludes its threads from each other: see [`host_excludes_threads`].
static HOSTED_PROCESS: global::AtomicBool = global::AtomicBool::new(false);

#[inline]
fn is_hosted() -> bool {
    // Relaxed: it changes once, while the process has no user of the engine yet.
    !cfg!(loom) && HOSTED_PROCESS.load(Ordering::Relaxed)
}

/// Says that a host excludes the threads of this process from each other while they run engine code, as the lock of an
/// interpreter does. From then on a [`StateLock`] is taken without an atomic operation.
///
/// # Safety
/// - From now on, each thread that uses a primitive or a queue of Interlock has the host to itself while it does.
/// - What it gives to other threads, it gives away no later than it gives up the host.
/// - No primitive or queue is in use now.
pub unsafe fn host_excludes_threads() {
    // Relaxed: see `is_hosted`.
    HOSTED_PROCESS.store(true, Ordering::Relaxed);
}

/// The lock of a primitive's state. It is a [`WordLock`], but for the process that has a host which excludes threads.
pub type StateLock<T> = WordLock<T, true>;

/// A value that one thread at a time may look at, for a few instructions.
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
pub struct WordLock<T, const HOSTED: bool = false> {
    word: AtomicU32,
    value: UnsafeCell<T>,
    #[cfg(loom)]
    refused: crate::model::Refused,
}

// SAFETY: the value is reached only through the guard, which one thread has at a time; so sharing the lock moves the
// value between threads, for which `T: Send` is enough.
unsafe impl<T: Send, const HOSTED: bool> Sync for WordLock<T, HOSTED> {}

// SAFETY: the lock owns the value and a word; it may go wherever the value may.
unsafe impl<T: Send, const HOSTED: bool> Send for WordLock<T, HOSTED> {}

impl<T, const HOSTED: bool> WordLock<T, HOSTED> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        WordLock {
            word: AtomicU32::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        WordLock {
            word: AtomicU32::new(FREE),
            value: UnsafeCell::new(value),
            refused: crate::model::Refused::default(),
        }
    }

    /// Takes the lock; waits for the few instructions that another thread needs.
    #[inline]
    pub fn lock(&self) -> WordLockGuard<'_, T, HOSTED> {
        if HOSTED && is_hosted() {
            return WordLockGuard::new(self);
        }
        // Acquire pairs with the Release in the guard's drop.
        if self
            .word
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.lock_contended();
        }
        WordLockGuard::new(self)
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<WordLockGuard<'_, T, HOSTED>> {
        if HOSTED && is_hosted() {
            return Some(WordLockGuard::new(self));
        }
        // Acquire pairs with the Release in the guard's drop.
        let taken = self
            .word
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok().then(|| WordLockGuard::new(self))
    }

    /// A model does not spin, which it could do for ever: who finds the lock taken tries again when it was released.
    #[cfg(loom)]
    fn lock_contended(&self) {
        self.refused.wait();
        // Acquire pairs with the Release in the guard's drop.
        while self
            .word
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.refused.wait();
        }
    }

    #[cfg(not(loom))]
    #[cold]
    fn lock_contended(&self) {
        let mut backoff = Backoff::new();
        // Acquire pairs with the Release in the guard's drop.
        while self
            .word
            .compare_exchange_weak(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            backoff.pause();
        }
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

impl<T: Default, const HOSTED: bool> Default for WordLock<T, HOSTED> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The right to the value of a [`WordLock`], until dropped.
#[must_use = "the lock is free again as soon as the guard is dropped"]
pub struct WordLockGuard<'a, T, const HOSTED: bool = false> {
    lock: &'a WordLock<T, HOSTED>,
    /// Threads may share a guard, and send it, as they may a mutable reference to the value, not as they may the lock.
    like: PhantomData<&'a mut T>,
}

impl<'a, T, const HOSTED: bool> WordLockGuard<'a, T, HOSTED> {
    #[inline]
    fn new(lock: &'a WordLock<T, HOSTED>) -> Self {
        WordLockGuard {
            lock,
            like: PhantomData,
        }
    }
}

impl<T, const HOSTED: bool> Drop for WordLockGuard<'_, T, HOSTED> {
    #[inline]
    fn drop(&mut self) {
        // Release pairs with the Acquire of whoever takes the lock next.
        self.lock.word.store(FREE, Ordering::Release);
        #[cfg(loom)]
        self.lock.refused.try_again();
    }
}

#[cfg(not(loom))]
impl<T, const HOSTED: bool> Deref for WordLockGuard<'_, T, HOSTED> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so nobody has a mutable reference but through it.
        unsafe { &*self.lock.value.get() }
    }
}

#[cfg(not(loom))]
impl<T, const HOSTED: bool> DerefMut for WordLockGuard<'_, T, HOSTED> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed mutably, so the reference is unique.
        unsafe { &mut *self.lock.value.get() }
    }
}

#[cfg(loom)]
impl<T, const HOSTED: bool> Deref for WordLockGuard<'_, T, HOSTED> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so nobody has a mutable reference but through it; loom checks it.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

#[cfg(loom)]
impl<T, const HOSTED: bool> DerefMut for WordLockGuard<'_, T, HOSTED> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed mutably, so the reference is unique; loom checks it.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}
