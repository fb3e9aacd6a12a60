//! Who owns a lock: one word, which threads change by compare-exchange.
//!
//! Beside the owner's identity, an aligned address, the word has two flags in the bits that alignment leaves free.

use std::fmt;

use crate::raw_lock::RawLock;
use crate::raw_word::RawWord;
use crate::thread_ident::ThreadIdent;

const FREE: u64 = 0;
/// An observer wants to see every acquisition, so no acquisition or release may take the fast path.
const WATCHED: u64 = 1;
/// A thread waits in line, and the release of the lock has to notify it. Only beside an owner.
const DUE: u64 = 2;
const FLAGS: u64 = WATCHED | DUE;

/// The owner of a lock. State table (`WATCHED` may be set in each state, and stays):
///
/// | from | to | by | when |
/// |---|---|---|---|
/// | free | a thread | that thread | it acquires |
/// | a thread | free | any thread | it releases |
/// | a thread | a thread, `DUE` | any thread, under the lock of the line | a thread lines up, or no notified waiter is on its way any more |
/// | a thread, `DUE` | free | any thread, under the lock of the line | it releases, and notifies the first in line |
/// | a thread, `DUE` | the first in line, `DUE` | any thread, under the lock of the line | it releases, and hands over |
///
/// So a word with `DUE` changes only under the lock of the line.
pub struct OwnerWord<R: RawLock> {
    word: R::Word,
}

/// What an [`OwnerWord`] said at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Owner(u64);

impl Owner {
    /// Whether no thread owns the lock.
    #[inline]
    pub fn is_free(self) -> bool {
        self.0 & !FLAGS == FREE
    }

    /// Whether `thread` owns the lock.
    #[inline]
    pub fn is(self, thread: ThreadIdent) -> bool {
        self.0 & !FLAGS == thread.get()
    }

    /// The thread that owns the lock.
    pub fn thread(self) -> Option<ThreadIdent> {
        (!self.is_free()).then(|| ThreadIdent::new(self.0 & !FLAGS))
    }

    /// Whether an observer wants to see every acquisition.
    #[inline]
    pub fn is_watched(self) -> bool {
        self.0 & WATCHED != 0
    }

    /// Whether the release has to notify the first in line.
    #[inline]
    pub fn is_due(self) -> bool {
        self.0 & DUE != 0
    }

    /// Whether a release only has to mark the lock free: some thread owns it, and it has no flag.
    #[inline]
    pub fn is_quiet(self) -> bool {
        self.0 & FLAGS == 0 && self.0 != FREE
    }
}

impl<R: RawLock> OwnerWord<R> {
    /// The word of a free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        OwnerWord { word: R::Word::ZERO }
    }

    /// The word of a free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        OwnerWord {
            word: R::Word::zero(),
        }
    }

    /// Frees a lock that no other thread uses.
    pub fn free_quietly(&self) {
        self.word.set(FREE);
    }

    /// Frees a lock that no other thread uses, for an observer that wants to hear of acquisitions.
    pub fn free_watched(&self) {
        self.word.set(WATCHED);
    }

    /// What the word says at this moment.
    #[inline]
    pub fn load(&self) -> Owner {
        Owner(self.word.get())
    }

    /// Takes the lock for `thread` if it is free and not watched. The fast path of every acquisition.
    #[inline]
    pub fn try_take(&self, thread: ThreadIdent) -> bool {
        self.word.exchange(FREE, thread.get())
    }

    /// Takes the lock, which was free, for `thread`; `false` if the word has changed since it was `seen`.
    pub fn try_take_from(&self, seen: Owner, thread: ThreadIdent) -> bool {
        self.word.exchange(seen.0, thread.get() | seen.0 & WATCHED)
    }

    /// Frees the lock; `false` if the word has changed since it was `seen`.
    #[inline]
    pub fn try_free(&self, seen: Owner) -> bool {
        self.word.exchange(seen.0, seen.0 & WATCHED)
    }

    /// Says that the release has to notify; `false` if the word has changed since it was `seen`. Under the lock of the line.
    pub fn try_mark_due(&self, seen: Owner) -> bool {
        self.word.exchange(seen.0, seen.0 | DUE)
    }

    /// Hands the lock, whose release was due, to `heir`. Its release is due, too, for those that may be left in line. Under the
    /// lock of the line.
    pub fn hand_over(&self, seen: Owner, heir: ThreadIdent) {
        self.word.set(heir.get() | seen.0 & FLAGS);
    }
}

impl<R: RawLock> Default for OwnerWord<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: RawLock> fmt::Debug for OwnerWord<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner")
            .field("thread", &self.thread())
            .field("is_watched", &self.is_watched())
            .field("is_due", &self.is_due())
            .finish()
    }
}
