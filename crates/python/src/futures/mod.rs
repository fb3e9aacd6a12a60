//! `concurrent.futures`: futures and the pool of threads.

mod alarms;
mod answer;
mod completed;
mod future;
mod map;
mod opened;
mod place;
mod pool;
mod task;
mod worker;

pub(crate) use alarms::{Alarm, Alarms};
pub(crate) use answer::{Answer, Engine};
pub(crate) use completed::{Completed, wait_for_futures};
pub(crate) use future::Future;
pub(crate) use map::Results;
pub(crate) use opened::remember_future_classes;
pub(crate) use pool::ThreadPool;
pub(crate) use task::{CurrentTask, current_task};
pub(crate) use worker::Seat;
