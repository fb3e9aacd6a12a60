//! `Semaphore`: permits, shared by processes. (FORMAT.md, "Semaphore".)

use std::sync::Arc;

use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{Deadline, ResourceKind, WaitContext, Wake, wake_shared};

use crate::arena::Arena;
use crate::claims::{Entry, Ledger};
use crate::error::Error;
use crate::objects::{Cell, Id, Kind, Object};
use crate::resource::SharedResource;
use crate::step;

/// A number of permits in shared memory. Any process may take one, and any may give one.
///
/// A permit that a process has taken by [`acquire_guarded`](Self::acquire_guarded) comes back when it dies. One that it has
/// taken by [`acquire`](Self::acquire) does not, since another process may give it; how many are lost that way is counted.
#[derive(Clone, Debug)]
pub struct Semaphore(Object);

/// State table of the ledger's words: the first has the permits, and [`WAITERS`] if a thread may sleep for one; the second, the
/// permits that were lost.
#[repr(C)]
pub(crate) struct SemaphoreCell {
    kind: AtomicU32,
    most: AtomicU32,
    ledger: Ledger,
}

const WAITERS: u32 = 1 << 31;

impl Cell for SemaphoreCell {
    const KIND: Kind = Kind::new(3, false);
}

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MOST: u32 = WAITERS - 1;

    /// A semaphore in `arena` with `permits`, and never more than `most`.
    ///
    /// # Errors
    /// The arena is full.
    ///
    /// # Panics
    /// `permits` are more than `most`, or `most` is more than [`MOST`](Self::MOST).
    pub fn new(arena: &Arc<Arena>, permits: u32, most: u32) -> Result<Self, Error> {
        assert!(permits <= most && most <= Self::MOST, "too many permits");
        let object = arena.make(|cell: &SemaphoreCell| {
            // Relaxed: no other process has the semaphore yet.
            cell.most.store(most, Ordering::Relaxed);
            cell.ledger.write(permits);
        })?;
        arena.forget_claims(object.id());
        Ok(Semaphore(object))
    }

    /// The semaphore `id` of `arena`, which this process was given. `None` if it was not.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena.open::<SemaphoreCell>(id).map(Semaphore)
    }

    /// The object that the semaphore is.
    pub fn object(&self) -> &Object {
        &self.0
    }

    /// Takes a permit, which may be given back by any process. It stays taken if this one dies.
    ///
    /// Blocks until there is a permit, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    #[inline]
    pub fn acquire(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.take(false, context)
    }

    /// Takes a permit that comes back when this process dies, unless it has given it back by
    /// [`release_guarded`](Self::release_guarded).
    ///
    /// A process can note what it has taken of about a hundred semaphores and barriers at once. Beyond that this is
    /// [`acquire`](Self::acquire).
    ///
    /// Blocks until there is a permit, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    #[inline]
    pub fn acquire_guarded(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.take(true, context)
    }

    #[inline]
    fn take(&self, is_guarded: bool, context: &mut WaitContext<'_>) -> Result<(), Error> {
        match self.try_take(is_guarded, 0) {
            true => Ok(()),
            false => self.take_slow(is_guarded, context),
        }
    }

    /// Takes a permit if there is one. Else announces that the caller is going to sleep. `flag` is [`WAITERS`] if it has slept.
    #[inline]
    fn try_take(&self, is_guarded: bool, flag: u32) -> bool {
        let (cell, arena) = (self.cell(), &**self.0.arena());
        let held = cell.ledger.open(arena);
        let [word, lost] = cell.ledger.words();
        let permits = word & !WAITERS;
        if permits == 0 {
            cell.ledger.write(WAITERS);
            return false;
        }
        let entry = arena.claim_of(self.0.id());
        let claim = match is_guarded && entry.is_noted() {
            true => entry.claim.guard(),
            false => entry.claim.add(1),
        };
        // A release has woken this thread, and cleared the flag for all who sleep.
        let flag = word & WAITERS | flag;
        cell.ledger
            .change(arena, entry, claim, [(permits - 1) | flag, lost]);
        drop(held);
        step::at("semaphore.acquired");
        if flag != 0 && permits > 1 {
            wake_shared(cell.ledger.word(), 1);
        }
        true
    }

    #[cold]
    fn take_slow(&self, is_guarded: bool, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let word = self.cell().ledger.word();
        let resource = SharedResource::new(ResourceKind::Semaphore);
        loop {
            let arena = self.0.arena();
            let wake = match context.deadline() {
                Deadline::PASSED => Wake::TimedOut,
                _ => arena.sleep_among((word, WAITERS), self.0.id(), &resource, context),
            };
            if wake == Wake::Notified {
                if self.try_take(is_guarded, WAITERS) {
                    return Ok(());
                }
                continue;
            }
            // The wake-up that came with a permit may have been this thread's: pass it on.
            if self.value() > 0 {
                wake_shared(word, 1);
            }
            return Err(Error::Ended(wake));
        }
    }

    /// Takes a permit as [`acquire`](Self::acquire) does, if there is one. Never blocks.
    ///
    /// # Errors
    /// There is none.
    pub fn try_acquire(&self) -> Result<(), Error> {
        match self.value() {
            0 => Err(Error::Ended(Wake::TimedOut)),
            _ => self.acquire(&mut WaitContext::until(Deadline::PASSED)),
        }
    }

    /// Gives `permits` permits, whichever process took them. Never blocks.
    ///
    /// # Errors
    /// The semaphore would have too many. It has as many as before.
    #[inline]
    pub fn release(&self, permits: u32) -> Result<(), Error> {
        self.give(permits, false)
    }

    /// Gives back a permit that was taken by [`acquire_guarded`](Self::acquire_guarded). Never blocks.
    ///
    /// # Errors
    /// The semaphore would have too many. It has as many as before.
    #[inline]
    pub fn release_guarded(&self) -> Result<(), Error> {
        self.give(1, true)
    }

    #[inline]
    fn give(&self, given: u32, is_guarded: bool) -> Result<(), Error> {
        let (cell, arena) = (self.cell(), &**self.0.arena());
        let held = cell.ledger.open(arena);
        let [word, lost] = cell.ledger.words();
        let permits = word & !WAITERS;
        // Relaxed: it never changes.
        if given > cell.most.load(Ordering::Relaxed) - permits {
            return Err(Error::TooManyReleases);
        }
        let entry = arena.claim_of(self.0.id());
        let mut claim = entry.claim.add(-given.cast_signed());
        if is_guarded && entry.claim.guarded > 0 {
            claim = entry.claim;
            claim.guarded -= 1;
        }
        cell.ledger.change(arena, entry, claim, [permits + given, lost]);
        drop(held);
        step::at("semaphore.released");
        if word & WAITERS != 0 {
            wake_shared(cell.ledger.word(), given);
        }
        Ok(())
    }

    /// How many permits there are to take.
    pub fn value(&self) -> u32 {
        self.cell().ledger.words()[0] & !WAITERS
    }

    /// How many permits were lost: taken by [`acquire`](Self::acquire) in processes that died without having given as many. Clears
    /// away first what died.
    pub fn lost_permits(&self) -> u32 {
        self.0.arena().sweep_all();
        self.cell().ledger.words()[1]
    }

    #[inline]
    fn cell(&self) -> &SemaphoreCell {
        self.0.cell()
    }
}

impl SemaphoreCell {
    /// Gives back what a dead process has claimed. `entry` tells what that is, once the ledger is open.
    pub(crate) fn settle(&self, arena: &Arena, entry: impl FnOnce() -> Option<Entry>) {
        let held = self.ledger.open(arena);
        let Some(entry) = entry() else {
            return;
        };
        let [word, lost] = self.ledger.words();
        let claim = entry.claim;
        // Relaxed: it never changes.
        let most = self.most.load(Ordering::Relaxed);
        let back = claim.guarded.min(most - (word & !WAITERS));
        let word_then = match back {
            0 => word,
            _ => (word & !WAITERS) + back,
        };
        let lost = lost.saturating_add(claim.net.max(0).cast_unsigned());
        self.ledger.change(arena, entry, claim.none(), [word_then, lost]);
        drop(held);
        step::at("semaphore.settled");
        if word & WAITERS != 0 && back > 0 {
            wake_shared(self.ledger.word(), back);
        }
    }
}
