//! Pools of worker processes: the engine behind `ProcessPoolExecutor` and `multiprocessing.Pool`.

mod death;
mod pool;
mod seat;
mod server;

pub(crate) use death::told;
pub(crate) use pool::{Engine, ProcessPool};
pub(crate) use seat::ProcessSeat;
pub(crate) use server::ProcessServer;
