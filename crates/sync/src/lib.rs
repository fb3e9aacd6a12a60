//! The synchronization primitives of Python's `threading`, for any Rust program.
//!
//! Each is a few plain fields and wait queues under a [`StateLock`](interlock_wait::StateLock). All blocking happens in
//! [`interlock_wait::block`]. The semantics are those of Python's standard library: any thread may release a [`Lock`],
//! setting an [`Event`] wakes all threads that wait at that moment, and a [`Barrier`] breaks when a party gives up.
//!
//! Methods named `try_…` never wait. Methods named `…_timeout` and `…_deadline` wait for a limited time, and
//! methods named `…_async` return futures. Release a lock or permit with a call, or let a [`Guard`] release it.
//! Additional operations for the host of an interpreter are in [`host`]. Hidden methods named `…_with` wait until the
//! host ends the wait.
//!
//! Python's `threading` has no counterpart to [`Mutex`], a lock with a value in it.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![deny(unsafe_code)]
#![warn(missing_debug_implementations)]

mod barrier;
mod condition;
mod error;
mod event;
mod futures;
mod guard;
mod hand_over;
pub mod host;
mod lock;
mod mutex;
mod mutex_condition;
mod rlock;
mod semaphore;

pub use barrier::{Arriving, Barrier, Retired};
pub use condition::{Condition, Exclusive};
pub use error::{BarrierError, Broken, NotHeld, TooMany, WaitError};
pub use event::Event;
pub use futures::{Acquiring, Guarding, Locking, Waiting};
pub use guard::{Guard, Guarded};
pub use host::{Arrival, Saved};
pub use lock::Lock;
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard};
pub use mutex_condition::AwaitingChange;
pub use rlock::RLock;
pub use semaphore::Semaphore;
