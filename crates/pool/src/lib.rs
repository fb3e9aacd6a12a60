//! Threads that run other people's code, and what becomes of it.
//!
//! - [`ThreadPool`] runs tasks on at most so many threads, and a [`Task`] is the way to the result of one;
//! - [`Outcome`] is where a task and those who wait for its result meet;
//! - [`WorkQueue`] is where the tasks of a pool wait for its workers, [`Crew`] the same with the workers counted;
//! - [`Gather`] puts results that come in any order in line.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod counts;
mod crew;
mod delay_queue;
mod gather;
mod group;
mod lanes;
mod listeners;
#[cfg(not(loom))]
mod mapped;
mod outcome;
#[cfg(not(loom))]
mod staff;
mod step;
#[cfg(not(loom))]
mod task;
#[cfg(not(loom))]
mod task_error;
#[cfg(not(loom))]
mod thread_pool;
mod work_queue;

pub use counts::{Counted, Counts};
pub use crew::Crew;
pub use delay_queue::{DelayQueue, Ticket};
pub use gather::{Gather, Left};
pub use group::{Group, Started};
pub use lanes::DEFAULT_PRIORITY;
pub use listeners::Watch;
#[cfg(not(loom))]
pub use mapped::Mapped;
pub use outcome::{Contents, Due, Outcome, Phase, Refusal, Waited};
#[cfg(not(loom))]
pub use staff::Stats;
#[cfg(not(loom))]
pub use task::Task;
#[cfg(not(loom))]
pub use task_error::{Panic, SubmitError, TaskError};
#[cfg(not(loom))]
pub use thread_pool::{At, Builder, ThreadPool};
pub use work_queue::{Placed, Retired, WorkQueue};
