//! Threads that run other people's code, and what becomes of it.
//!
//! - [`launch`] runs one job on an operating-system thread that is kept for reuse;
//! - [`Outcome`] is where a task and those who wait for its result meet;
//! - [`WorkQueue`] is where the tasks of a pool wait for its workers.

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(not(loom))]
mod cache;
#[cfg(not(loom))]
mod group;
mod lanes;
#[cfg(not(loom))]
mod latch;
mod outcome;
mod work_queue;

#[cfg(not(loom))]
pub use cache::{Job, Lease, end_idle, idle, launch};
#[cfg(not(loom))]
pub use group::Group;
pub use lanes::DEFAULT_PRIORITY;
#[cfg(not(loom))]
pub use latch::Latch;
pub use outcome::{Due, Outcome, Phase, Refusal, Waited, Watch};
pub use work_queue::{Placed, WorkQueue};
