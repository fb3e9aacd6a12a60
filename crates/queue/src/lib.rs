//! Queues between threads, and between threads and tasks: Python's `queue` for any Rust program.
//!
//! One [`Queue`] serves every order of items: what differs is its [`Store`]. Items are moved in and out and never looked
//! at: nothing is cloned, compared or dropped under the queue's lock. An item that could not be put comes back in the error.
//!
//! - [`Fifo`]: first in, first out;
//! - [`Lifo`]: last in, first out;
//! - [`Either`]: one of these two, chosen at run time;
//! - [`Priority`]: the item with the smallest number first, and first in, first out among equals.
//!

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod debug;
mod error;
mod queue;
mod reserve;
mod side;
mod state;
mod store;
mod task;

pub use error::{GetError, JoinError, PutError, TooManyDone};
pub use queue::{FifoQueue, LifoQueue, PriorityQueue, Queue};
pub use side::Side;
pub use state::{Contents, Discard, Handed, Pick};
pub use store::{Either, Fifo, Lifo, Priority, Store, Traverse};
pub use task::{Getting, Joining, Putting};
