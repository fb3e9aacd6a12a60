//! `interlock.scheduler`: generators and coroutines as tasks, in turns. The engine is `interlock_sched`.

mod begin;
mod body;
mod caller;
mod closed;
mod failing;
mod operation;
mod ordinary;
mod queues;
mod resume;
mod round_robin;
mod run;
mod sends;
mod shared;
mod sockets;
mod task;
mod turn;

pub(crate) use caller::Caller;
pub(crate) use operation::{Awaiting, Operation, call, get, join, put, recv, send, sleep};
pub(crate) use round_robin::RoundRobin;
pub(crate) use run::Scheduler;
pub(crate) use task::Task;
