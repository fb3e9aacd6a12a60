//! What can go wrong, one type for each decision that a caller can take.

use std::error::Error;
use std::fmt;

/// A wait ended without what was waited for. Nothing was acquired, nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The deadline passed.
    TimedOut,
    /// The host of the thread ended the wait.
    Interrupted,
    /// What was waited for is handled elsewhere from now on; the caller goes on there.
    Retired,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitError::TimedOut => "the deadline passed before the wait was over",
            WaitError::Interrupted => "the wait was interrupted",
            WaitError::Retired => "what was waited for is handled elsewhere from now on",
        })
    }
}

impl Error for WaitError {}

/// A lock was released that is not held, or an [`RLock`](crate::RLock) by a thread that does not own it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHeld;

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is not held, so it cannot be released")
    }
}

impl Error for NotHeld {}

/// More was given back than had been taken: more permits released than a bounded semaphore has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more was released than had been acquired")
    }
}

impl Error for TooMany {}

/// Why nobody gets through a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The barrier is broken, or was broken or reset while this party waited.
    Broken,
    /// The host of the thread ended the wait. That broke the barrier if the party was in a round, not if it had still to
    /// wait for one.
    Interrupted,
    /// The barrier is handled elsewhere from now on; this party, which arrived with this index, goes on waiting there.
    Retired(usize),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::Broken => "the barrier is broken",
            Broken::Interrupted => "the wait at the barrier was interrupted",
            Broken::Retired(_) => "the barrier is handled elsewhere from now on",
        })
    }
}

impl Error for Broken {}
