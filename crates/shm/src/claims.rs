//! The claims of processes to semaphores and barriers, which are settled when the processes die. (FORMAT.md,
//! "Claims".)

use interlock_wait::primitive::{AtomicU32, AtomicU64, Ordering};

use crate::arena::{Arena, Held};
use crate::cells::Ledger;
use crate::id::Id;
use crate::layout::CLAIMS;
use crate::roster::State;
use crate::step;

/// The claim of a process to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The object, as id + 1.
    key: u32,
    /// The number of permits that go back when the process dies: 14 bits.
    pub(crate) guarded: u32,
    /// For a semaphore, how many permits more the process took than it gave; for a barrier, how many of its threads
    /// take part.
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

    /// Converts the claim to a word; 0 if there is nothing to claim.
    pub(crate) fn word(self) -> u64 {
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

    /// Adds a permit that goes back if the process dies. If there are too many of these, adds one that does not.
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

    pub(crate) fn without_net(self) -> Self {
        Claim { net: 0, ..self }
    }

    pub(crate) fn none(self) -> Self {
        Claim {
            guarded: 0,
            ..self.without_net()
        }
    }
}

/// The place of a claim, and its value at this moment. Changed under the ledger of its object only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    place: u32,
    word: u64,
    pub(crate) claim: Claim,
}

/// All entries that the object could use are taken: a change affects only the ledger's words.
const NOWHERE: u32 = u32::MAX;

impl Entry {
    pub(crate) fn at(slot: u32, index: usize, word: u64) -> Self {
        Entry {
            place: slot * CLAIMS as u32 + index as u32,
            word,
            claim: Claim::of_word(word),
        }
    }

    /// Returns whether the claim is noted, so that it is settled if the process dies.
    pub(crate) fn is_noted(&self) -> bool {
        self.place != NOWHERE
    }
}

/// A word of a ledger: atomic, of 32 or of 64 bits.
pub(crate) trait Word {
    type Value: Copy;
    /// Relaxed: the ledger's lock orders it; for a quick look it stands for itself.
    fn look(&self) -> Self::Value;
    /// Release pairs with the Acquire of those that look at it without the lock, and of a process that repairs.
    fn write(&self, value: Self::Value);
}

impl Word for AtomicU32 {
    type Value = u32;

    #[inline]
    fn look(&self) -> u32 {
        self.load(Ordering::Relaxed) // Relaxed: see the trait
    }

    #[inline]
    fn write(&self, value: u32) {
        self.store(value, Ordering::Release); // Release: see the trait
    }
}

impl Word for AtomicU64 {
    type Value = u64;

    #[inline]
    fn look(&self) -> u64 {
        self.load(Ordering::Relaxed) // Relaxed: see the trait
    }

    #[inline]
    fn write(&self, value: u64) {
        self.store(value, Ordering::Release); // Release: see the trait
    }
}

impl<W: Word> Ledger<W> {
    /// Holds the ledger for a few instructions.
    #[inline]
    pub(crate) fn open<'a>(&'a self, arena: &'a Arena) -> Held<'a> {
        arena.hold(&self.lock, || self.finish(arena))
    }

    /// Returns the first word.
    #[inline]
    pub(crate) fn word(&self) -> &W {
        &self.words[0]
    }

    #[inline]
    pub(crate) fn words(&self) -> [W::Value; 2] {
        [self.words[0].look(), self.words[1].look()]
    }

    /// Writes the first word alone. The caller holds the ledger.
    #[inline]
    pub(crate) fn write(&self, word: W::Value) {
        self.words[0].write(word);
    }

    /// Sets the words to `next`, and the claim of `entry` to `claim`. The caller holds the ledger.
    #[inline]
    pub(crate) fn change(&self, arena: &Arena, entry: Entry, claim: Claim, next: [W::Value; 2]) {
        // Relaxed: `place` publishes them.
        self.old.store(entry.word, Ordering::Relaxed);
        self.new.store(claim.word(), Ordering::Relaxed);
        self.next[0].write(next[0]);
        self.next[1].write(next[1]);
        step::at("ledger.written");
        // Release pairs with the Acquire in `finish`: the next owner sees the steps in this order, should this one die.
        self.place.store(entry.place, Ordering::Release);
        step::at("ledger.decided");
        self.finish(arena);
    }

    /// Completes a change that was decided, if there is one. May be repeated. The caller holds the ledger.
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
        // The entry is written last, so if the entry differs from the old one, the change is complete. Relaxed: the
        // lock orders it.
        if entry.is_none_or(|entry| entry.load(Ordering::Relaxed) == old) {
            for (word, next) in self.words.iter().zip(&self.next) {
                word.write(next.look());
                step::at("ledger.word");
            }
            if let Some(entry) = entry {
                // Release pairs with the Acquire in `settle_claims`; and see `change`.
                entry.store(new, Ordering::Release);
            }
            step::at("ledger.claim");
        }
        // Release pairs with the Acquire above, of the next owner.
        self.place.store(0, Ordering::Release);
        step::at("ledger.done");
    }
}

/// The number of places in a row where an object's entry may be.
const WAYS: usize = 16;

/// Returns the first of these places for an object.
#[inline]
fn first_of(id: Id) -> usize {
    (id.number().wrapping_mul(0x9e37_79b1) >> 29) as usize * WAYS
}

impl Arena {
    fn claim_at(&self, place: u32) -> Option<&AtomicU64> {
        let (slot, index) = (place / CLAIMS as u32, place as usize % CLAIMS);
        (place != NOWHERE).then(|| &self.slot(slot).claims[index])
    }

    /// Returns this process's entry for the object `id`, whose ledger the caller holds. Makes one if there is none.
    #[inline]
    pub(crate) fn claim_of(&self, id: Id) -> Entry {
        let slot = self.me().slot();
        match self.claim_in(slot, id) {
            Some(entry) => entry,
            None => self.new_entry(slot, Claim::empty(id)),
        }
    }

    /// Returns the entry for the object `id` of the process in `slot`. The caller holds the ledger.
    #[inline]
    pub(crate) fn claim_in(&self, slot: u32, id: Id) -> Option<Entry> {
        let (claims, first) = (&self.slot(slot).claims, first_of(id));
        for (index, entry) in claims.iter().enumerate().skip(first).take(WAYS) {
            // Relaxed: the ledger orders the entry of this object, and others are not looked into.
            let word = entry.load(Ordering::Relaxed);
            if Claim::of_word(word).id() == Some(id) {
                return Some(Entry::at(slot, index, word));
            }
        }
        None
    }

    fn new_entry(&self, slot: u32, empty: Claim) -> Entry {
        let claims = &self.slot(slot).claims;
        let first = empty.id().map_or(0, first_of);
        let word = empty.word_of_entry();
        for is_late in [false, true] {
            for (index, entry) in claims.iter().enumerate().skip(first).take(WAYS) {
                // Relaxed: an entry changes hands as a whole, and says nothing yet.
                let there = entry.load(Ordering::Relaxed);
                // A leftover entry belongs to an object of which this process has no handle any more.
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

    /// Clears leftover claims to an earlier object of this number. The caller is making the new one.
    pub(crate) fn forget_claims(&self, id: Id) {
        // Relaxed: no process has the object.
        let used = self.header().slots_used.get();
        let first = first_of(id);
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
