//! The duties of a pool's host.

use std::sync::Arc;

use super::answer::WorkerDeath;
use super::call::Call;
use crate::panics::contained;

/// A task of the host. [`ProcessPool::next_duty`](super::ProcessPool::next_duty) returns them one by one.
#[derive(Debug)]
pub enum Duty<H> {
    /// The call has ended, and the host left something with it.
    Attend(Arc<Call<H>>),
    /// There may be room for a call, or there will never be. Holds what the host gave to
    /// [`wait_for_room`](super::ProcessPool::wait_for_room).
    Room(H),
    /// Another worker is wanted.
    Start,
    /// The worker of this seat has ended, and the host may wait for its process.
    Ended {
        /// The seat's number.
        seat: usize,
        /// The process.
        pid: u32,
    },
    /// A worker died, and the pool ends with it: the host has to kill the others.
    Broken(Arc<WorkerDeath>),
    /// The pool was shut down, and all its workers have ended. There is nothing more to do.
    Finished,
}

impl<H> Duty<H> {
    /// Called if the host will not do this duty: drops what the host has left with it, which is foreign.
    pub(super) fn drop_host(self) {
        contained(|| match self {
            Duty::Attend(call) => drop(call.take_host()),
            Duty::Room(host) => drop(host),
            _ => {}
        });
    }
}
