//! The owner of a lock: one word, which threads change by compare-exchange.
//!
//! Besides the owner's identity, a multiple of 8, the word contains flags in the free bits.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::raw_lock::RawLock;
use crate::raw_word::RawWord;
use crate::thread_ident::ThreadIdent;

/// A lock that was never acquired. The first acquisition finds out whether an observer wants to hear of
/// acquisitions.
const FRESH: u64 = 0;
/// No thread owns the lock.
const FREE: u64 = 4;
/// An observer wants to see every acquisition, so no acquisition or release may take the fast path.
const WATCHED: u64 = 1;
/// A thread waits in line, and the release of the lock has to notify it. Set only together with an owner.
const DUE: u64 = 2;
const FLAGS: u64 = WATCHED | DUE;
/// The bits of the owner's identity.
const IDENTITY: u64 = !(FLAGS | FREE);

/// The owner of a lock. State table (`WATCHED` may be set in each state, and stays):
///
/// | from | to | by | when |
/// |---|---|---|---|
/// | fresh, free | a thread | that thread | it acquires |
/// | a thread | free | any thread | it releases |
/// | a thread | a thread, `DUE` | any thread, under the lock of the line | a thread lines up, or no notified waiter is on its way any more |
/// | a thread, `DUE` | free | any thread, under the lock of the line | it releases, and notifies the first in line |
/// | a thread, `DUE` | the first in line, `DUE` | any thread, under the lock of the line | it releases, and hands over |
///
/// So a word with `DUE` changes only under the lock of the line.
pub struct OwnerWord<R: RawLock> {
    word: R::Word,
}

/// The value of an [`OwnerWord`] at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Owner(u64);

impl Owner {
    /// Returns whether no thread owns the lock.
    #[inline]
    pub fn is_free(self) -> bool {
        self.0 & IDENTITY == 0
    }

    /// Returns whether `thread` owns the lock.
    #[inline]
    pub fn is(self, thread: ThreadIdent) -> bool {
        self.0 & IDENTITY == thread.get()
    }

    /// Returns the thread that owns the lock.
    pub fn thread(self) -> Option<ThreadIdent> {
        (!self.is_free()).then(|| ThreadIdent::new(self.0 & IDENTITY))
    }

    /// Returns whether an observer wants to see every acquisition.
    #[inline]
    pub fn is_watched(self) -> bool {
        self.0 & WATCHED != 0
    }

    /// Returns whether the release has to notify the first in line.
    #[inline]
    pub fn is_due(self) -> bool {
        self.0 & DUE != 0
    }

    /// Returns whether a release only has to mark the lock free: some thread owns it, and it has no flag.
    #[inline]
    pub fn is_quiet(self) -> bool {
        self.0 & FLAGS == 0 && !self.is_free()
    }
}

/// Whether an observer wants to hear of the acquisitions of a lock that is first used at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// It wants to hear of each of them.
    Every,
    /// It wants to hear at most of those that have to wait.
    Contended,
}

impl Watch {
    fn flag(self) -> u64 {
        match self {
            Watch::Every => WATCHED,
            Watch::Contended => 0,
        }
    }
}

impl<R: RawLock> OwnerWord<R> {
    /// Returns the word of a lock that was never acquired.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        OwnerWord { word: R::Word::ZERO }
    }

    /// Returns the word of a lock that was never acquired.
    #[cfg(loom)]
    pub fn new() -> Self {
        OwnerWord {
            word: R::Word::zero(),
        }
    }

    /// Frees a lock on its first use, while no other thread uses it.
    pub fn begin(&self, watch: Watch) {
        self.word.set(FREE | watch.flag());
    }

    /// Returns the value at this moment.
    #[inline]
    pub fn load(&self) -> Owner {
        Owner(self.word.get())
    }

    /// Takes the lock for `thread` if it is free and not watched. The fast path of every acquisition.
    #[inline]
    pub fn try_take(&self, thread: ThreadIdent) -> bool {
        self.word.exchange(FREE, thread.get())
    }

    /// Takes the lock, which was free, for `thread`. Returns `false` if the word has changed since it was `seen`.
    /// At the first acquisition, calls `first`.
    pub fn try_take_from(&self, seen: Owner, thread: ThreadIdent, first: impl FnOnce() -> Watch) -> bool {
        let watched = match seen.0 {
            FRESH => first().flag(),
            seen => seen & WATCHED,
        };
        self.word.exchange(seen.0, thread.get() | watched)
    }

    /// Frees the lock. Returns `false` if the word has changed since it was `seen`.
    #[inline]
    pub fn try_free(&self, seen: Owner) -> bool {
        self.word.exchange(seen.0, FREE | seen.0 & WATCHED)
    }

    /// Marks that the release has to notify. Returns `false` if the word has changed since it was `seen`. Called
    /// under the lock of the line.
    pub fn try_mark_due(&self, seen: Owner) -> bool {
        self.word.exchange(seen.0, seen.0 | DUE)
    }

    /// Hands the lock, whose release had to notify, to `heir`. The heir's release has to notify, too, for waiters
    /// that may be left in line. Called under the lock of the line.
    pub fn hand_over(&self, seen: Owner, heir: ThreadIdent) {
        self.word.set(heir.get() | seen.0 & FLAGS);
    }
}

// A panic can't interrupt a change of the word.
impl<R: RawLock> UnwindSafe for OwnerWord<R> {}
impl<R: RawLock> RefUnwindSafe for OwnerWord<R> {}

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
