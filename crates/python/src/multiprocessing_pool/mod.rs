//! `multiprocessing.pool.ThreadPool`: threads that call functions for the items of iterables.

mod apply;
mod calls;
mod handle;
mod imap;
mod items;
mod jobs;
mod map;
mod pool;
mod result;
mod result_iterator;
mod shared;
mod shared_iterator;
mod state;
mod stream;

pub(crate) use handle::PoolHandle;
pub(crate) use pool::MultiprocessingPool;
pub(crate) use result::AsyncResult;
pub(crate) use result_iterator::ResultIterator;
pub(crate) use state::MultiprocessingDelivery;
