//! Queues between threads, and between threads and tasks: Python's `queue` for any Rust program.
//!
//! [`face`] is for programs. The [`Queue`] of this crate's root is for hosts of threads, such as an interpreter,
//! and for pools: they choose its raw lock, and use the additional operations of [`HostQueue`]. One implementation
//! serves every order of items; the [`Store`] sets the order. A queue only moves items in and out: it never clones
//! or drops one under its lock, and compares only priorities. If an item can't be put, the error returns it.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod channel;
mod error;
mod future;
mod host;
mod joinable;
mod line;
mod priority;
mod priority_queue;
mod queue;
mod refusal;
mod reserve;
mod resource;
mod side;
mod state;
mod store;
mod task;
mod task_guard;
mod waiting;

pub use error::{GetError, JoinError, PutError, TooManyDone};
pub use host::HostQueue;
pub use priority::Priority;
pub use queue::{FifoQueue, LifoQueue, PriorityQueue, Queue};
pub use side::Side;
pub use state::{Arrival, Contents, Discard, PutOutcome};
pub use store::{Deque, Fifo, Lifo, Sealed, Store, Traverse};
pub use task::{Getting, Joining, Putting};

/// The interface for programs. The crate `interlock` exports it as `interlock::queue`.
pub mod face {
    pub use crate::channel::{
        ChannelIntoIter, ChannelIter, ChannelTryIter, Receiver, Sender, bounded, unbounded,
    };
    pub use crate::error::TooManyDone;
    pub use crate::future::{Getting, GettingTask, Joining, Putting, Receiving, Sending};
    pub use crate::joinable::{FifoQueue, Iter, LifoQueue, Queue, TryIter};
    pub use crate::priority::Priority;
    pub use crate::priority_queue::PriorityQueue;
    pub use crate::refusal::{GetError, PutError, RecvError, SendError};
    pub use crate::state::Discard;
    pub use crate::store::{Deque, Fifo, Lifo, Store};
    pub use crate::task_guard::TaskGuard;
}
