//! Pools of threads that run tasks, and the results of these tasks.
//!
//! - [`ThreadPool`] runs tasks on a limited number of threads, and a [`Task`] is the handle for the result of a
//!   task;
//! - [`Outcome`] is the result of a task, which is set once, for any number of waiters;
//! - [`PoolCore`] is the core of every pool: the queue of its tasks, its workers, its counts, its end;
//! - [`ReorderBuffer`] brings results that come in any order into line.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![warn(missing_debug_implementations)]

#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod cancel_token;
#[cfg(not(loom))]
mod cancellable;
mod core;
mod delay_queue;
#[cfg(not(loom))]
mod end;
#[cfg(not(loom))]
mod help;
#[cfg(not(loom))]
mod inner;
mod listeners;
#[cfg(not(loom))]
mod map_error;
#[cfg(not(loom))]
mod mapped;
mod outcome;
#[cfg(not(loom))]
mod packet;
mod panics;
mod priority_buckets;
#[cfg(not(loom))]
pub mod process;
mod reorder_buffer;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod scope_state;
#[cfg(not(loom))]
mod scoped_map;
#[cfg(not(loom))]
mod scoped_task;
mod step;
#[cfg(not(loom))]
mod submitting;
mod table;
#[cfg(not(loom))]
mod task;
#[cfg(not(loom))]
mod task_error;
mod task_queue;
#[cfg(not(loom))]
mod thread_pool;
mod worker_life;

#[cfg(not(loom))]
pub use builder::Builder;
#[cfg(not(loom))]
pub use cancel_token::CancelToken;
#[cfg(not(loom))]
pub use cancellable::SubmittingCancellable;
pub use core::{PoolCore, Retired};
pub use delay_queue::{DelayQueue, Ticket};
pub use listeners::Watch;
#[cfg(not(loom))]
pub use map_error::MapError;
#[cfg(not(loom))]
pub use mapped::{Mapped, MappedUnordered};
pub use outcome::{Contents, Due, Outcome, Phase, Refusal, Waited};
pub use panics::{Panics, contained, discard};
pub use priority_buckets::DEFAULT_PRIORITY;
pub use reorder_buffer::{Left, ReorderBuffer};
#[cfg(not(loom))]
pub use scope::Scope;
#[cfg(not(loom))]
pub use scoped_map::ScopedMapped;
#[cfg(not(loom))]
pub use scoped_task::ScopedTask;
#[cfg(not(loom))]
pub use submitting::Submitting;
pub use table::Stats;
#[cfg(not(loom))]
pub use task::Task;
#[cfg(not(loom))]
pub use task_error::{JoinError, Panic, SubmitError, TaskError};
#[cfg(not(loom))]
pub use thread_pool::{At, ThreadPool};
pub use worker_life::{Growth, Runner, Running, Started, WorkerToken};
