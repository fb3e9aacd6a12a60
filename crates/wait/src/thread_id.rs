//! Numbers of threads, for observers. They are never used again.
//!
//! As a rule the number is the thread's identity. Identities of a host's threads recur (the feature
//! `posix-identities`). There a thread gets a number when it first waits, or acquires a watched lock, while an
//! observer is registered. As long as such a thread lives, a table maps its identity to the number. Locks store
//! identities, so numbers cost nothing for threads that have none.

use crate::thread_ident::ThreadIdent;
#[cfg(all(not(loom), feature = "posix-identities"))]
use {
    crate::fork,
    crate::primitive::global::{AtomicU64, Ordering},
    crate::word_lock::WordLock,
    std::collections::BTreeMap,
};

/// A thread, by a number that no other thread of this process ever has. The thread that forks keeps its number in the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId {
    number: u64,
    ident: ThreadIdent,
}

/// The number of the next thread.
#[cfg(all(not(loom), feature = "posix-identities"))]
static NEXT: AtomicU64 = AtomicU64::new(1);

impl ThreadId {
    /// Returns the calling thread.
    pub fn current() -> Self {
        let ident = ThreadIdent::current();
        #[cfg(any(loom, not(feature = "posix-identities")))]
        return Self::numbered(ident);
        #[cfg(all(not(loom), feature = "posix-identities"))]
        OWN.try_with(|own| own.0).unwrap_or_else(|_| Self::fresh(ident))
    }

    /// Returns the thread with this identity, which is also its number.
    #[cfg(any(loom, not(feature = "posix-identities")))]
    fn numbered(ident: ThreadIdent) -> Self {
        ThreadId {
            number: ident.get() >> ThreadIdent::FREE_BITS,
            ident,
        }
    }

    /// Returns the thread with this identity. If identities recur, it is a thread that lives now. If that thread
    /// has no number yet, the answer is a number for this call only, because the thread can't be told apart from a
    /// later one with the same identity.
    #[doc(hidden)]
    pub fn of_ident(ident: ThreadIdent) -> Self {
        #[cfg(any(loom, not(feature = "posix-identities")))]
        return Self::numbered(ident);
        #[cfg(all(not(loom), feature = "posix-identities"))]
        if ident == ThreadIdent::current() {
            return Self::current();
        }
        #[cfg(all(not(loom), feature = "posix-identities"))]
        fork::fork_guarded(|| TABLE.lock().numbers().get(&ident).copied())
            .map_or_else(|| Self::fresh(ident), |number| ThreadId { number, ident })
    }

    #[cfg(all(not(loom), feature = "posix-identities"))]
    fn fresh(ident: ThreadIdent) -> Self {
        // Relaxed: a number is given out once, and orders nothing.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        ThreadId { number, ident }
    }

    /// Returns the number: 1 for the first thread that used this crate, and so on.
    pub fn number(self) -> u64 {
        self.number
    }

    /// Returns the identity that locks store for this thread.
    #[doc(hidden)]
    pub fn ident(self) -> ThreadIdent {
        self.ident
    }
}

/// The numbers of the live threads that have one. Their lock is taken last: its holder takes no other lock.
#[cfg(all(not(loom), feature = "posix-identities"))]
static TABLE: WordLock<Table> = WordLock::new(Table {
    generation: 0,
    numbers: BTreeMap::new(),
});

#[cfg(all(not(loom), feature = "posix-identities"))]
struct Table {
    generation: u32,
    numbers: BTreeMap<ThreadIdent, u64>,
}

#[cfg(all(not(loom), feature = "posix-identities"))]
impl Table {
    /// Returns the numbers of this process. In the child of a fork, these are the numbers of the thread that forked
    /// and of threads since then.
    fn numbers(&mut self) -> &mut BTreeMap<ThreadIdent, u64> {
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.numbers.retain(|&ident, _| ident == fork::survivor());
        }
        &mut self.numbers
    }
}

#[cfg(all(not(loom), feature = "posix-identities"))]
thread_local! {
    static OWN: Own = Own::enter();
}

/// The number of a live thread, in the table until the thread ends.
#[cfg(all(not(loom), feature = "posix-identities"))]
struct Own(ThreadId);

#[cfg(all(not(loom), feature = "posix-identities"))]
impl Own {
    fn enter() -> Self {
        let id = ThreadId::fresh(ThreadIdent::current());
        fork::fork_guarded(|| TABLE.lock().numbers().insert(id.ident, id.number));
        Own(id)
    }
}

#[cfg(all(not(loom), feature = "posix-identities"))]
impl Drop for Own {
    fn drop(&mut self) {
        fork::fork_guarded(|| TABLE.lock().numbers().remove(&self.0.ident));
    }
}

#[cfg(all(test, not(loom), feature = "posix-identities"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_number_and_no_other_thread_gets_it() {
        let mut seen: Vec<_> = (0..64)
            .map(|_| {
                let thread = std::thread::spawn(|| {
                    let id = ThreadId::current();
                    assert_eq!(id, ThreadId::current());
                    assert_eq!(id, ThreadId::of_ident(ThreadIdent::current()));
                    id
                });
                thread.join().unwrap()
            })
            .collect();
        // The identities of threads that run one after the other recur.
        seen.sort_unstable_by_key(|id| id.number());
        seen.dedup_by_key(|id| id.number());
        assert_eq!(seen.len(), 64);
    }

    #[test]
    fn a_thread_that_has_ended_is_not_found_by_its_identity() {
        let ended = std::thread::spawn(ThreadId::current).join().unwrap();
        assert_ne!(ThreadId::of_ident(ended.ident()).number(), ended.number());
    }
}
