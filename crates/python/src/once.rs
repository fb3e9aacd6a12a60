//! What is made once, and is never half made in a forked child.

use std::sync::OnceLock;

use pyo3::prelude::*;

/// A value that is made at its first use.
///
/// PyO3's `PyOnceLock` detaches from the interpreter when it begins an initialization, and attaches again inside. If another
/// thread forks meanwhile, the child finds an initialization that nobody ends, and waits for it for ever. Here the value is
/// made first. To keep it is one step of an attached thread, and during that no other thread forks.
/// If two threads make the value at once, that of the second one is dropped.
pub(crate) struct Once<T>(OnceLock<T>);

impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        Once(OnceLock::new())
    }

    /// Returns the value, if it was made.
    #[inline]
    pub(crate) fn get(&self, _py: Python<'_>) -> Option<&T> {
        self.0.get()
    }

    /// Keeps a value, if there is none yet, and returns the one that is kept.
    pub(crate) fn keep(&self, _py: Python<'_>, value: T) -> &T {
        self.0.get_or_init(|| value)
    }

    /// Returns the value, which is made if there is none.
    ///
    /// # Errors
    /// It can't be made.
    pub(crate) fn get_or_make(&self, py: Python<'_>, make: impl FnOnce() -> PyResult<T>) -> PyResult<&T> {
        match self.0.get() {
            Some(value) => Ok(value),
            None => make().map(|value| self.keep(py, value)),
        }
    }
}
