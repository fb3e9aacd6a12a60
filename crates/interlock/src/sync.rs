//! Locks, conditions, semaphores, events and barriers.
//!
//! Each has a `const` constructor, so it can stand in a `static`. Operations that can block have these forms:
//! `lock` waits without a limit, `try_lock` does not wait, `lock_timeout` for a
//! [`Duration`](std::time::Duration) at most, `lock_deadline` until an [`Instant`](std::time::Instant), and
//! `lock_async` for tasks, except for [`RLock`], whose owner is a thread. `wait` of an [`Event`], a
//! [`Condition`] and a [`Barrier`] has no form without a wait. An operation that can fail only by running out
//! of time returns [`TimedOut`](crate::TimedOut).
//!
//! [The crate's documentation](crate#names-that-you-may-know) has a table of the names that other crates use.
//!
//! ```
//! use std::time::Duration;
//!
//! use interlock::sync::{Lock, Mutex};
//!
//! static TOTAL: Mutex<u32> = Mutex::new(0);
//! static LOCK: Lock = Lock::new();
//!
//! *TOTAL.lock() += 1;
//! let guard = LOCK.guard();
//! assert!(LOCK.guard_timeout(Duration::from_millis(1)).is_err());
//! drop(guard);
//! ```

pub use interlock_sync::{
    Acquiring, Arriving, AwaitingChange, Barrier, BarrierError, Condition, Event, Guard, Guarded, Guarding,
    Lock, Locking, MappedMutexGuard, Mutex, MutexGuard, NotHeld, RLock, Semaphore, TooMany, Waiting,
};
