//! A reentrant lock.

use interlock_wait::{Deadline, ResourceKind, StateLock, ThreadId, WaitContext};

use crate::error::{NotHeld, WaitError};
use crate::ownership::{self, Owned, Ownership};

/// A lock that its owner may acquire again, and has to release as often: Python's `threading.RLock`.
///
/// ```
/// use interlock_sync::RLock;
///
/// let lock = RLock::new();
/// lock.acquire();
/// lock.acquire();
/// lock.release().unwrap();
/// assert!(lock.is_owned());
/// lock.release().unwrap();
/// assert!(lock.release().is_err());
/// ```
pub struct RLock {
    owned: Owned,
}

/// How often a lock was held when it was released altogether, so that it can be taken back as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The number of acquisitions that are not released yet; 1 or more, if it comes from [`RLock::release_all`].
    pub count: usize,
    /// Who made them.
    pub owner: ThreadId,
}

impl RLock {
    /// A lock that nobody has.
    pub fn new() -> Self {
        RLock {
            owned: StateLock::new(Ownership::watched_if_probed()),
        }
    }

    /// Takes the lock once more, or for the first time if nobody has it; whether it did. Never blocks.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.take_again() || ownership::try_acquire_slow(&self.owned, ResourceKind::RLock)
    }

    /// Takes the lock, once more if this thread has it. Blocks while another thread has it.
    pub fn acquire(&self) {
        // An endless wait without a host ends in success only.
        let _ = self.acquire_with(&mut WaitContext::endless());
    }

    /// Takes the lock, once more if this thread has it. Blocks until it is released to this thread, or until `context`
    /// ends.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; the lock was not taken.
    #[inline]
    pub fn acquire_with(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        if self.take_again() {
            return Ok(());
        }
        ownership::acquire_slow(&self.owned, ResourceKind::RLock, context)
    }

    /// Takes the lock, once more if this thread has it. Blocks until it is released to this thread, or until `deadline`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`]: the deadline passed; the lock was not taken.
    pub fn acquire_until(&self, deadline: Deadline) -> Result<(), WaitError> {
        self.acquire_with(&mut WaitContext::until(deadline))
    }

    #[inline]
    fn take_again(&self) -> bool {
        let me = ThreadId::current();
        let mut state = self.owned.lock();
        if state.take_unwatched(me) {
            return true;
        }
        let mine = state.is_owned_by(me);
        if mine {
            // A lock that is held so often is not released so often, so it does not matter that the count stops there.
            state.again = state.again.saturating_add(1);
        }
        mine
    }

    /// Releases the lock once; at the last time it is free, and the first in line is woken. Never blocks.
    ///
    /// # Errors
    /// The calling thread does not own the lock.
    #[inline]
    pub fn release(&self) -> Result<(), NotHeld> {
        let mut state = self.owned.lock();
        if !state.is_owned_by(ThreadId::current()) {
            return Err(NotHeld);
        }
        if state.again > 0 {
            state.again -= 1;
            return Ok(());
        }
        if state.is_quiet() {
            state.free_quietly();
            return Ok(());
        }
        drop(state);
        ownership::release_slow(&self.owned, ResourceKind::RLock)
    }

    /// Releases the lock altogether, however often it was acquired. Never blocks.
    ///
    /// # Errors
    /// The calling thread does not own the lock.
    pub fn release_all(&self) -> Result<Saved, NotHeld> {
        let owner = ThreadId::current();
        let mut state = self.owned.lock();
        if !state.is_owned_by(owner) {
            return Err(NotHeld);
        }
        let count = std::mem::take(&mut state.again).saturating_add(1);
        drop(state);
        self.release()?;
        Ok(Saved { count, owner })
    }

    /// Makes a lock that the calling thread has just acquired once be held `count` times for that.
    pub(crate) fn set_count(&self, count: usize) {
        match count.checked_sub(1) {
            Some(more) => {
                let mut state = self.owned.lock();
                state.again = state.again.saturating_add(more);
            }
            // The calling thread has just acquired it.
            None => {
                let _ = self.release();
            }
        }
    }

    /// Takes the lock as it was before [`RLock::release_all`]. Blocks while another thread has it.
    ///
    /// Acquisitions that the calling thread has made since count as well. A lock that was held 0 times is free afterwards.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; the lock was not taken.
    pub fn restore_with(&self, saved: Saved, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        self.acquire_with(context)?;
        self.set_count(saved.count);
        Ok(())
    }

    /// Whether the calling thread owns the lock. Never blocks.
    #[inline]
    pub fn is_owned(&self) -> bool {
        self.owned.lock().is_owned_by(ThreadId::current())
    }

    /// Whether some thread owns the lock, at this moment. Never blocks.
    pub fn is_locked(&self) -> bool {
        !self.owned.lock().is_free()
    }

    /// How often the calling thread has acquired the lock and not released it yet; 0 if it does not own it.
    pub fn recursion_count(&self) -> usize {
        let state = self.owned.lock();
        if state.is_owned_by(ThreadId::current()) {
            state.again.saturating_add(1)
        } else {
            0
        }
    }

    /// The thread that owns the lock and how often it acquired it, at this moment. Never blocks.
    pub fn owner(&self) -> Option<(ThreadId, usize)> {
        let state = self.owned.lock();
        state.owner().map(|owner| (owner, state.again.saturating_add(1)))
    }

    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Makes the lock free and forgets who waits for it: for the child of a fork, which has one thread.
    pub fn reset(&self) {
        let forgotten = std::mem::replace(&mut *self.owned.lock(), Ownership::watched_if_probed());
        drop(forgotten);
    }
}

impl Default for RLock {
    fn default() -> Self {
        Self::new()
    }
}
