//! The place where the task of a future waits.

use pyo3::prelude::*;

/// A place where tasks wait, and submitters wait for room.
pub(super) trait Place: Send + Sync {
    /// Takes back the task of a future if it still waits, and returns whether it did.
    fn take_back(&self, future: &Bound<'_, PyAny>) -> bool;
}
