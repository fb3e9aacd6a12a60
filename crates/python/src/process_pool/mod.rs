//! Pools of worker processes: the engine behind `ProcessPoolExecutor` and `multiprocessing.Pool`.

mod job;
mod pool;
mod seat;
mod server;
mod turn;

pub(crate) use job::ProcessJob;
pub(crate) use pool::ProcessPool;
pub(crate) use seat::ProcessSeat;
pub(crate) use server::ProcessServer;
