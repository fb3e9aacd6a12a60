//! Where the task of a future waits.

use pyo3::prelude::*;

/// Where tasks wait, and others wait for room.
pub(super) trait Place: Send + Sync {
    /// Takes back the task of a future, if it still waits; whether it did.
    fn take_back(&self, future: &Bound<'_, PyAny>) -> bool;
}
