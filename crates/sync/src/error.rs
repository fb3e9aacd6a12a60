//! Errors, one type for each decision that a caller can make.

use std::error::Error;
use std::fmt;

/// A wait of a thread with a host ended without success. Nothing was acquired and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline passed.
    TimedOut,
    /// The host of the thread ended the wait.
    Interrupted,
    /// The object was retired: its host holds the state from now on, and the caller has to continue there.
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

/// Why a thread did not pass a [`Barrier`](crate::Barrier).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BarrierError {
    /// This thread timed out, which broke the barrier.
    TimedOut,
    /// The barrier is broken, or was broken or reset while this thread waited.
    Broken,
}

impl BarrierError {
    /// Returns whether this thread timed out.
    pub fn is_timed_out(self) -> bool {
        self == BarrierError::TimedOut
    }

    /// Returns whether another thread broke or reset the barrier.
    pub fn is_broken(self) -> bool {
        self == BarrierError::Broken
    }
}

impl fmt::Display for BarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BarrierError::TimedOut => {
                "the time was over before all parties had arrived, so the barrier is broken"
            }
            BarrierError::Broken => "the barrier is broken: another thread gave up, aborted or reset it",
        })
    }
}

impl Error for BarrierError {}

/// Why a party did not pass a barrier, for hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// The barrier is broken, or was broken or reset while this party waited.
    Broken,
    /// The deadline of this party passed, which broke the barrier.
    TimedOut,
    /// The host of the thread ended the wait. That broke the barrier if the party was in a round, but not if it was
    /// still waiting for one.
    Interrupted,
    /// The barrier was retired: its host holds the state from now on. This party, which arrived with this index,
    /// has to go on waiting there.
    Retired(usize),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::Broken => "the barrier is broken",
            Broken::TimedOut => "the deadline passed before all parties had arrived",
            Broken::Interrupted => "the wait at the barrier was interrupted",
            Broken::Retired(_) => "the barrier was retired; its state is elsewhere from now on",
        })
    }
}

impl Error for Broken {}
