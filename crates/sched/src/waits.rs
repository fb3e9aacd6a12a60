//! The things that tasks wait for.

use std::io;

use interlock_os::poll::Direction;
use interlock_wait::Deadline;

/// Whether a call from outside is sure to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// Another thread works on it.
    Sure,
    /// Another task, or another thread if there is one, may or may not leave it.
    Vague,
}

/// A descriptor to wait for.
#[derive(Debug)]
pub struct Spot<K> {
    /// Its number.
    pub descriptor: i32,
    /// The direction that is waited for.
    pub direction: Direction,
    /// The program's object that holds the descriptor.
    pub keeper: K,
    /// When the wait ends at the latest.
    pub deadline: Deadline,
}

/// A wait that could not begin. The task still runs.
#[derive(Debug)]
pub struct Refused<P> {
    /// The task's payload.
    pub payload: P,
    /// Why.
    pub error: io::Error,
}
