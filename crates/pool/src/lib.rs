//! Threads that run other people's code, and what becomes of it.
//!
//! - [`launch`] runs one job on an operating-system thread that is kept for reuse;
//! - [`Outcome`] is where a task and those who wait for its result meet;
//! - [`WorkQueue`] is where the tasks of a pool wait for its workers, [`Crew`] the same with the workers counted;
//! - [`Gather`] puts results that come in any order in line.

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod cache;
mod counts;
mod crew;
mod delay_queue;
mod gather;
mod group;
mod lanes;
mod latch;
mod outcome;
mod work_queue;

pub use cache::{Job, Lease, end_idle, idle, launch};
pub use counts::{Counted, Counts};
pub use crew::Crew;
pub use delay_queue::DelayQueue;
pub use gather::Gather;
pub use group::Group;
pub use lanes::DEFAULT_PRIORITY;
pub use latch::Latch;
pub use outcome::{Due, Outcome, Phase, Refusal, Waited, Watch};
pub use work_queue::{Placed, WorkQueue};
