//! The identity of a thread.

/// A thread, by the identity that `threading.get_ident()` gives it. Unique among live threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(u64);

impl ThreadId {
    /// The calling thread.
    #[inline]
    pub fn current() -> Self {
        #[cfg(not(loom))]
        return ThreadId(interlock_os::thread::current());
        #[cfg(loom)]
        return ThreadId(crate::model::thread_ident());
    }

    /// The thread with this POSIX identity.
    pub fn from_ident(ident: u64) -> Self {
        ThreadId(ident)
    }

    /// The POSIX identity; never 0.
    #[inline]
    pub fn ident(self) -> u64 {
        self.0
    }
}
