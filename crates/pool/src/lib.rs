//! Threads that run other people's code, and what becomes of it.
//!
//! - [`ThreadPool`] runs tasks on at most so many threads, and a [`Task`] is the way to the result of one;
//! - [`Outcome`] is where a task and those who wait for its result meet;
//! - [`WorkQueue`] is where the tasks of a pool wait for its workers, [`CountedQueue`] the same with the workers counted;
//! - [`ReorderBuffer`] puts results that come in any order in line.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(not(loom))]
mod core;
mod counted_queue;
mod counts;
mod delay_queue;
mod listeners;
#[cfg(not(loom))]
mod mapped;
mod outcome;
mod priority_buckets;
mod reorder_buffer;
mod step;
#[cfg(not(loom))]
mod task;
#[cfg(not(loom))]
mod task_error;
#[cfg(not(loom))]
mod thread_pool;
mod wait_group;
mod work_queue;

#[cfg(not(loom))]
pub use core::Stats;
pub use counted_queue::CountedQueue;
pub use counts::{Counted, Counts};
pub use delay_queue::{DelayQueue, Ticket};
pub use listeners::Watch;
#[cfg(not(loom))]
pub use mapped::Mapped;
pub use outcome::{Contents, Due, Outcome, Phase, Refusal, Waited};
pub use priority_buckets::DEFAULT_PRIORITY;
pub use reorder_buffer::{Left, ReorderBuffer};
#[cfg(not(loom))]
pub use task::Task;
#[cfg(not(loom))]
pub use task_error::{Panic, SubmitError, TaskError};
#[cfg(not(loom))]
pub use thread_pool::{At, Builder, ThreadPool};
pub use wait_group::{Started, WaitGroup};
pub use work_queue::{Retired, WorkQueue};
