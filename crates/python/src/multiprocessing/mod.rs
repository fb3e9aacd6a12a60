//! `multiprocessing`'s objects: records in the memory that a family of processes shares (`crates/shm`).

mod access;
mod any_queue;
mod barrier;
mod bytes;
mod condition;
mod connection;
mod death;
mod event;
mod family;
mod large;
mod loads;
mod lock;
mod many;
mod message;
mod pickle;
pub(crate) mod plain_call;
mod queue;
mod queue_methods;
mod rank;
mod shared;
mod value;
mod watch;

pub(crate) use barrier::SharedBarrier;
pub(crate) use bytes::{MessageView, SharedStorage};
pub(crate) use condition::SharedCondition;
pub(crate) use connection::{SharedConnection, make_pipe};
pub(crate) use death::exit_code;
pub(crate) use event::SharedEvent;
pub(crate) use family::{Family, SharedHandle, open};
pub(crate) use lock::SharedLock;
pub(crate) use message::{Incoming, Outgoing};
pub(crate) use pickle::Pickle;
pub(crate) use queue::SharedQueue;
pub(crate) use shared::refused;
pub(crate) use value::{SharedArray, SharedAttribute, SharedNumber, SharedValue};
pub(crate) use watch::QueueWatch;
