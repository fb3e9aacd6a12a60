//! The end of the interpreter, as waits see it.

use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::once::Once;

/// The function that tells whether the interpreter is finalizing, and the exception to raise then. Looked up early,
/// because imports fail during finalization.
struct Finalization {
    is_finalizing: Py<PyAny>,
    error: Py<PyType>,
}

static FINALIZATION: Once<Finalization> = Once::new();

/// Looks up what [`no_thread_left`] needs. Up to 3.14 that is nothing: such a wait lasts for ever, as in CPython.
pub(super) fn prepare(py: Python<'_>) -> PyResult<()> {
    if cfg!(Py_3_15) {
        let is_finalizing = py.import("sys")?.getattr("is_finalizing")?.unbind();
        let error = py.import("builtins")?.getattr("PythonFinalizationError")?;
        let error = error.cast_into::<PyType>()?.unbind();
        FINALIZATION.keep(py, Finalization { is_finalizing, error });
    }
    Ok(())
}

/// Returns the exception that a wait raises, from 3.15 on, if no other thread can end it: the interpreter is
/// finalizing and lets only this thread run.
pub(crate) fn no_thread_left(py: Python<'_>) -> Option<PyErr> {
    let finalization = FINALIZATION.get(py)?;
    let ends = finalization
        .is_finalizing
        .call0(py)
        .and_then(|ends| ends.is_truthy(py));
    let words = "cannot acquire lock at interpreter finalization";
    ends.is_ok_and(|ends| ends)
        .then(|| PyErr::from_type(finalization.error.bind(py).clone(), words))
}
