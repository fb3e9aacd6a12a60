//! `multiprocessing.pool.ThreadPool`: calls for the items of an iterable, made by threads.

mod calls;
mod gathered;
mod items;
mod jobs;
mod pool;
mod pulled;
mod result;
mod seat;
mod shared;
mod state;
mod stream;

pub(crate) use gathered::Gathered;
pub(crate) use pool::MappingPool;
pub(crate) use result::AsyncResult;
pub(crate) use seat::MappingSeat;
pub(crate) use state::MappingDelivery;
