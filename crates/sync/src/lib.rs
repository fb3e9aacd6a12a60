//! The synchronization primitives of Python's `threading`, for any Rust program.
//!
//! Each is a few plain fields under a [`StateLock`](interlock_wait::StateLock), with wait queues among them; all blocking
//! happens in [`interlock_wait::block`]. The semantics are those of Python's standard library: a [`Lock`] may be released
//! by any thread, an [`Event`] set wakes everybody who waits at that moment, a [`Barrier`] breaks when a party gives up.
//!
//! Methods named `try_…` never wait. Methods named `…_with` take a [`Patience`](interlock_wait::Patience), which says how
//! long they may.

#![forbid(unsafe_code)]

mod barrier;
mod condition;
mod error;
mod event;
mod lock;
mod ownership;
mod rlock;
mod semaphore;

pub use barrier::{Arrival, Barrier};
pub use condition::{Condition, Exclusive};
pub use error::{Broken, NotHeld, TooMany, WaitError};
pub use event::Event;
pub use lock::Lock;
pub use rlock::{RLock, Saved};
pub use semaphore::Semaphore;
