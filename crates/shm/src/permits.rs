//! The first word of a semaphore: its permits, and its user, the process that takes and gives permits by a single
//! access. (FORMAT.md, "Semaphore".)

use interlock_wait::primitive::Ordering;

use crate::arena::Arena;
use crate::cells::SemaphoreCell;
use crate::id::Id;
use crate::name::Name;
use crate::step;

/// The word's parts. Bits 0 to 30: the permits. Bit 31, [`WAITERS`](Self::WAITERS): a thread may sleep for a
/// permit, or the user is stopped. Bits 32 to 43: how many more permits the user took than it gave, plus 2,048; 0
/// if there is no user. Bits 44 to 63: the user, the low bits of a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permits(pub(crate) u64);

const ONE_NET: u64 = 1 << 32;
const NO_NET: u64 = 2048;
const MOST_NET: u64 = 4095;
const USER_SHIFT: u32 = 44;
const USER: u64 = (1 << (64 - USER_SHIFT)) - 1;

impl Permits {
    /// The flag.
    pub(crate) const WAITERS: u64 = 1 << 31;

    /// Makes a word with this number of permits, and no user.
    #[inline]
    pub(crate) fn of(count: u32) -> Self {
        Permits(u64::from(count))
    }

    /// Adds the flag, if `flag` contains it.
    #[inline]
    pub(crate) fn flagged(self, flag: u64) -> Self {
        Permits(self.0 | flag & Self::WAITERS)
    }

    #[inline]
    pub(crate) fn count(self) -> u32 {
        (self.0 & (Self::WAITERS - 1)) as u32
    }

    #[inline]
    pub(crate) fn is_awaited(self) -> bool {
        self.0 & Self::WAITERS != 0
    }

    #[inline]
    fn has_user(self) -> bool {
        self.0 >> 32 != 0
    }

    /// Sets the user, which has neither taken nor given a permit yet.
    fn used_by(self, user: Name) -> Self {
        Permits((self.0 & (ONE_NET - 1)) | NO_NET << 32 | (u64::from(user.word()) & USER) << USER_SHIFT)
    }

    /// Returns whether `me` is the user, and not stopped.
    #[inline]
    fn is_open_to(self, me: Name) -> bool {
        self.0 >> USER_SHIFT == u64::from(me.word()) & USER && !self.is_awaited()
    }

    /// 0 if there is no user.
    #[inline]
    fn net(self) -> u64 {
        self.0 >> 32 & MOST_NET
    }
}

impl SemaphoreCell {
    /// Takes a permit, if the calling process `me` is the user and there is one.
    #[inline]
    pub(crate) fn take_as_user(&self, me: Name) -> bool {
        // Relaxed: the compare-exchange looks at it again.
        let word = Permits(self.ledger.word().load(Ordering::Relaxed));
        word.is_open_to(me)
            && word.count() > 0
            && (1..MOST_NET).contains(&word.net())
            && self.replace(word, word.0 + ONE_NET - 1)
    }

    /// Gives a permit, if the calling process `me` is the user, and there is room for one.
    #[inline]
    pub(crate) fn give_as_user(&self, me: Name) -> bool {
        // Relaxed: as above; `most` never changes.
        let word = Permits(self.ledger.word().load(Ordering::Relaxed));
        word.is_open_to(me)
            && word.count() < self.most.load(Ordering::Relaxed)
            && word.net() > 1
            && self.replace(word, word.0 - ONE_NET + 1)
    }

    #[inline]
    fn replace(&self, word: Permits, next: u64) -> bool {
        // AcqRel pairs with itself, and with the accesses under the ledger: the taker of a permit sees what its giver did.
        // Relaxed: a failure leads to the ledger.
        let replaced =
            (self.ledger.word()).compare_exchange(word.0, next, Ordering::AcqRel, Ordering::Relaxed);
        step::at("semaphore.used");
        replaced.is_ok()
    }

    /// Makes the caller the user. The caller holds the ledger, and has a claim that is not 0, so a sweep finds it
    /// when it dies.
    #[inline]
    pub(crate) fn adopt(&self, me: Name) {
        let word = Permits(self.ledger.words()[0]);
        self.ledger.write(word.used_by(me).0);
        step::at("semaphore.adopted");
    }

    /// Ends the use: there is no user any more, and its claim contains what it took. The caller holds the ledger of
    /// the semaphore `id`.
    #[inline]
    pub(crate) fn end_use(&self, arena: &Arena, id: Id) {
        if Permits(self.ledger.words()[0]).has_user() {
            self.end_use_slow(arena, id);
        }
    }

    #[cold]
    fn end_use_slow(&self, arena: &Arena, id: Id) {
        // AcqRel pairs with the user's accesses. It makes no more of them.
        let word = (self.ledger.word()).fetch_or(Permits::WAITERS, Ordering::AcqRel);
        step::at("semaphore.stopped");
        self.last.set(0);
        let word = Permits(word);
        let next = Permits::of(word.count()).flagged(word.0).0;
        let user = Name::of_word((word.0 >> USER_SHIFT) as u32);
        let generation = arena.slot(user.slot()).now().0;
        let is_there = Name::new(user.slot(), generation).word() & USER as u32 == user.word();
        match arena.claim_in(user.slot(), id).filter(|_| is_there) {
            Some(entry) => {
                let net = word.net() as i32 - NO_NET as i32;
                let lost = self.ledger.words()[1];
                (self.ledger).change(arena, entry, entry.claim.add(net), [next, lost]);
            }
            // The user has closed the semaphore, and so given up its claims.
            None => self.ledger.write(next),
        }
    }
}
