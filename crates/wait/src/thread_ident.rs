//! The identity of a thread, as locks and waiters store it.
//!
//! It is a number that no other thread of the process ever has, so no thread is mistaken for one that exited while
//! it owned a lock. With the feature `posix-identities`, it is the number that the host uses for the thread, which
//! may recur.

#[cfg(not(any(loom, feature = "posix-identities")))]
use {
    crate::primitive::global::{AtomicU64, Ordering},
    std::cell::Cell,
};

/// A thread, identified by a number that is a multiple of 8 and not 0. With the feature `posix-identities`, it is
/// the number that `threading.get_ident()` returns: a later thread may get the number of one that has exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadIdent(u64);

#[cfg(not(any(loom, feature = "posix-identities")))]
thread_local! {
    /// The identity of this thread; 0 until it is first needed.
    static OWN: Cell<u64> = const { Cell::new(0) };
}

impl ThreadIdent {
    /// Returns the calling thread.
    #[inline]
    pub fn current() -> Self {
        #[cfg(loom)]
        return ThreadIdent(crate::model::thread_ident());
        #[cfg(all(not(loom), feature = "posix-identities"))]
        return ThreadIdent(interlock_os::thread::current());
        #[cfg(not(any(loom, feature = "posix-identities")))]
        match OWN.get() {
            0 => Self::begin(),
            own => ThreadIdent(own),
        }
    }

    /// Assigns the calling thread its identity.
    #[cfg(not(any(loom, feature = "posix-identities")))]
    #[cold]
    fn begin() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1 << ThreadIdent::FREE_BITS);
        // Relaxed: a number is given out once, and orders nothing.
        let own = NEXT.fetch_add(1 << Self::FREE_BITS, Ordering::Relaxed);
        OWN.set(own);
        ThreadIdent(own)
    }

    /// How many of the lowest bits are 0, for flags.
    #[cfg(any(loom, not(feature = "posix-identities")))]
    pub(crate) const FREE_BITS: u32 = 3;

    /// Returns the thread with this number.
    pub fn new(number: u64) -> Self {
        ThreadIdent(number)
    }

    /// Returns the number; never 0.
    #[inline]
    pub fn get(self) -> u64 {
        self.0
    }
}

#[cfg(all(test, not(any(loom, feature = "posix-identities"))))]
mod tests {
    use super::*;

    #[test]
    fn no_thread_has_the_identity_of_one_that_has_ended() {
        let mut seen: Vec<_> = (0..64)
            .map(|_| {
                let thread = std::thread::spawn(|| {
                    let ident = ThreadIdent::current();
                    assert_eq!(ident, ThreadIdent::current());
                    assert!(ident.get() > 0 && ident.get().trailing_zeros() >= ThreadIdent::FREE_BITS);
                    ident
                });
                thread.join().unwrap()
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 64);
    }
}
