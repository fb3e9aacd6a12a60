//! The basis of all locks: a word that threads change in turn, or a host that runs one thread at a time.
//!
//! A raw lock is held for a few instructions, never while user code runs, never across a sleep. So a thread that
//! finds the word taken spins, then yields, then naps (see [`Backoff`]). With bounded naps instead of a queue,
//! unlocking is a plain store, and a preempted holder of lower priority gets to run.
//!
//! States of the word: `FREE` (0), `HELD` (1).

#![expect(unsafe_code, reason = "a raw lock promises to exclude")]

use std::cell::Cell;
use std::fmt;

#[cfg(not(loom))]
use crate::backoff::Backoff;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::raw_word::RawWord;

const FREE: u32 = 0;
const HELD: u32 = 1;

/// Excludes the users of a primitive's state from each other.
///
/// Primitives and queues are generic over it. [`RawWordLock`] is for threads that run at once. A host that runs one
/// thread at a time has a raw lock of its own, made of a [`HostLock`]. A raw lock need not be [`Sync`]. If it is
/// not, the primitives over it are not either, and the host decides which of its threads may use them.
///
/// # Safety
/// - After `lock`, or after `try_lock` returned true, no other call gets the lock before `unlock`.
/// - A thread for which `covers_this_thread` returns true may use the lock, even one that is not [`Sync`].
pub unsafe trait RawLock: Sized {
    /// A word that the same threads may read and change without the lock.
    type Word: RawWord;

    /// Whether the threads that it excludes from each other run at the same time, so that one may wait awake for another.
    const RUN_AT_ONCE: bool = true;

    /// A free lock.
    #[cfg(not(loom))]
    const NEW: Self;

    /// Creates a free lock.
    #[cfg(loom)]
    fn new() -> Self;

    /// Takes the lock. If another thread holds it, waits for the few instructions that it needs.
    fn lock(&self);

    /// Takes the lock if it is free, and returns whether it did.
    fn try_lock(&self) -> bool;

    /// Gives the lock back.
    ///
    /// # Safety
    /// The caller has taken it.
    unsafe fn unlock(&self);

    /// Returns whether the lock excludes the calling thread, too, so that the thread may take it.
    ///
    /// Always true, unless the lock is a host's, which covers only the threads that are attached to the host.
    /// [`Owners`](crate::Owners) needs this, because any thread may ask it.
    fn covers_this_thread() -> bool {
        true
    }
}

/// A word that threads change by compare-exchange.
pub struct RawWordLock {
    word: AtomicU32,
    #[cfg(loom)]
    refused: crate::model::Refused,
}

// SAFETY: the word goes from `FREE` to `HELD` for one caller, until that one stores `FREE`.
unsafe impl RawLock for RawWordLock {
    type Word = AtomicU64;

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
    /// A model does not spin, because it could do so for ever. A thread that finds the lock taken tries again after
    /// the release.
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
        loop {
            backoff.pause();
            // Relaxed: `try_lock` decides. A look alone leaves the holder its cache line for longer than an attempt does.
            if self.word.load(Ordering::Relaxed) == FREE && self.try_lock() {
                return;
            }
        }
    }
}

/// The raw lock of a host that runs one thread at a time, as the lock of an interpreter does: no atomic operation.
///
/// It can't tell which threads are the host's, so it is no [`RawLock`] by itself:
///
/// ```compile_fail,E0277
/// use interlock::wait::{HostLock, StateLock};
///
/// let state: StateLock<i32, HostLock> = StateLock::new(0);
/// ```
///
/// The host wraps this lock in a type of its own that implements the trait. Neither is [`Sync`], nor is a primitive
/// over it:
///
/// ```compile_fail,E0277
/// fn share(lock: &(impl Sync + ?Sized)) {}
///
/// share(&interlock::wait::HostLock::new());
/// ```
///
/// To share such a primitive, the host wraps it in a type that gives access only to threads with a proof that they
/// are attached.
pub struct HostLock {
    /// If it is true before a use, a caller further up on the same thread is using the state.
    held: Cell<bool>,
}

#[cold]
#[inline(never)]
#[expect(clippy::panic, reason = "undefined behaviour is the alternative")]
fn in_use() -> ! {
    panic!("the state of a primitive is used within a use of it");
}

impl Default for HostLock {
    fn default() -> Self {
        Self::new()
    }
}

impl HostLock {
    /// Creates a free lock.
    pub const fn new() -> Self {
        HostLock {
            held: Cell::new(false),
        }
    }

    /// Takes the lock.
    ///
    /// # Panics
    /// A caller further up the stack holds it.
    #[inline]
    pub fn lock(&self) {
        if !self.try_lock() {
            in_use();
        }
    }

    /// Takes the lock if no caller further up the stack holds it, and returns whether it did.
    #[inline]
    pub fn try_lock(&self) -> bool {
        !self.held.replace(true)
    }

    /// Gives the lock back.
    #[inline]
    pub fn unlock(&self) {
        self.held.set(false);
    }
}

impl fmt::Debug for RawWordLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawWordLock").finish_non_exhaustive()
    }
}

impl fmt::Debug for HostLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostLock").finish_non_exhaustive()
    }
}
