//! `multiprocessing`'s objects: records in the memory that a family of processes shares (`crates/shm`).

mod access;
mod any_queue;
mod barrier;
mod bytes;
mod condition;
mod connection;
mod connection_ends;
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

use barrier::SharedBarrier;
pub(crate) use bytes::{MessageView, SharedStorage};
use condition::SharedCondition;
use connection::SharedConnection;
pub(crate) use connection::make_pipe;
pub(crate) use death::exit_code;
use event::SharedEvent;
pub(crate) use family::{Family, SharedHandle, open};
pub(crate) use large::bytes_like;
pub(crate) use lock::SharedLock;
pub(crate) use message::{Incoming, Loadable, Outgoing};
pub(crate) use pickle::Pickle;
pub(crate) use queue::SharedQueue;
pub(crate) use shared::refused;
pub(crate) use value::{SharedArray, SharedAttribute, SharedNumber, SharedValue};
pub(crate) use watch::QueueWatch;

use pyo3::prelude::*;

/// Adds the classes of shared objects to the module. Each class is named like the standard class, because messages
/// about bad arguments contain that name. In the module it is stored under its own name.
pub(crate) fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("SharedBarrier", py.get_type::<SharedBarrier>())?;
    module.add("SharedCondition", py.get_type::<SharedCondition>())?;
    module.add("SharedConnection", py.get_type::<SharedConnection>())?;
    module.add("SharedEvent", py.get_type::<SharedEvent>())?;
    module.add("SharedLock", py.get_type::<SharedLock>())?;
    module.add("SharedQueue", py.get_type::<SharedQueue>())?;
    module.add("SharedValue", py.get_type::<SharedValue>())
}
