//! Values that are created once, and are never half initialized in a forked child.

use std::sync::OnceLock;

use pyo3::prelude::*;

/// A value that is created at its first use.
///
/// PyO3's `PyOnceLock` detaches from the interpreter when it begins an initialization, and attaches again inside.
/// If another thread forks meanwhile, the child finds an unfinished initialization, and waits for it for ever. Here
/// the value is created first. Storing it is one step of an attached thread, during which no other thread forks. If
/// two threads create the value at once, the second one is dropped.
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

    /// Stores `value`, unless there is a value already. Returns the stored one.
    pub(crate) fn keep(&self, _py: Python<'_>, value: T) -> &T {
        self.0.get_or_init(|| value)
    }

    /// Returns the value. Creates it if there is none.
    ///
    /// # Errors
    /// The value can't be created.
    pub(crate) fn get_or_make(&self, py: Python<'_>, make: impl FnOnce() -> PyResult<T>) -> PyResult<&T> {
        match self.0.get() {
            Some(value) => Ok(value),
            None => make().map(|value| self.keep(py, value)),
        }
    }
}
