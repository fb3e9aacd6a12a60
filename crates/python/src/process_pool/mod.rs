//! Pools of worker processes: the engine behind `ProcessPoolExecutor` and `multiprocessing.Pool`.

mod death;
mod job;
mod pool;
mod seat;
mod server;

pub(crate) use death::told;
pub(crate) use job::ProcessJob;
pub(crate) use pool::{Engine, Host, ProcessPool};
pub(crate) use seat::ProcessSeat;
pub(crate) use server::ProcessServer;
