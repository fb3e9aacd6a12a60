//! `multiprocessing`'s objects: records in the memory that a family of processes shares (`crates/shm`).

mod barrier;
mod bytes;
mod condition;
mod connection;
mod death;
mod event;
mod family;
mod lock;
mod message;
mod queue;
mod shared;

pub(crate) use barrier::SharedBarrier;
pub(crate) use condition::SharedCondition;
pub(crate) use connection::{SharedConnection, make_pipe};
pub(crate) use event::SharedEvent;
pub(crate) use family::{Family, SharedHandle};
pub(crate) use lock::SharedLock;
pub(crate) use queue::SharedQueue;
