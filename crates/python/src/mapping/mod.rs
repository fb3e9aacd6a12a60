//! `multiprocessing.pool.ThreadPool`: calls for the items of an iterable, made by threads.

mod calls;
mod gathered;
mod items;
mod jobs;
mod pool;
mod pulled;
mod result;
mod state;

pub(crate) use gathered::Gathered;
pub(crate) use pool::{MappingPool, MappingSeat};
pub(crate) use result::AsyncResult;
