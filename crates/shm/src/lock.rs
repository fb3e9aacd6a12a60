//! `Lock`: mutual exclusion between processes. (FORMAT.md, "Lock".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{Deadline, WaitContext};

use crate::arena::Arena;
use crate::cells::{LockCell, Robust};
use crate::error::Error;
use crate::id::Id;
use crate::name::Name;
use crate::objects::{Object, Placed};
use crate::raw_lock::Acquired;
use crate::step;

/// What happens to a lock when its owner dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOwnerDeath {
    /// The next process to acquire it gets it, and learns of the death.
    #[default]
    Tell,
    /// Acquiring it fails until a process calls [`Lock::recover`].
    Refuse,
}

/// A lock in shared memory, which one process of the family holds at a time. Any of them may release it.
#[derive(Clone, Debug)]
pub struct Lock(Placed<LockCell>);

impl Robust {
    /// Sets the policy of a new lock.
    pub(crate) fn begin(&self, on_owner_death: OnOwnerDeath) {
        let refuses = u32::from(on_owner_death == OnOwnerDeath::Refuse);
        // Relaxed: no other process has the lock yet.
        self.refuses.store(refuses, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn acquire(&self, arena: &Arena, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
        let acquired = self.word.acquire(arena, context).map_err(Error::Ended)?;
        self.unless_refused(arena, acquired)
    }

    /// Acquires the lock if that takes a single access. `false` says nothing about the lock: the caller then calls
    /// `acquire`.
    #[inline]
    pub(crate) fn acquire_free(&self, arena: &Arena) -> bool {
        // Relaxed: it never changes.
        self.refuses.load(Ordering::Relaxed) == 0 && self.word.acquire_free(arena.me())
    }

    #[inline]
    fn unless_refused(&self, arena: &Arena, acquired: Acquired) -> Result<Acquired, Error> {
        // Relaxed: it never changes.
        if self.refuses.load(Ordering::Relaxed) == 0 {
            return Ok(acquired);
        }
        if let Acquired::OwnerDied(name) = acquired {
            step::at("lock.refusing");
            // Relaxed: the lock orders it.
            self.refused.store(name.word(), Ordering::Relaxed);
        }
        // Acquire pairs with the Release in `recover`.
        match Name::of_word(self.refused.load(Ordering::Acquire)) {
            Name::NONE => Ok(acquired),
            name => {
                self.release(arena);
                Err(Error::OwnerDied(name))
            }
        }
    }

    #[inline]
    pub(crate) fn release(&self, arena: &Arena) -> bool {
        self.word.release(arena)
    }

    #[inline]
    pub(crate) fn owner(&self) -> Name {
        self.word.owner()
    }

    pub(crate) fn recover(&self) -> bool {
        // Release pairs with the Acquire in `unless_refused`: the next owner sees what the caller repaired.
        self.refused.swap(0, Ordering::Release) != 0
    }
}

impl Lock {
    /// Creates a free lock in `arena`.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>, on_owner_death: OnOwnerDeath) -> Result<Self, Error> {
        arena
            .make(|cell: &LockCell| cell.lock.begin(on_owner_death))
            .map(|object| Lock(Placed::new(object)))
    }

    /// Opens the lock `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena.open::<LockCell>(id).map(|object| Lock(Placed::new(object)))
    }

    /// Returns the object that the lock is.
    pub fn object(&self) -> &Object {
        self.0.object()
    }

    /// Acquires the lock if it is free. Never blocks, except for milliseconds if its owner has just died.
    ///
    /// # Errors
    /// The lock is held ([`Error::Ended`]), or refused after a death.
    #[inline]
    pub fn try_acquire(&self) -> Result<Acquired, Error> {
        self.acquire(&mut WaitContext::until(Deadline::PASSED))
    }

    /// Acquires the lock.
    ///
    /// Blocks until the owner releases it or dies, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait, or the lock is refused after a death.
    #[inline]
    pub fn acquire(&self, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
        self.cell().lock.acquire(self.0.arena(), context)
    }

    /// Acquires the lock if it is free, and if that takes a single access. `false` says nothing about the lock: the
    /// caller then calls [`acquire`](Self::acquire). Never blocks.
    #[inline]
    pub fn acquire_free(&self) -> bool {
        self.cell().lock.acquire_free(self.0.arena())
    }

    /// Releases the lock, whichever process holds it. Returns whether one did. Never blocks.
    #[inline]
    pub fn release(&self) -> bool {
        self.cell().lock.release(self.0.arena())
    }

    /// Returns whether some process holds the lock, or died while it did.
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
    fn cell(&self) -> &'static LockCell {
        self.0.cell()
    }
}
