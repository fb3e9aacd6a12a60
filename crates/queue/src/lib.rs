//! Queues between threads, and between threads and tasks: Python's `queue` for any Rust program.
//!
//! One [`Queue`] type serves every order of items; its [`Store`] sets the order. A queue only moves items in and out:
//! it never clones, compares or drops one under its lock. If an item could not be put, the error returns it.
//!
//! - [`Fifo`]: first in, first out;
//! - [`Lifo`]: last in, first out;
//! - [`Priority`]: the item with the smallest number first, and first in, first out among equals.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod error;
mod host;
mod line;
mod queue;
mod reserve;
mod resource;
mod side;
mod state;
mod store;
mod task;
mod waiting;

pub use error::{GetError, JoinError, PutError, TooManyDone};
pub use host::HostQueue;
pub use queue::{FifoQueue, LifoQueue, PriorityQueue, Queue};
pub use side::Side;
pub use state::{Arrival, Contents, Discard, PutOutcome};
pub use store::{Deque, Fifo, Lifo, Priority, Store, Traverse};
pub use task::{Getting, Joining, Putting};
