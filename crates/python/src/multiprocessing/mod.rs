//! `multiprocessing`'s objects: records in the memory that a family of processes shares (`crates/shm`).

mod death;
mod family;
mod lock;
mod shared;

pub(crate) use family::{Family, SharedHandle};
pub(crate) use lock::SharedLock;
