//! The tasks that wait for a worker.

use pyo3::prelude::*;

/// Tasks that wait for a worker, and submitters that wait for room.
pub(super) trait Backlog: Send + Sync {
    /// Takes back the task of a future if it still waits, and returns whether it did.
    fn take_back(&self, future: &Bound<'_, PyAny>) -> bool;
}
