//! Guards that release a lock or a permit at the end of a scope.

use std::fmt;
use std::marker::PhantomData;

pub(crate) use sealed::Release;

mod sealed {
    pub trait Release {
        /// A type that is `Send` if the guard may move to another thread.
        type Travels;

        /// Releases the lock or the permit.
        fn give_back(&self);
    }
}

/// A type that a [`Guard`] can release: [`Lock`](crate::Lock), [`RLock`](crate::RLock), or
/// [`Semaphore`](crate::Semaphore) (one permit).
pub trait Guarded: Release {}

/// Holds a lock or a permit, and releases it when dropped, also while a panic unwinds. Dropping it never blocks.
///
/// After [`std::mem::forget`], release the lock or the permit with a call, as after `acquire`.
///
/// The guard of a `Lock` or a `Semaphore` may be moved to another thread and dropped there. An `RLock`'s may not:
///
/// ```compile_fail,E0277
/// use interlock_sync::RLock;
///
/// let lock = RLock::new();
/// let guard = lock.guard();
/// std::thread::scope(|scope| scope.spawn(|| drop(guard)));
/// ```
#[must_use = "what was acquired is released as soon as the guard is dropped"]
pub struct Guard<'a, L: Guarded> {
    of: &'a L,
    travels: PhantomData<L::Travels>,
}

impl<'a, L: Guarded> Guard<'a, L> {
    pub(crate) fn new(of: &'a L) -> Self {
        Guard {
            of,
            travels: PhantomData,
        }
    }
}

impl<L: Guarded> Drop for Guard<'_, L> {
    #[inline]
    fn drop(&mut self) {
        self.of.give_back();
    }
}

impl<L: Guarded> fmt::Debug for Guard<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
