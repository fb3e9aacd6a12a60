//! A worker, as the pool sees it.

use std::collections::VecDeque;
use std::sync::Arc;

use interlock_shm::{Error, Name, Queue};
use interlock_wait::{Deadline, WaitContext};

use super::call::Call;
use crate::worker_life::WorkerToken;

/// More than the number of workers that a family of processes can have. The number of a seat is its place, plus
/// this for each seat before it.
pub(super) const PLACES: usize = 4096;

/// The data that a process needs to become a worker: see [`Server`](super::Server).
#[derive(Clone, Debug)]
pub struct Seat {
    /// The seat's number in the pool. It is not used again: see [`index`](Self::index).
    pub number: usize,
    /// Where its calls come from.
    pub calls: Queue,
    /// Where its answers go.
    pub answers: Queue,
    /// The pool's process.
    pub parent: Name,
}

impl Seat {
    /// Returns the place of the worker in the pool, from 0 on. A worker that replaces a dead one gets the same
    /// place.
    pub fn index(&self) -> usize {
        self.number % PLACES
    }
}

/// Why the pool has killed a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    TimedOut,
    Stopped,
}

/// A worker, from the assignment of its seat to its end.
pub(super) struct Worker<H> {
    /// The number of its seat.
    pub(super) seat: usize,
    pub(super) token: WorkerToken,
    pub(super) calls: Queue,
    /// The name of its process. `NONE` until the host has started it.
    pub(super) name: Name,
    pub(super) pid: u32,
    pub(super) is_ready: bool,
    /// Why it serves no calls, if it reported that.
    pub(super) refusal: Option<Vec<u8>>,
    /// The calls that it was handed and has not answered, in the order in which it takes them.
    pub(super) handed: VecDeque<Arc<Call<H>>>,
    /// How many calls the pool has taken back from its queue.
    pub(super) taken_back: u32,
    /// How many calls it has answered.
    pub(super) answered: u32,
    /// How many more calls it may be handed.
    pub(super) left: Option<u32>,
    /// How long it has run calls, in nanoseconds.
    pub(super) busy: u64,
    /// Whether it gets no more calls, and ends when it has run the present ones.
    pub(super) is_closed: bool,
    /// When the first call of `handed` became the first, or was first seen to run, in nanoseconds.
    pub(super) since: u64,
    /// Why the pool has killed it, and which call it was running then.
    pub(super) ended_for: Option<(Why, u64)>,
}

impl<H> Worker<H> {
    pub(super) fn new(seat: usize, token: WorkerToken, calls: Queue, most_calls: Option<u32>) -> Self {
        Worker {
            seat,
            token,
            calls,
            name: Name::NONE,
            pid: 0,
            is_ready: false,
            refusal: None,
            handed: VecDeque::new(),
            taken_back: 0,
            answered: 0,
            left: most_calls,
            busy: 0,
            is_closed: false,
            since: 0,
            ended_for: None,
        }
    }

    /// Returns whether it accepts calls.
    pub(super) fn is_open(&self) -> bool {
        !self.is_closed && self.refusal.is_none() && self.ended_for.is_none() && self.left != Some(0)
    }

    /// Returns whether it has taken a call that it has not answered. The caller has taken all answers.
    pub(super) fn is_running(&self) -> bool {
        self.calls.taken().wrapping_sub(self.taken_back) != self.answered
    }

    /// Returns the call that it is running. The caller has taken all answers.
    pub(super) fn running(&self) -> Option<&Arc<Call<H>>> {
        self.handed.front().filter(|_| self.is_running())
    }

    /// Returns whether there is a call behind the one that it is running, or is about to run.
    pub(super) fn has_backlog(&self) -> bool {
        self.handed.len() > 1
    }

    /// Takes out its call with this `number`: as a rule the first.
    pub(super) fn answered(&mut self, number: u64) -> Option<Arc<Call<H>>> {
        self.answered = self.answered.wrapping_add(1);
        let at = self.handed.iter().position(|call| call.number == number)?;
        self.handed.remove(at)
    }

    /// Takes back the calls that the worker has not taken, in their order.
    pub(super) fn take_back(&mut self) -> VecDeque<Arc<Call<H>>> {
        let mut back = VecDeque::new();
        while !self.calls.is_empty() {
            let mut context = WaitContext::until(Deadline::PASSED);
            let taken: Result<_, Error> = self.calls.get_with(&mut context, |message| {
                let number = message.last().unwrap_or_default();
                Ok((number, message.keep().ok()))
            });
            let Ok((number, large)) = taken else {
                break;
            };
            self.taken_back = self.taken_back.wrapping_add(1);
            if let Some(left) = &mut self.left {
                *left += 1;
            }
            let number = u64::from_le_bytes(number);
            if let Some(at) = self.handed.iter().position(|call| call.number == number)
                && let Some(call) = self.handed.remove(at)
            {
                if let Some(large) = large {
                    call.came_back(large);
                }
                back.push_back(call);
            }
        }
        back
    }
}
