//! Guards that release a lock or a permit at the end of a scope.

use std::marker::PhantomData;

use interlock_wait::{RawLock, WaitContext};

use crate::error::WaitError;
use crate::lock::Lock;
use crate::rlock::RLock;
use crate::semaphore::Semaphore;

mod sealed {
    pub trait Sealed {
        /// A type that is `Send` if the guard may move to another thread.
        type Travels;

        /// Releases the lock or the permit.
        fn give_back(&self);
    }
}

/// A type that a [`Guard`] can release: [`Lock`], [`RLock`], or [`Semaphore`] (one permit).
pub trait Guarded: sealed::Sealed {}

impl<R: RawLock> Guarded for Lock<R> {}
impl<R: RawLock> Guarded for RLock<R> {}
impl<R: RawLock> Guarded for Semaphore<R> {}

impl<R: RawLock> sealed::Sealed for Lock<R> {
    type Travels = ();

    fn give_back(&self) {
        // This fails if another call has released it already; then there is nothing to do.
        let _ = self.release();
    }
}

impl<R: RawLock> sealed::Sealed for RLock<R> {
    /// No other thread may release it.
    type Travels = *const ();

    fn give_back(&self) {
        // This fails if the owner has released it once too often; then there is nothing to do.
        let _ = self.release();
    }
}

impl<R: RawLock> sealed::Sealed for Semaphore<R> {
    type Travels = ();

    fn give_back(&self) {
        // This fails if another call has released too many permits and the bound is reached.
        let _ = self.release();
    }
}

/// Holds a lock or a permit, and releases it when dropped, also while a panic unwinds. Dropping it never blocks.
///
/// After [`std::mem::forget`], release the lock or the permit with a call, as after `acquire`.
///
/// The guard of a [`Lock`] or a [`Semaphore`] may be moved to another thread and dropped there. An [`RLock`]'s may not:
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
    fn new(of: &'a L) -> Self {
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

impl<R: RawLock> Lock<R> {
    /// Takes the lock until the guard is dropped. Blocks until it is released to this thread; for ever if this thread
    /// already holds it.
    #[inline]
    pub fn guard(&self) -> Guard<'_, Self> {
        self.acquire();
        Guard::new(self)
    }

    /// Takes the lock until the guard is dropped, if it is free. Never blocks.
    #[inline]
    pub fn try_guard(&self) -> Option<Guard<'_, Self>> {
        self.try_acquire().then(|| Guard::new(self))
    }

    /// Takes the lock until the guard is dropped. Blocks until it is released to this thread, or until `context` ends
    /// the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; the lock was not taken.
    #[inline]
    pub fn guard_with(&self, context: &mut WaitContext<'_>) -> Result<Guard<'_, Self>, WaitError> {
        self.acquire_with(context).map(|()| Guard::new(self))
    }
}

impl<R: RawLock> RLock<R> {
    /// Takes the lock, once more if this thread holds it, until the guard is dropped. Blocks while another thread holds
    /// it.
    #[inline]
    pub fn guard(&self) -> Guard<'_, Self> {
        self.acquire();
        Guard::new(self)
    }

    /// Takes the lock until the guard is dropped, if it is free or this thread holds it already. Never blocks.
    #[inline]
    pub fn try_guard(&self) -> Option<Guard<'_, Self>> {
        self.try_acquire().then(|| Guard::new(self))
    }

    /// Takes the lock, once more if this thread holds it, until the guard is dropped. Blocks until it is released to
    /// this thread, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; the lock was not taken.
    #[inline]
    pub fn guard_with(&self, context: &mut WaitContext<'_>) -> Result<Guard<'_, Self>, WaitError> {
        self.acquire_with(context).map(|()| Guard::new(self))
    }
}

impl<R: RawLock> Semaphore<R> {
    /// Takes a permit until the guard is dropped. Blocks until there is one.
    #[inline]
    pub fn guard(&self) -> Guard<'_, Self> {
        self.acquire();
        Guard::new(self)
    }

    /// Takes a permit until the guard is dropped, if there is one. Never blocks.
    #[inline]
    pub fn try_guard(&self) -> Option<Guard<'_, Self>> {
        self.try_acquire().then(|| Guard::new(self))
    }

    /// Takes a permit until the guard is dropped. Blocks until there is one, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; no permit was taken.
    #[inline]
    pub fn guard_with(&self, context: &mut WaitContext<'_>) -> Result<Guard<'_, Self>, WaitError> {
        self.acquire_with(context).map(|()| Guard::new(self))
    }
}
