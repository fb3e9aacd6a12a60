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

/// The forms of acquiring a lock or a permit. They differ in how long they wait, and in how the lock or permit is
/// released.
macro_rules! forms {
    ($name:ident, $takes:literal, $comes:literal) => {
        impl<R: RawLock> $name<R> {
            #[doc = concat!($takes, ". Blocks until ", $comes, ".")]
            pub fn acquire(&self) {
                // An uninterruptible wait always succeeds.
                let _ = self.acquire_with(&mut WaitContext::uninterruptible());
            }

            #[doc = concat!($takes, ". Blocks until ", $comes, ", for at most `timeout`.")]
            ///
            /// # Errors
            /// The wait timed out; nothing was acquired.
            pub fn acquire_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
                self.acquire_within(|| Deadline::after(timeout))
            }

            #[doc = concat!($takes, ". Blocks until ", $comes, ", until `deadline` at the latest.")]
            ///
            /// # Errors
            /// The wait timed out; nothing was acquired.
            pub fn acquire_deadline(&self, deadline: Instant) -> Result<(), TimedOut> {
                self.acquire_within(|| Deadline::from(deadline))
            }

            fn acquire_within(&self, deadline: impl FnOnce() -> Deadline) -> Result<(), TimedOut> {
                if self.try_acquire().is_ok() {
                    return Ok(());
                }
                let acquired = self.acquire_with(&mut WaitContext::until(deadline()));
                acquired.map_err(|_| TimedOut)
            }

            #[doc = concat!($takes, " until the guard is dropped. Blocks until ", $comes, ".")]
            #[inline]
            pub fn guard(&self) -> Guard<'_, Self> {
                self.acquire();
                Guard::new(self)
            }

            #[doc = concat!($takes, " until the guard is dropped, if that needs no wait. Never blocks.")]
            ///
            /// # Errors
            /// This would need a wait; nothing was acquired.
            #[inline]
            pub fn try_guard(&self) -> Result<Guard<'_, Self>, TimedOut> {
                self.try_acquire().map(|()| Guard::new(self))
            }

            #[doc = concat!($takes, " until the guard is dropped. Blocks until ", $comes, ", for at most `timeout`.")]
            ///
            /// # Errors
            /// The wait timed out; nothing was acquired.
            pub fn guard_timeout(&self, timeout: Duration) -> Result<Guard<'_, Self>, TimedOut> {
                self.acquire_timeout(timeout).map(|()| Guard::new(self))
            }

            #[doc = concat!($takes, " until the guard is dropped. Blocks until ", $comes, ", until `deadline` at the latest.")]
            ///
            /// # Errors
            /// The wait timed out; nothing was acquired.
            pub fn guard_deadline(&self, deadline: Instant) -> Result<Guard<'_, Self>, TimedOut> {
                self.acquire_deadline(deadline).map(|()| Guard::new(self))
            }

            /// Like `guard`, but waits until `context` ends the wait. For hosts.
            ///
            /// # Errors
            /// The deadline passed, or the host ended the wait; nothing was acquired.
            #[doc(hidden)]
            #[inline]
            pub fn guard_with(&self, context: &mut WaitContext<'_>) -> Result<Guard<'_, Self>, WaitError> {
                self.acquire_with(context).map(|()| Guard::new(self))
            }
        }
    };
}

pub(crate) use forms;

/// A type that a [`Guard`] can release: [`Lock`](crate::Lock), [`RLock`](crate::RLock), or
/// [`Semaphore`](crate::Semaphore) (one permit).
pub trait Guarded: Release {}

/// Holds a lock or a permit, and releases it when dropped, even while a panic unwinds. Dropping it never blocks.
///
/// After [`std::mem::forget`], release the lock or the permit with a call, as after `acquire`.
///
/// The guard of a `Lock` or a `Semaphore` may be moved to another thread and dropped there. An `RLock`'s may not:
///
/// ```compile_fail,E0277
/// use interlock::sync::RLock;
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
