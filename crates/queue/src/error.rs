//! Errors of a queue, one variant for each decision that a caller can make.

use std::error::Error;
use std::fmt;

/// The item was not put. The error returns it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PutError<T> {
    /// The queue was full, and still was at the deadline.
    Full(T),
    /// The queue was shut down, and takes no more items.
    ShutDown(T),
    /// The host of the thread ended the wait.
    Interrupted(T),
    /// The queue was retired: its host holds the items now.
    Retired(T),
}

impl<T> PutError<T> {
    /// Returns the item that was not put.
    pub fn into_inner(self) -> T {
        match self {
            PutError::Full(item)
            | PutError::ShutDown(item)
            | PutError::Interrupted(item)
            | PutError::Retired(item) => item,
        }
    }

    fn text(&self) -> &'static str {
        match self {
            PutError::Full(_) => "the queue is full",
            PutError::ShutDown(_) => "the queue is shut down",
            PutError::Interrupted(_) => "the wait for room in the queue was interrupted",
            PutError::Retired(_) => "the queue is retired",
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PutError({})", self.text())
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl<T> Error for PutError<T> {}

/// The caller got no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetError {
    /// The queue was empty, and still was at the deadline.
    Empty,
    /// The queue was shut down, and is empty.
    ShutDown,
    /// The host of the thread ended the wait.
    Interrupted,
    /// The queue was retired: its host holds the items now.
    Retired,
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GetError::Empty => "the queue is empty",
            GetError::ShutDown => "the queue is shut down",
            GetError::Interrupted => "the wait for an item was interrupted",
            GetError::Retired => "the queue is retired",
        })
    }
}

impl Error for GetError {}

/// A wait for all tasks ended before the tasks were done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The deadline passed.
    TimedOut,
    /// The host of the thread ended the wait.
    Interrupted,
    /// The queue was retired: its host counts the tasks now.
    Retired,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JoinError::TimedOut => "the deadline passed before all tasks were done",
            JoinError::Interrupted => "the wait for the end of all tasks was interrupted",
            JoinError::Retired => "the queue is retired",
        })
    }
}

impl Error for JoinError {}

/// `task_done` was called more times than items had been put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyDone;

impl fmt::Display for TooManyDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more tasks were done than had been put")
    }
}

impl Error for TooManyDone {}
