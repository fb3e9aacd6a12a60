//! What lies under all locks: a word that threads change in turn, or a host that runs one thread at a time.
//!
//! A raw lock is held for a few instructions, never while user code runs, never across a sleep. So a thread that finds the
//! word taken spins, then gives way, then naps (see [`Backoff`]): bounded naps instead of a queue, so that unlocking is a
//! plain store, and a holder of lower priority that was preempted gets to run.
//!
//! States of the word: `FREE` (0), `HELD` (1).

#![expect(unsafe_code, reason = "a raw lock promises to exclude")]

use std::cell::Cell;

#[cfg(not(loom))]
use crate::backoff::Backoff;
use crate::primitive::{AtomicU32, Ordering};

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

#[cold]
#[inline(never)]
#[expect(clippy::panic, reason = "undefined behaviour is the alternative")]
fn in_use() -> ! {
    panic!("the state of a primitive is used within a use of it");
}

// SAFETY: `held` is true while a caller has the lock. All callers are on the thread that has a reference to it.
unsafe impl RawLock for HostLock {
    #[cfg(not(loom))]
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
        if !self.try_lock() {
            in_use();
        }
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
