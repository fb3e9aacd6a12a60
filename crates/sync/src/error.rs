//! Errors, one type for each decision that a caller can make.

use std::error::Error;
use std::fmt;

/// A wait ended without success. Nothing was acquired and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The deadline passed.
    TimedOut,
    /// The host of the thread ended the wait.
    Interrupted,
    /// The object was retired: its state is elsewhere from now on, and the caller has to continue there.
    Retired,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitError::TimedOut => "the deadline passed before the wait was over",
            WaitError::Interrupted => "the wait was interrupted",
            WaitError::Retired => "the object was retired; its state is elsewhere from now on",
        })
    }
}

impl Error for WaitError {}

/// The lock is not held, or the calling thread does not own the [`RLock`](crate::RLock), so it cannot be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHeld;

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is not held, so it cannot be released")
    }
}

impl Error for NotHeld {}

/// A release would give a semaphore more permits than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more was released than had been acquired")
    }
}

impl Error for TooMany {}

/// Why a party did not pass a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The barrier is broken, or was broken or reset while this party waited.
    Broken,
    /// The host of the thread ended the wait. That broke the barrier if the party was in a round, but not if it was
    /// still waiting for one.
    Interrupted,
    /// The barrier was retired: its state is elsewhere from now on. This party, which arrived with this index, has to
    /// go on waiting there.
    Retired(usize),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::Broken => "the barrier is broken",
            Broken::Interrupted => "the wait at the barrier was interrupted",
            Broken::Retired(_) => "the barrier was retired; its state is elsewhere from now on",
        })
    }
}

impl Error for Broken {}
