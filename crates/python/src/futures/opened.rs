//! Futures that Python code looks into.
//!
//! The standard `wait()` and `as_completed()`, and programs, use a future's `_condition` and `_waiters`. From the first look
//! at one of them, the future is open: its methods are the standard library's own, which work on these attributes, and
//! the engine is told of what they do when they set `_state`.

use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyType};

/// `concurrent.futures.Future`, as it was before anything was replaced.
static STANDARD: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Tells the module which class is the standard library's. To be called once, before a future is made.
#[pyfunction]
pub(crate) fn remember_standard_future(class: &Bound<'_, PyType>) {
    let _ = STANDARD.set(class.py(), class.clone().unbind());
}

/// The standard library's method, called for this future.
#[cold]
pub(super) fn standard<'py>(
    future: &Bound<'py, PyAny>,
    name: &str,
    argument: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = future.py();
    let class = STANDARD
        .get(py)
        .ok_or_else(|| PyRuntimeError::new_err("interlock.concurrent.futures is not imported"))?;
    let method = class.bind(py).getattr(name)?;
    match argument {
        Some(argument) => method.call1((future, argument)),
        None => method.call1((future,)),
    }
}

/// What is made when a future is opened.
pub(super) struct Opened {
    pub(super) condition: Py<PyAny>,
    pub(super) waiters: Py<PyList>,
    pub(super) callbacks: Py<PyList>,
}

impl Opened {
    /// A condition of ours, and two empty lists.
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        Ok(Opened {
            condition: py.get_type::<crate::condition::Condition>().call0()?.unbind(),
            waiters: PyList::empty(py).unbind(),
            callbacks: PyList::empty(py).unbind(),
        })
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.condition)?;
        visit.call(&self.waiters)?;
        visit.call(&self.callbacks)
    }
}
