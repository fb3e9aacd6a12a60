//! What processes have taken of semaphores and barriers, so that it is settled when they die. (FORMAT.md, "Claims".)

use interlock_wait::primitive::{AtomicU32, AtomicU64, Ordering};

use crate::arena::{Arena, Held};
use crate::layout::CLAIMS;
use crate::objects::Id;
use crate::raw_lock::RawLock;
use crate::roster::State;
use crate::step;

/// What a process has of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The object, as id + 1.
    key: u32,
    /// What goes back when the process dies: 14 bits.
    pub(crate) guarded: u32,
    /// Of a semaphore, what the process took more than it gave; of a barrier, how many of its threads take part.
    pub(crate) net: i32,
}

const KEY_BITS: u32 = 18;
const MOST_GUARDED: u32 = (1 << 14) - 1;

impl Claim {
    fn empty(id: Id) -> Self {
        let key = id.number() + 1;
        Claim {
            key,
            guarded: 0,
            net: 0,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the parts of a word")]
    pub(crate) fn of_word(word: u64) -> Self {
        Claim {
            key: word as u32 & ((1 << KEY_BITS) - 1),
            guarded: word as u32 >> KEY_BITS,
            net: ((word >> 32) as u32).cast_signed(),
        }
    }

    /// As a word. 0 if there is nothing to claim.
    fn word(self) -> u64 {
        match (self.guarded, self.net) {
            (0, 0) => 0,
            _ => self.word_of_entry(),
        }
    }

    fn word_of_entry(self) -> u64 {
        u64::from(self.net.cast_unsigned()) << 32 | u64::from(self.guarded << KEY_BITS | self.key)
    }

    pub(crate) fn id(self) -> Option<Id> {
        Id::from_number(self.key.checked_sub(1)?)
    }

    /// One more, that goes back if the process dies. One that does not if there are too many.
    pub(crate) fn guard(self) -> Self {
        match self.guarded < MOST_GUARDED {
            true => Claim {
                guarded: self.guarded + 1,
                ..self
            },
            false => self.add(1),
        }
    }

    pub(crate) fn add(self, more: i32) -> Self {
        Claim {
            net: self.net.saturating_add(more),
            ..self
        }
    }

    pub(crate) fn none(self) -> Self {
        Claim {
            guarded: 0,
            net: 0,
            ..self
        }
    }
}

/// Where a claim stands, and what it is at this moment. Changed under the ledger of its object only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    place: u32,
    word: u64,
    pub(crate) claim: Claim,
}

/// All entries that an object's could be are in use: a change is of the ledger's words only.
const NOWHERE: u32 = u32::MAX;

impl Entry {
    pub(crate) fn at(slot: u32, index: usize, word: u64) -> Self {
        Entry {
            place: slot * CLAIMS as u32 + index as u32,
            word,
            claim: Claim::of_word(word),
        }
    }

    /// Whether what is claimed is noted, and so settled if the process dies.
    pub(crate) fn is_noted(&self) -> bool {
        self.place != NOWHERE
    }
}

/// Two words of an object, which change together with a process's claim of it: all three or none.
///
/// A change is written down first (`old`, `new`, `next`), and made so by one store, of `place`. Whoever finds the lock in the
/// hands of a dead process carries it out.
#[repr(C)]
pub(crate) struct Ledger {
    lock: RawLock,
    /// The entry of the change that is being carried out, 0 if none is.
    place: AtomicU32,
    old: AtomicU64,
    new: AtomicU64,
    next: [AtomicU32; 2],
    words: [AtomicU32; 2],
}

impl Ledger {
    /// Holds the ledger for a few instructions.
    #[inline]
    pub(crate) fn open<'a>(&'a self, arena: &'a Arena) -> Held<'a> {
        arena.hold(&self.lock, || self.finish(arena))
    }

    /// The first word, on which threads sleep.
    #[inline]
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.words[0]
    }

    #[inline]
    pub(crate) fn words(&self) -> [u32; 2] {
        // Relaxed: the lock orders them; for a quick look they stand for themselves.
        [
            self.words[0].load(Ordering::Relaxed),
            self.words[1].load(Ordering::Relaxed),
        ]
    }

    /// Writes the first word alone. The caller holds the ledger.
    pub(crate) fn write(&self, word: u32) {
        // Release pairs with the Acquire of those that look at it without the lock.
        self.words[0].store(word, Ordering::Release);
    }

    /// From now on the words are `next`, and the claim of `entry` is `claim`. The caller holds the ledger.
    #[inline]
    pub(crate) fn change(&self, arena: &Arena, entry: Entry, claim: Claim, next: [u32; 2]) {
        // Relaxed: `place` publishes them.
        self.old.store(entry.word, Ordering::Relaxed);
        self.new.store(claim.word(), Ordering::Relaxed);
        self.next[0].store(next[0], Ordering::Relaxed);
        // Relaxed: as above.
        self.next[1].store(next[1], Ordering::Relaxed);
        step::at("ledger.written");
        // Release, here and in `finish`: in this order the next owner sees the steps, should this one die.
        self.place.store(entry.place, Ordering::Release);
        step::at("ledger.decided");
        self.finish(arena);
    }

    /// Carries out the change that was decided, if one was. May be done again. The caller holds the ledger.
    #[inline]
    fn finish(&self, arena: &Arena) {
        // Acquire pairs with the Release of the process that decided.
        let place = self.place.load(Ordering::Acquire);
        if place == 0 {
            return;
        }
        // Relaxed: see above.
        let (old, new) = (self.old.load(Ordering::Relaxed), self.new.load(Ordering::Relaxed));
        let entry = arena.claim_at(place);
        // The entry is written last, so a change whose entry is not the old one any more is done.
        // Relaxed: the lock orders it.
        if entry.is_none_or(|entry| entry.load(Ordering::Relaxed) == old) {
            for (word, next) in self.words.iter().zip(&self.next) {
                // Release: see `change`; and it pairs with the Acquire of those that look at the word without the lock.
                word.store(next.load(Ordering::Relaxed), Ordering::Release);
                step::at("ledger.word");
            }
            if let Some(entry) = entry {
                // Release: see `change`.
                entry.store(new, Ordering::Release);
            }
            step::at("ledger.claim");
        }
        // Release pairs with the Acquire above, of the next owner.
        self.place.store(0, Ordering::Release);
        step::at("ledger.done");
    }
}

/// An object's entry is one of so many in a row.
const WAYS: usize = 16;

impl Arena {
    fn claim_at(&self, place: u32) -> Option<&AtomicU64> {
        let (slot, index) = (place / CLAIMS as u32, place as usize % CLAIMS);
        (place != NOWHERE).then(|| &self.slot(slot).claims[index])
    }

    /// This process's entry for the object `id`, whose ledger the caller holds: the one that there is, or a new one.
    #[inline]
    pub(crate) fn claim_of(&self, id: Id) -> Entry {
        let slot = self.me().slot();
        let claims = &self.slot(slot).claims;
        let first = (id.number().wrapping_mul(0x9e37_79b1) >> 29) as usize * WAYS;
        let empty = Claim::empty(id);
        for (index, entry) in claims.iter().enumerate().skip(first).take(WAYS) {
            // Relaxed: the ledger orders the entry of this object, and others are not looked into.
            let word = entry.load(Ordering::Relaxed);
            if Claim::of_word(word).key == empty.key {
                return Entry::at(slot, index, word);
            }
        }
        self.new_entry(slot, first, empty)
    }

    fn new_entry(&self, slot: u32, first: usize, empty: Claim) -> Entry {
        let claims = &self.slot(slot).claims;
        let word = empty.word_of_entry();
        for is_late in [false, true] {
            for (index, entry) in claims.iter().enumerate().skip(first).take(WAYS) {
                // Relaxed: an entry changes hands as a whole, and says nothing yet.
                let there = entry.load(Ordering::Relaxed);
                // An entry that is left is of an object of which this process has no handle any more.
                let is_left = || (Claim::of_word(there).id()).is_some_and(|id| !self.is_held_by(slot, id));
                let is_free = there == 0 || is_late && is_left();
                let take = || entry.compare_exchange(there, word, Ordering::Relaxed, Ordering::Relaxed);
                if is_free && take().is_ok() {
                    step::at("claim.taken");
                    return Entry::at(slot, index, word);
                }
            }
        }
        Entry {
            place: NOWHERE,
            word: 0,
            claim: empty,
        }
    }

    /// Clears what is left of claims to an earlier object of this number. The caller makes the new one.
    pub(crate) fn forget_claims(&self, id: Id) {
        // Relaxed: no process has the object.
        let used = self.header().slots_used.load(Ordering::Relaxed);
        let first = (id.number().wrapping_mul(0x9e37_79b1) >> 29) as usize * WAYS;
        for slot in (1..used).map(|index| self.slot(index)) {
            if slot.now().1 == State::Free {
                continue;
            }
            for entry in &slot.claims[first..first + WAYS] {
                // Relaxed: as above.
                let word = entry.load(Ordering::Relaxed);
                if Claim::of_word(word).id() == Some(id) {
                    // Relaxed: as above. If it fails, another object has the entry.
                    let _ = entry.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
        }
    }
}
