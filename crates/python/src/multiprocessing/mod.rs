//! `multiprocessing`'s objects: records in the memory that a family of processes shares (`crates/shm`).

mod any_queue;
mod barrier;
mod bytes;
mod condition;
mod connection;
mod death;
mod event;
mod family;
mod lock;
mod many;
mod message;
mod queue;
mod queue_methods;
mod rank;
mod shared;
mod watch;

pub(crate) use barrier::SharedBarrier;
pub(crate) use condition::SharedCondition;
pub(crate) use connection::{SharedConnection, make_pipe};
pub(crate) use event::SharedEvent;
pub(crate) use family::{Family, SharedHandle};
pub(crate) use lock::SharedLock;
pub(crate) use queue::SharedQueue;
pub(crate) use watch::QueueWatch;
