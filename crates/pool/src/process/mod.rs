//! Pools of worker processes.
//!
//! The parent hands calls to workers through queues in shared memory, and has one queue for all answers. It knows
//! which calls it has handed to each worker, and the worker's queue knows which of them the worker has taken. So a
//! death loses only the call that was running. The claims are in `PROCESS_PROTOCOL.md` of this crate.

mod answer;
mod call;
mod callback_order;
mod deaths;
mod dispatch;
mod duty;
mod finished;
mod inner;
mod message;
mod pool;
mod room;
mod server;
mod state;
mod stopping;
mod supervisor;
mod waiting;
mod worker;

pub use answer::{Answer, Bytes, Given, WorkerDeath};
pub use call::{Call, Limits};
pub use duty::Duty;
pub use inner::Settings;
pub use pool::{ProcessPool, Unplaced};
pub use room::RoomWait;
pub use server::{Served, Server};
pub use state::OnWorkerDeath;
pub use worker::Seat;
