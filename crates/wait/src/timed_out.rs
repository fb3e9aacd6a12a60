//! The error of an operation that has only one way to fail.

use std::error::Error;
use std::fmt;

/// The operation timed out, or an observer [refused](crate::Verdict::Refuse) the wait. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was over before the operation could be done")
    }
}

impl Error for TimedOut {}
