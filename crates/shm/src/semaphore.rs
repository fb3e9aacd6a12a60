//! `Semaphore`: permits, shared by processes. (FORMAT.md, "Semaphore".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{Deadline, ResourceKind, WaitContext, Wake, wake_shared};

use crate::arena::{Arena, Held};
use crate::cells::SemaphoreCell;
use crate::claims::Entry;
use crate::error::Error;
use crate::id::Id;
use crate::objects::{Object, Placed};
use crate::permits::Permits;
use crate::resource::SharedResource;
use crate::step;

/// A number of permits in shared memory. Any process may take or give a permit.
///
/// A permit that a process has taken by [`acquire_guarded`](Self::acquire_guarded) comes back when the process
/// dies. A permit that it has taken by [`acquire`](Self::acquire) does not, because another process may give it;
/// the semaphore counts how many are lost in this way.
#[derive(Clone, Debug)]
pub struct Semaphore(Placed<SemaphoreCell>);

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MOST: u32 = (1 << 31) - 1;

    /// Creates a semaphore in `arena` with `permits`, and never more than `most`.
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
            cell.ledger.write(Permits::of(permits).0);
        })?;
        arena.forget_claims(object.id());
        Ok(Semaphore(Placed::new(object)))
    }

    /// Opens the semaphore `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena
            .open::<SemaphoreCell>(id)
            .map(|object| Semaphore(Placed::new(object)))
    }

    /// Returns the object that the semaphore is.
    pub fn object(&self) -> &Object {
        self.0.object()
    }

    /// Takes a permit, which any process may give back. It stays taken if this process dies.
    ///
    /// Blocks until there is a permit, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    #[inline]
    pub fn acquire(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.take(false, context)
    }

    /// Takes a permit, without a guard, if that takes a single access. `false` says nothing about the semaphore:
    /// the caller then calls [`acquire`](Self::acquire). Never blocks.
    #[inline]
    pub fn acquire_free(&self) -> bool {
        self.cell().take_as_user(self.0.arena().me())
    }

    /// Takes a permit that comes back when this process dies, unless it has given it back by
    /// [`release_guarded`](Self::release_guarded).
    ///
    /// A process can have claims to about a hundred semaphores and barriers at once. Beyond that, this is the same
    /// as [`acquire`](Self::acquire).
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
        match !is_guarded && self.acquire_free() || self.try_take(is_guarded, 0) {
            true => Ok(()),
            false => self.take_slow(is_guarded, context),
        }
    }

    /// Takes a permit if there is one. `flag` is [`Permits::WAITERS`] if the caller sleeps otherwise, and may have
    /// slept before.
    fn try_take(&self, is_guarded: bool, flag: u64) -> bool {
        let (cell, arena) = (self.cell(), self.0.arena());
        let held = cell.open(arena, self.0.id());
        let [word, lost] = cell.ledger.words().map(Permits);
        let permits = word.count();
        if permits == 0 {
            cell.ledger.write(word.flagged(flag).0);
            return false;
        }
        let entry = arena.claim_of(self.0.id());
        let claim = match is_guarded && entry.is_noted() {
            true => entry.claim.guard(),
            false => entry.claim.add(1),
        };
        // A release has woken this thread, but cleared the flag for all sleepers.
        let next = Permits::of(permits - 1).flagged(word.0 | flag);
        cell.ledger.change(arena, entry, claim, [next.0, lost.0]);
        if !is_guarded {
            // A process that comes twice in a row is probably the only user.
            let me = arena.me();
            let is_last = cell.last.get() == me.word();
            cell.last.set(me.word());
            if is_last && !next.is_awaited() && entry.is_noted() && claim.word() != 0 {
                cell.adopt(me);
            }
        }
        drop(held);
        step::at("semaphore.acquired");
        if next.is_awaited() && permits > 1 {
            cell.wake(1);
        }
        true
    }

    #[cold]
    fn take_slow(&self, is_guarded: bool, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let cell = self.cell();
        let resource = SharedResource::new(ResourceKind::Semaphore);
        if context.deadline() == Deadline::PASSED {
            return Err(Error::Ended(Wake::TimedOut));
        }
        loop {
            // Acquire pairs with the Release in `wake`: a release that sees the flag, which is set now, changes the count after this.
            let seen = cell.wakes.load(Ordering::Acquire);
            if self.try_take(is_guarded, Permits::WAITERS) {
                return Ok(());
            }
            let arena = self.0.arena();
            let wake = arena.sleep_among((&cell.wakes, seen), self.0.id(), &resource, context);
            if wake == Wake::Notified {
                continue;
            }
            // This thread may have got the wake-up for a permit: pass it on.
            if self.value() > 0 {
                cell.wake(1);
            }
            return Err(Error::Ended(wake));
        }
    }

    /// Takes a permit as [`acquire`](Self::acquire) does, if there is one. Never blocks.
    ///
    /// # Errors
    /// There is no permit.
    pub fn try_acquire(&self) -> Result<(), Error> {
        match self.value() {
            0 => Err(Error::Ended(Wake::TimedOut)),
            _ => self.acquire(&mut WaitContext::until(Deadline::PASSED)),
        }
    }

    /// Gives `permits` permits, whichever process took them. Never blocks.
    ///
    /// # Errors
    /// The semaphore would have too many permits. Nothing has changed.
    #[inline]
    pub fn release(&self, permits: u32) -> Result<(), Error> {
        match permits == 1 && self.cell().give_as_user(self.0.arena().me()) {
            true => Ok(()),
            false => self.give(permits, false),
        }
    }

    /// Gives back a permit that was taken by [`acquire_guarded`](Self::acquire_guarded). Never blocks.
    ///
    /// # Errors
    /// The semaphore would have too many permits. Nothing has changed.
    #[inline]
    pub fn release_guarded(&self) -> Result<(), Error> {
        self.give(1, true)
    }

    #[inline(never)]
    fn give(&self, given: u32, is_guarded: bool) -> Result<(), Error> {
        let (cell, arena) = (self.cell(), self.0.arena());
        let held = cell.open(arena, self.0.id());
        let [word, lost] = cell.ledger.words().map(Permits);
        let permits = word.count();
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
        let next = Permits::of(permits + given);
        cell.ledger.change(arena, entry, claim, [next.0, lost.0]);
        if !is_guarded {
            cell.last.set(arena.me().word());
        }
        drop(held);
        step::at("semaphore.released");
        if word.is_awaited() {
            cell.wake(given);
        }
        Ok(())
    }

    /// Returns how many permits can be taken.
    pub fn value(&self) -> u32 {
        Permits(self.cell().ledger.words()[0]).count()
    }

    /// Returns how many permits were lost, because processes took them by [`acquire`](Self::acquire) and died
    /// without giving as many. Sweeps dead processes first.
    pub fn lost_permits(&self) -> u32 {
        self.0.arena().sweep_all();
        u32::try_from(self.cell().ledger.words()[1]).unwrap_or(u32::MAX)
    }

    /// Reduces the claim of the calling process to its guarded permits.
    pub(crate) fn forgive(&self) {
        let (cell, arena) = (self.cell(), self.0.arena());
        let _held = cell.open(arena, self.0.id());
        if let Some(entry) = arena.claim_in(arena.me().slot(), self.0.id()) {
            let words = cell.ledger.words();
            cell.ledger.change(arena, entry, entry.claim.without_net(), words);
        }
        step::at("semaphore.forgiven");
    }

    #[inline]
    fn cell(&self) -> &'static SemaphoreCell {
        self.0.cell()
    }
}

impl SemaphoreCell {
    /// Holds the ledger for a few instructions. Meanwhile the semaphore, whose number is `id`, has no user.
    #[inline]
    fn open<'a>(&'a self, arena: &'a Arena, id: Id) -> Held<'a> {
        let held = self.ledger.open(arena);
        self.end_use(arena, id);
        held
    }

    #[cold]
    fn wake(&self, most: u32) {
        // Release pairs with the Acquire in `take_slow`.
        self.wakes.fetch_add(1, Ordering::Release);
        wake_shared(&self.wakes, most);
    }

    /// Settles the claim of a dead process to this semaphore, whose number is `id`. `entry` returns the claim, when
    /// the ledger is open.
    pub(crate) fn settle(&self, arena: &Arena, id: Id, entry: impl FnOnce() -> Option<Entry>) {
        let held = self.open(arena, id);
        let Some(entry) = entry() else {
            return;
        };
        let [word, lost] = self.ledger.words().map(Permits);
        let claim = entry.claim;
        // Relaxed: it never changes.
        let most = self.most.load(Ordering::Relaxed);
        let back = claim.guarded.min(most - word.count());
        let next = match back {
            0 => word,
            _ => Permits::of(word.count() + back),
        };
        let lost = lost.0 + u64::from(claim.net.max(0).cast_unsigned());
        self.ledger.change(arena, entry, claim.none(), [next.0, lost]);
        drop(held);
        step::at("semaphore.settled");
        if word.is_awaited() && back > 0 {
            self.wake(back);
        }
    }
}
