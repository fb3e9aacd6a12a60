//! A mutual-exclusion lock.

use std::fmt;
use std::time::{Duration, Instant};

use interlock_wait::{
    Deadline, Owners, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, ThreadIdent, TimedOut,
    WaitContext,
};

use crate::error::{NotHeld, WaitError};
use crate::guard::{Guard, Guarded, Release, forms};
use crate::hand_over::OwnerLock;
use crate::host::Reset;

/// A lock that one thread at a time can hold and any thread may release: Python's `threading.Lock`.
///
/// It contains no value: for that, see [`Mutex`](crate::Mutex). It is eventually fair: unless it was handed over in
/// the last half millisecond, a release hands it to the first waiter, even if other threads try to take it.
///
/// ```
/// use interlock::sync::Lock;
///
/// let lock = Lock::new();
/// lock.acquire();
/// assert!(lock.try_acquire().is_err());
/// lock.release().unwrap();
///
/// let guard = lock.guard();
/// assert!(lock.is_locked());
/// drop(guard);
/// assert!(!lock.is_locked());
/// ```
pub struct Lock<R: RawLock = RawWordLock> {
    owned: OwnerLock<R>,
}

impl Lock {
    /// Creates a free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Lock {
            owned: OwnerLock::new(),
        }
    }

    /// Creates a free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Lock {
            owned: OwnerLock::new(),
        }
    }
}

impl<R: RawLock> Lock<R> {
    /// Like [`Lock::new`], with a raw lock of the caller's choice.
    #[doc(hidden)]
    pub fn new_in() -> Self {
        Lock {
            owned: OwnerLock::begun(),
        }
    }

    /// Takes the lock if it is free. Never blocks.
    ///
    /// # Errors
    /// This would need a wait; nothing was acquired.
    #[inline]
    pub fn try_acquire(&self) -> Result<(), TimedOut> {
        let taken =
            self.try_acquire_fast() || !self.is_locked() && self.owned.try_acquire_slow(ResourceKind::Lock);
        if taken { Ok(()) } else { Err(TimedOut) }
    }

    /// Takes the lock if that takes only a few instructions. `false` says nothing about the lock: the caller then
    /// calls [`Lock::try_acquire`]. Never blocks, and calls nothing.
    #[doc(hidden)]
    #[inline]
    pub fn try_acquire_fast(&self) -> bool {
        self.owned.word.try_take(ThreadIdent::current())
    }

    /// Takes the lock. Blocks until it is released to this thread, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; the lock was not taken.
    #[doc(hidden)]
    #[inline]
    pub fn acquire_with(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        if self.try_acquire_fast() {
            return Ok(());
        }
        self.owned.acquire_slow(ResourceKind::Lock, context)
    }

    /// Releases the lock, whichever thread holds it, and wakes the first waiter in line. Never blocks.
    ///
    /// # Errors
    /// No thread holds the lock.
    #[inline]
    pub fn release(&self) -> Result<(), NotHeld> {
        if self.try_release_fast() {
            return Ok(());
        }
        self.owned.release_slow(ResourceKind::Lock)
    }

    /// Releases the lock if that takes only a few instructions: it is held, and no thread waits for it. Otherwise
    /// returns `false`, and the caller calls [`Lock::release`]. Never blocks, and calls nothing.
    #[doc(hidden)]
    #[inline]
    pub fn try_release_fast(&self) -> bool {
        let seen = self.owned.word.load();
        seen.is_quiet() && self.owned.word.try_free(seen)
    }

    /// Returns whether any thread holds the lock at this moment. Never blocks.
    #[inline]
    pub fn is_locked(&self) -> bool {
        !self.owned.word.load().is_free()
    }

    /// Returns the thread that holds the lock at this moment. Never blocks.
    pub fn owner(&self) -> Option<ThreadIdent> {
        self.owned.word.load().thread()
    }

    /// Returns whether the thread that holds the lock waits for it itself: then another thread is to release it.
    /// Never blocks.
    #[doc(hidden)]
    pub fn is_awaited_by_owner(&self) -> bool {
        self.owned.is_awaited_by_owner()
    }

    pub(crate) fn owned(&self) -> &OwnerLock<R> {
        &self.owned
    }
}

impl<R: RawLock> Default for Lock<R> {
    fn default() -> Self {
        Self::new_in()
    }
}

impl<R: RawLock> Resource for Lock<R> {
    fn id(&self) -> ResourceId {
        self.owned.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Lock
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.owned.word)
    }
}

impl<R: RawLock> fmt::Debug for Lock<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("owner", &self.owner()).finish()
    }
}

impl<R: RawLock> Guarded for Lock<R> {}

impl<R: RawLock> Release for Lock<R> {
    type Travels = ();

    fn give_back(&self) {
        // This fails if another call has released it already; then there is nothing to do.
        let _ = self.release();
    }
}

forms!(
    Lock,
    "Takes the lock",
    "it is released to this thread; for ever if this thread already holds it"
);

impl<R: RawLock> Reset for Lock<R> {
    fn reset(&self) {
        self.owned.reset();
    }
}
