//! Threads that run other people's code.
//!
//! So far this is the [`launch`] of single threads on operating-system threads that are kept for reuse.

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod cache;
mod group;
mod latch;

pub use cache::{Job, Lease, end_idle, idle, launch};
pub use group::Group;
pub use latch::Latch;
