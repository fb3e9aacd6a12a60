//! Runs cooperative tasks in turns, on one thread at a time: the core of a scheduler of generators.
//!
//! [`Turns`] holds the tasks. A task is whatever its host resumes; the engine stores it and decides when it
//! is resumed. The host asks for the [next](Turns::next_turn) turn, resumes the task, and says what the task
//! wants: another turn, or to wait for a time, for a descriptor, for the end of another task, or for a call
//! from outside, which any thread leaves in the [`Mailbox`]. When no task has a turn, the thread sleeps in
//! [`interlock_wait::block_on_descriptors`].
//!
//! `PROTOCOL.md` of this crate describes the states of a task, and argues that no wake-up is lost.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(not(loom))]
mod ends;
#[cfg(not(loom))]
mod look;
mod mailbox;
#[cfg(loom)]
pub mod model;
#[cfg(not(loom))]
mod poll;
#[cfg(not(loom))]
mod slots;
#[cfg(not(loom))]
mod timers;
#[cfg(not(loom))]
mod turns;
#[cfg(not(loom))]
mod waits;
#[cfg(not(loom))]
mod watched;

#[cfg(not(loom))]
pub use ends::Cancelling;
#[cfg(not(loom))]
pub use interlock_os::poll::{Direction, is_open, is_ready};
#[cfg(not(loom))]
pub use interlock_os::socket::{check_is_socket, receive, send};
#[cfg(not(loom))]
pub use look::Prospect;
pub use mailbox::{Call, Mailbox};
#[cfg(not(loom))]
pub use poll::Poll;
#[cfg(not(loom))]
pub use slots::{Reason, TaskId};
#[cfg(not(loom))]
pub use turns::{Turn, Turns};
#[cfg(not(loom))]
pub use waits::{Hope, Refused, Spot};
#[cfg(not(loom))]
pub use watched::Keeper;
