//! Numbers of threads that are not used again, for observers.
//!
//! A thread gets its number when it first asks for it, which it does when it first waits, or acquires a watched lock,
//! while an observer is registered. A table leads from the identity of such a thread to its number as long as it lives.
//! Locks store identities, so that a thread without a number pays nothing for them.

use crate::thread_ident::ThreadIdent;
#[cfg(not(loom))]
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
#[cfg(not(loom))]
static NEXT: AtomicU64 = AtomicU64::new(1);

impl ThreadId {
    /// The calling thread.
    pub fn current() -> Self {
        let ident = ThreadIdent::current();
        // A model has no table: each of its threads has a number of its own already.
        #[cfg(loom)]
        return ThreadId {
            number: ident.get(),
            ident,
        };
        #[cfg(not(loom))]
        OWN.try_with(|own| own.0).unwrap_or_else(|_| Self::fresh(ident))
    }

    /// The thread with this identity, which lives.
    ///
    /// A thread that has not asked for its number yet gets one that is for this answer alone: there is no way to tell it
    /// from a later thread with the same identity.
    pub fn of_ident(ident: ThreadIdent) -> Self {
        #[cfg(loom)]
        return ThreadId {
            number: ident.get(),
            ident,
        };
        #[cfg(not(loom))]
        if ident == ThreadIdent::current() {
            return Self::current();
        }
        #[cfg(not(loom))]
        fork::fork_guarded(|| TABLE.lock().numbers().get(&ident).copied())
            .map_or_else(|| Self::fresh(ident), |number| ThreadId { number, ident })
    }

    #[cfg(not(loom))]
    fn fresh(ident: ThreadIdent) -> Self {
        // Relaxed: a number is given out once, and orders nothing.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        ThreadId { number, ident }
    }

    /// The number: 1 for the first thread that asked, and so on.
    pub fn number(self) -> u64 {
        self.number
    }

    /// The POSIX identity, to look the thread up elsewhere while it lives.
    pub fn ident(self) -> ThreadIdent {
        self.ident
    }
}

/// The numbers of the live threads that have one. Under a lock that is taken last: the holder takes no other.
#[cfg(not(loom))]
static TABLE: WordLock<Table> = WordLock::new(Table {
    generation: 0,
    numbers: BTreeMap::new(),
});

#[cfg(not(loom))]
struct Table {
    generation: u32,
    numbers: BTreeMap<ThreadIdent, u64>,
}

#[cfg(not(loom))]
impl Table {
    /// The numbers of this process: in the child of a fork, that of the thread that forked and of those since then.
    fn numbers(&mut self) -> &mut BTreeMap<ThreadIdent, u64> {
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.numbers.retain(|&ident, _| ident == fork::survivor());
        }
        &mut self.numbers
    }
}

#[cfg(not(loom))]
thread_local! {
    static OWN: Own = Own::enter();
}

/// The number of a live thread, in the table until the thread ends.
#[cfg(not(loom))]
struct Own(ThreadId);

#[cfg(not(loom))]
impl Own {
    fn enter() -> Self {
        let id = ThreadId::fresh(ThreadIdent::current());
        fork::fork_guarded(|| TABLE.lock().numbers().insert(id.ident, id.number));
        Own(id)
    }
}

#[cfg(not(loom))]
impl Drop for Own {
    fn drop(&mut self) {
        fork::fork_guarded(|| TABLE.lock().numbers().remove(&self.0.ident));
    }
}

#[cfg(all(test, not(loom)))]
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
