//! The basic lock of shared memory: a word that names the process that holds it.
//!
//! State table of the word: 0: no process holds it; a [`Name`]: that process holds it; with [`RawLock::WAITERS`]
//! added: a thread may sleep until it is released. The name of a dead process means "free, but the data that the
//! lock guards may be half changed". The claims are in FORMAT.md, "The raw lock".

use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{WaitContext, Wake};

use crate::name::Name;

/// The family, and the sleeps, as the lock sees them: an arena, or a model.
pub trait Peers {
    /// Returns the calling process.
    fn me(&self) -> Name;

    /// Returns whether `name` is known to be dead. Does not ask the kernel.
    fn is_dead(&self, name: Name) -> bool;

    /// Sleeps while `word` is `value` and `owner` lives, unless `context` ends the wait. Returns [`Wake::Notified`]
    /// if the caller should check again. If `owner` has died, [`is_dead`](Self::is_dead) returns true by then.
    fn sleep(&self, word: &AtomicU32, value: u32, owner: Name, context: &mut WaitContext<'_>) -> Wake;

    /// Wakes at most `most` threads that sleep on `word`.
    fn wake(&self, word: &AtomicU32, most: u32);
}

/// How a lock was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "if the owner died, what the lock guards may be half done"]
pub enum Acquired {
    /// No process held it.
    Free,
    /// This process held it and died. The caller has to repair the data that the lock guards.
    OwnerDied(Name),
}

/// A lock in shared memory. If its owner dies, the next process to acquire it learns that.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct RawLock(AtomicU32);

impl RawLock {
    /// Set if a thread may sleep until the lock is released.
    pub const WAITERS: u32 = 1 << 31;

    /// Acquires the lock if it is free, or its owner is known to be dead. Never blocks.
    #[inline]
    pub fn try_acquire(&self, peers: &impl Peers) -> Option<Acquired> {
        let me = peers.me().word();
        if me == 0 {
            // A process without a place in the family can't use the lock.
            return None;
        }
        // Acquire pairs with the Release in `release`. Relaxed: a failure is looked at below.
        match self
            .0
            .compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => Some(Acquired::Free),
            Err(word) => self.take(word, me, peers),
        }
    }

    /// Acquires the lock for the calling process, which is `me`, if no process holds it. Never blocks.
    #[inline]
    pub(crate) fn acquire_free(&self, me: Name) -> bool {
        // Acquire pairs with the Release in `release`. Relaxed: a failure leads to `acquire`.
        let taken = (self.0).compare_exchange(0, me.word(), Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok() && !me.is_none()
    }

    /// Replaces the owner in `word` by `me`, if there is none, or if it is dead. Returns `None` if the owner lives,
    /// or if another thread was faster.
    fn take(&self, word: u32, me: u32, peers: &impl Peers) -> Option<Acquired> {
        let owner = Name::of_word(word);
        let acquired = match owner.is_none() {
            true => Acquired::Free,
            false if peers.is_dead(owner) => Acquired::OwnerDied(owner),
            false => return None,
        };
        // The flag stays: other threads may sleep. Acquire pairs with the Release in `release`, or with what the
        // kernel did when the owner died. Relaxed: a failure only means that the word changed.
        let taken = (self.0).compare_exchange(
            word,
            me | word & Self::WAITERS,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        taken.ok().map(|_| acquired)
    }

    /// Acquires the lock.
    ///
    /// Blocks until the owner releases it or dies, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait, or the calling process has no place in the family.
    #[inline]
    pub fn acquire(&self, peers: &impl Peers, context: &mut WaitContext<'_>) -> Result<Acquired, Wake> {
        match self.try_acquire(peers) {
            Some(acquired) => Ok(acquired),
            None => self.acquire_slow(peers, context),
        }
    }

    #[cold]
    fn acquire_slow(&self, peers: &impl Peers, context: &mut WaitContext<'_>) -> Result<Acquired, Wake> {
        let mut me = peers.me().word();
        if me == 0 {
            return Err(Wake::Interrupted);
        }
        loop {
            // Relaxed: it is looked at by a compare-exchange, or by the kernel, before anything follows from it.
            let word = self.0.load(Ordering::Relaxed);
            if let Some(acquired) = self.take(word, me, peers) {
                return Ok(acquired);
            }
            let owner = Name::of_word(word);
            if owner.is_none() || !self.announce(word) {
                continue;
            }
            let wake = peers.sleep(&self.0, word | Self::WAITERS, owner, context);
            if wake != Wake::Notified {
                return Err(wake);
            }
            // A release has woken only this thread, but cleared the flag for all sleepers.
            me |= Self::WAITERS;
        }
    }

    /// Sets the flag of `word`, if it is not set. Returns whether the word has not changed otherwise.
    fn announce(&self, word: u32) -> bool {
        if word & Self::WAITERS != 0 {
            return true;
        }
        // Relaxed: the flag asks the owner for a wake-up, and the kernel compares the whole word before the thread sleeps.
        let flagged =
            (self.0).compare_exchange(word, word | Self::WAITERS, Ordering::Relaxed, Ordering::Relaxed);
        flagged.is_ok()
    }

    /// Releases the lock, whichever process holds it. Returns whether one did. Never blocks.
    #[inline]
    pub fn release(&self, peers: &impl Peers) -> bool {
        // Release pairs with the Acquire of the next owner.
        let word = self.0.swap(0, Ordering::Release);
        if word & Self::WAITERS != 0 {
            peers.wake(&self.0, 1);
        }
        !Name::of_word(word).is_none()
    }

    /// Returns the owner at this moment, alive or dead.
    #[inline]
    pub fn owner(&self) -> Name {
        // Acquire pairs with the Release of an owner that released it, for callers that see it free.
        Name::of_word(self.0.load(Ordering::Acquire))
    }
}
