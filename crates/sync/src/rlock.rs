//! A reentrant lock.

use std::fmt;
use std::time::{Duration, Instant};

use interlock_wait::{
    Deadline, Owners, RawLock, RawWord, RawWordLock, Resource, ResourceId, ResourceKind, ThreadIdent,
    TimedOut, WaitContext,
};

use crate::error::{NotHeld, WaitError};
use crate::guard::{Guard, Guarded, Release, forms};
use crate::hand_over::OwnerLock;
use crate::host::{Reset, Restore, Saved};

/// A lock that its owner may acquire again, and must release as many times: Python's `threading.RLock`.
///
/// Its owner is a thread, so it has no futures: a task may be polled by another thread each time, and several tasks
/// of one thread would all own the lock at once. Tasks should use a [`Mutex`](crate::Mutex) or a
/// [`Lock`](crate::Lock).
///
/// ```
/// use interlock::sync::RLock;
///
/// let lock = RLock::new();
/// lock.acquire();
/// lock.acquire();
/// lock.release().unwrap();
/// assert!(lock.is_owned());
/// lock.release().unwrap();
/// assert!(lock.release().is_err());
/// ```
pub struct RLock<R: RawLock = RawWordLock> {
    owned: OwnerLock<R>,
    /// How many times the owner has acquired it again and not yet released it. Only the owner changes it; 0 without
    /// an owner.
    again: R::Word,
}

impl RLock {
    /// Creates a free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        RLock {
            owned: OwnerLock::new(),
            again: <RawWordLock as RawLock>::Word::ZERO,
        }
    }

    /// Creates a free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self::new_in()
    }
}

impl<R: RawLock> RLock<R> {
    /// Like [`RLock::new`], with a raw lock of the caller's choice.
    #[doc(hidden)]
    pub fn new_in() -> Self {
        RLock {
            owned: OwnerLock::begun(),
            #[cfg(not(loom))]
            again: R::Word::ZERO,
            #[cfg(loom)]
            again: R::Word::zero(),
        }
    }

    /// Takes the lock if it is free or this thread holds it already. Never blocks.
    ///
    /// # Errors
    /// This would need a wait; nothing was acquired.
    #[inline]
    pub fn try_acquire(&self) -> Result<(), TimedOut> {
        let taken =
            self.try_acquire_fast() || !self.is_locked() && self.owned.try_acquire_slow(ResourceKind::RLock);
        if taken { Ok(()) } else { Err(TimedOut) }
    }

    /// Takes the lock, or takes it once more if this thread holds it already. Blocks until it is released to this
    /// thread, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; the lock was not taken.
    #[doc(hidden)]
    #[inline]
    pub fn acquire_with(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        if self.try_acquire_fast() {
            return Ok(());
        }
        self.owned.acquire_slow(ResourceKind::RLock, context)
    }

    /// Takes the lock if that takes only a few instructions. `false` says nothing about the lock: the caller then
    /// calls [`RLock::try_acquire`]. Never blocks, and calls nothing.
    #[doc(hidden)]
    #[inline]
    pub fn try_acquire_fast(&self) -> bool {
        let me = ThreadIdent::current();
        let owner = self.owned.word.load();
        if !owner.is(me) {
            return owner.is_free() && self.owned.word.try_take(me);
        }
        // No program acquires a lock that often and then releases it as often, so the count may stop at its
        // maximum.
        self.again.set(self.again.get().saturating_add(1));
        true
    }

    /// Releases the lock once. The last release frees it and wakes the first waiter in line. Never blocks.
    ///
    /// # Errors
    /// The calling thread does not own the lock.
    #[inline]
    pub fn release(&self) -> Result<(), NotHeld> {
        if self.try_release_fast() {
            return Ok(());
        }
        if !self.is_owned() {
            return Err(NotHeld);
        }
        self.owned.release_slow(ResourceKind::RLock)
    }

    /// Releases the lock once if that takes only a few instructions: the calling thread owns it, and no thread
    /// waits for it or it stays locked. Otherwise the caller calls [`RLock::release`]. Never blocks, and calls
    /// nothing.
    #[doc(hidden)]
    #[inline]
    pub fn try_release_fast(&self) -> bool {
        let seen = self.owned.word.load();
        if !seen.is(ThreadIdent::current()) {
            return false;
        }
        let again = self.again.get();
        if again > 0 {
            self.again.set(again - 1);
            return true;
        }
        seen.is_quiet() && self.owned.word.try_free(seen)
    }

    /// Returns how many times the owner has acquired it and not yet released it.
    fn count(&self) -> usize {
        usize::try_from(self.again.get())
            .unwrap_or(usize::MAX)
            .saturating_add(1)
    }

    /// Makes the calling thread's one acquisition count as `count` acquisitions.
    pub(crate) fn set_count(&self, count: usize) {
        let more = u64::try_from(count.saturating_sub(1)).unwrap_or(u64::MAX);
        self.again.set(self.again.get().saturating_add(more));
    }

    /// Returns whether the calling thread owns the lock. Never blocks.
    #[inline]
    pub fn is_owned(&self) -> bool {
        self.owned.word.load().is(ThreadIdent::current())
    }

    /// Returns whether any thread owns the lock at this moment. Never blocks.
    #[inline]
    pub fn is_locked(&self) -> bool {
        !self.owned.word.load().is_free()
    }

    /// Returns how many times the calling thread has acquired the lock and not yet released it; 0 if it does
    /// not own it.
    pub fn recursion_count(&self) -> usize {
        if self.is_owned() { self.count() } else { 0 }
    }

    /// Returns the thread that owns the lock at this moment, and how many times it has acquired it. Never
    /// blocks.
    pub fn owner(&self) -> Option<(ThreadIdent, usize)> {
        let owner = self.owned.word.load().thread();
        owner.map(|owner| (owner, self.count()))
    }

    pub(crate) fn owned(&self) -> &OwnerLock<R> {
        &self.owned
    }
}

impl<R: RawLock> Restore for RLock<R> {
    fn release_all(&self) -> Result<Saved, NotHeld> {
        let owner = ThreadIdent::current();
        if !self.is_owned() {
            return Err(NotHeld);
        }
        let count = self.count();
        self.again.set(0);
        self.release()?;
        Ok(Saved { count, owner })
    }

    fn restore_with(&self, saved: Saved, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        assert!(saved.count > 0, "a lock that was not held cannot be restored");
        self.acquire_with(context)?;
        self.set_count(saved.count);
        Ok(())
    }
}

impl<R: RawLock> Default for RLock<R> {
    fn default() -> Self {
        Self::new_in()
    }
}

impl<R: RawLock> Resource for RLock<R> {
    fn id(&self) -> ResourceId {
        self.owned.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::RLock
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.owned.word)
    }
}

impl<R: RawLock> fmt::Debug for RLock<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (owner, count) = self.owner().unzip();
        f.debug_struct("RLock")
            .field("owner", &owner)
            .field("count", &count.unwrap_or_default())
            .finish()
    }
}

impl<R: RawLock> Guarded for RLock<R> {}

impl<R: RawLock> Release for RLock<R> {
    /// No other thread may release it.
    type Travels = *const ();

    fn give_back(&self) {
        // This fails if the owner has released the lock once too often; then there is nothing to do.
        let _ = self.release();
    }
}

forms!(
    RLock,
    "Takes the lock, once more if this thread holds it already",
    "no other thread holds it"
);

impl<R: RawLock> Reset for RLock<R> {
    fn reset(&self) {
        self.again.set(0);
        self.owned.reset();
    }
}
