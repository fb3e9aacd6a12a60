//! `RLock`: a lock that its thread may acquire again. (FORMAT.md, "RLock".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{Deadline, ThreadIdent, WaitContext};

use crate::arena::Arena;
use crate::cells::RLockCell;
use crate::error::Error;
use crate::id::Id;
use crate::lock::OnOwnerDeath;
use crate::name::Name;
use crate::objects::{Object, Placed};
use crate::raw_lock::Acquired;
use crate::step;

/// A lock in shared memory, which one thread of one process holds at a time, and may acquire again. That thread releases it as
/// often as it acquired it.
#[derive(Clone, Debug)]
pub struct RLock(Placed<RLockCell>);

impl RLock {
    /// Creates a free lock in `arena`.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>, on_owner_death: OnOwnerDeath) -> Result<Self, Error> {
        arena
            .make(|cell: &RLockCell| cell.lock.begin(on_owner_death))
            .map(|object| RLock(Placed::new(object)))
    }

    /// Opens the lock `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena
            .open::<RLockCell>(id)
            .map(|object| RLock(Placed::new(object)))
    }

    /// Returns the object that the lock is.
    pub fn object(&self) -> &Object {
        self.0.object()
    }

    /// Acquires the lock if it is free, or if the calling thread holds it. Never blocks, except for milliseconds if
    /// its owner has just died.
    ///
    /// # Errors
    /// The lock is held ([`Error::Ended`]), or refused after a death.
    #[inline]
    pub fn try_acquire(&self) -> Result<Acquired, Error> {
        self.acquire(&mut WaitContext::until(Deadline::PASSED))
    }

    /// Acquires the lock. A thread that holds it already acquires it once more, and gets [`Acquired::Free`].
    ///
    /// Blocks until the owner releases it or dies, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait, or the lock is refused after a death.
    #[inline]
    pub fn acquire(&self, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
        match self.acquire_again() {
            true => Ok(Acquired::Free),
            false => self.reacquire(1, context),
        }
    }

    /// Like [`Lock::acquire_free`](crate::Lock::acquire_free).
    #[inline]
    pub fn acquire_free(&self) -> bool {
        if self.acquire_again() {
            return true;
        }
        let is_free = self.cell().lock.acquire_free(self.0.arena());
        if is_free {
            self.own(1);
        }
        is_free
    }

    #[inline]
    fn acquire_again(&self) -> bool {
        let is_mine = self.is_mine();
        if is_mine {
            let count = &self.cell().count;
            // Relaxed: the owner alone writes it.
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        is_mine
    }

    /// Releases the lock once. Never blocks.
    ///
    /// # Errors
    /// The calling thread does not hold the lock.
    #[inline]
    pub fn release(&self) -> Result<(), Error> {
        if !self.is_mine() {
            return Err(Error::NotOwner);
        }
        let cell = self.cell();
        // Relaxed: the owner alone writes it.
        let count = cell.count.load(Ordering::Relaxed) - 1;
        cell.count.store(count, Ordering::Relaxed);
        if count == 0 {
            self.free();
        }
        Ok(())
    }

    /// Releases the lock completely. Returns how often the calling thread had acquired it, for
    /// [`reacquire`](Self::reacquire).
    ///
    /// # Errors
    /// The calling thread does not hold the lock.
    pub fn release_all(&self) -> Result<u32, Error> {
        if !self.is_mine() {
            return Err(Error::NotOwner);
        }
        // Relaxed: the owner alone writes it.
        let count = self.cell().count.load(Ordering::Relaxed);
        self.free();
        Ok(count)
    }

    /// Acquires the lock `count` times. The calling thread does not hold the lock.
    ///
    /// # Errors
    /// The same as for [`acquire`](Self::acquire).
    #[inline]
    pub fn reacquire(&self, count: u32, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
        let acquired = self.cell().lock.acquire(self.0.arena(), context)?;
        self.own(count);
        Ok(acquired)
    }

    /// Records that the calling thread, which holds the lock, has acquired it `count` times.
    #[inline]
    fn own(&self, count: u32) {
        let (cell, arena) = (self.cell(), self.0.arena());
        step::at("rlock.locked");
        // Relaxed: `holder` publishes them.
        cell.count.store(count, Ordering::Relaxed);
        cell.thread.store(ThreadIdent::current().get(), Ordering::Relaxed);
        // Release pairs with the Acquire in `is_mine`, on other threads of this process.
        cell.holder.store(arena.me().word(), Ordering::Release);
        step::at("rlock.owned");
    }

    #[inline]
    fn free(&self) {
        let cell = self.cell();
        // Relaxed: the lock's own Release orders it before the next owner.
        cell.holder.store(0, Ordering::Relaxed);
        step::at("rlock.disowned");
        cell.lock.release(self.0.arena());
    }

    /// Returns whether the calling thread holds the lock.
    #[inline]
    pub fn is_mine(&self) -> bool {
        let cell = self.cell();
        // Acquire pairs with the Release in `reacquire`. Relaxed: see there.
        cell.holder.load(Ordering::Acquire) == self.0.arena().me().word()
            && cell.thread.load(Ordering::Relaxed) == ThreadIdent::current().get()
    }

    /// Returns how often the calling thread has acquired the lock and not released it.
    pub fn count(&self) -> u32 {
        match self.is_mine() {
            // Relaxed: the owner alone writes it.
            true => self.cell().count.load(Ordering::Relaxed),
            false => 0,
        }
    }

    /// Returns whether some thread holds the lock, or died with its process while it did.
    pub fn is_locked(&self) -> bool {
        !self.owner().is_none()
    }

    /// Returns the process that holds the lock, alive or dead. [`Name::NONE`] if none does.
    pub fn owner(&self) -> Name {
        self.cell().lock.owner()
    }

    /// Ends the refusal: the caller has repaired the data that the lock guards. Returns whether the lock was
    /// refused.
    pub fn recover(&self) -> bool {
        self.cell().lock.recover()
    }

    #[inline]
    fn cell(&self) -> &'static RLockCell {
        self.0.cell()
    }
}
