//! The POSIX identity of a thread.

/// A thread, by the number that `threading.get_ident()` returns. Unique among live threads; a later thread may have the
/// number of one that has ended. An observer is told the [`ThreadId`](crate::ThreadId) instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadIdent(u64);

impl ThreadIdent {
    /// The calling thread.
    #[inline]
    pub fn current() -> Self {
        #[cfg(not(loom))]
        return ThreadIdent(interlock_os::thread::current());
        #[cfg(loom)]
        return ThreadIdent(crate::model::thread_ident());
    }

    /// The thread with this number.
    pub fn new(number: u64) -> Self {
        ThreadIdent(number)
    }

    /// The number; never 0.
    #[inline]
    pub fn get(self) -> u64 {
        self.0
    }
}
