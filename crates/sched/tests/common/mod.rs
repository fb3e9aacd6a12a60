//! Helpers of the tests of turns.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::os::fd::AsRawFd;

use interlock_sched::{Direction, Keeper, Prospect, Reason, Spot, Turns};
use interlock_wait::{Deadline, WaitContext};

/// The keeper of a descriptor, identified by a number.
#[derive(Debug)]
pub(crate) struct Same(pub(crate) u32);

impl Keeper for Same {
    fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

pub(crate) type Tasks = Turns<&'static str, Same>;

/// Looks, and ends each task that has a turn. Returns these with the reasons.
pub(crate) fn round(turns: &mut Tasks) -> Vec<(&'static str, Reason)> {
    let _ = turns.look().unwrap();
    turns.wake_up();
    let mut seen = Vec::new();
    while let Some(turn) = turns.next_turn() {
        seen.push((turn.payload, turn.reason));
        turns.end(turn.id);
    }
    seen
}

/// Sleeps when there is nothing to do, and ends each task at its next turn, until there is no task.
pub(crate) fn run_until_idle(turns: &mut Tasks) -> Vec<(&'static str, Reason)> {
    let mut seen = Vec::new();
    loop {
        match turns.look().unwrap() {
            Prospect::Round => {
                while let Some(turn) = turns.next_turn() {
                    seen.push((turn.payload, turn.reason));
                    turns.end(turn.id);
                }
            }
            Prospect::Sleep(poll, deadline) => {
                poll.wait(&mut WaitContext::until(deadline));
                turns.wake_up();
            }
            Prospect::SleepForOthers(poll) => {
                poll.wait(&mut WaitContext::endless());
                turns.wake_up();
            }
            Prospect::Done | Prospect::Stuck => return seen,
        }
    }
}

/// Makes a wait without a limit for a descriptor, whose keeper is identified by its number.
pub(crate) fn spot(file: &impl AsRawFd, direction: Direction) -> Spot<Same> {
    spot_of(file, direction, 1)
}

/// Makes the same wait with another keeper.
pub(crate) fn spot_of(file: &impl AsRawFd, direction: Direction, keeper: u32) -> Spot<Same> {
    Spot {
        descriptor: file.as_raw_fd(),
        direction,
        keeper: Same(keeper),
        deadline: Deadline::NEVER,
    }
}
