//! `concurrent.futures`: futures and the thread pool.

mod answer;
mod backlog;
mod calls;
mod completed;
mod due_callbacks;
mod executor_worker;
mod future;
mod future_methods;
mod living;
mod map;
mod pool;
mod reading;
mod remote;
mod remote_call;
mod task;
mod timers;
mod waiting;
mod watcher;

pub(crate) use answer::{Answer, Engine};
pub(crate) use calls::WaitingCalls;
pub(crate) use completed::{Completed, wait_for_futures};
pub(crate) use executor_worker::Worker;
pub(crate) use future::{Future, new_future, remember_future_class};
pub(crate) use living::executors;
pub(crate) use map::Results;
pub(crate) use pool::ThreadPool;
pub(crate) use reading::{Read, SecondTry, Sent, read_again, told};
pub(crate) use remote::{attend, hear_of_end, report};
pub(crate) use remote_call::{Remote, RemoteCalls, RemoteHost, never_ends};
pub(crate) use task::{CurrentTask, current_task, remember_work_items};
pub(crate) use timers::{Alarm, Alarms};
pub(crate) use watcher::Watcher;
