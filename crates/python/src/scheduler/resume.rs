//! One step of a generator or a coroutine.

#![expect(unsafe_code, reason = "no exception object for each end of a step")]

use std::ptr::null_mut;

use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::errors;
use crate::raw::intern;

/// How a step ended.
pub(super) enum Step<'py> {
    /// It wants the others to go first.
    YieldedNone,
    /// It has yielded something else.
    Yielded(Bound<'py, PyAny>),
    /// It has returned.
    Returned(Bound<'py, PyAny>),
    /// It has raised.
    Raised(Bound<'py, PyBaseException>),
}

/// Resumes a generator or a coroutine with a value.
#[inline]
pub(super) fn send<'py>(
    py: Python<'py>,
    coroutine: &Py<PyAny>,
    value: Option<Bound<'py, PyAny>>,
) -> Step<'py> {
    let mut result = null_mut();
    // SAFETY: the thread is attached.
    let none = unsafe { ffi::Py_None() };
    let sent = value.as_ref().map_or(none, Bound::as_ptr);
    // SAFETY: coroutine and value are alive during the call, and the thread is attached.
    let ended = unsafe { ffi::PyIter_Send(coroutine.as_ptr(), sent, &raw mut result) };
    if ended == ffi::PySendResult::PYGEN_ERROR {
        return Step::Raised(errors::exception(py, PyErr::fetch(py)));
    }
    // SAFETY: the call returned a new reference.
    let result = unsafe { Bound::from_owned_ptr(py, result) };
    match ended {
        ffi::PySendResult::PYGEN_RETURN => Step::Returned(result),
        _ if result.is_none() => Step::YieldedNone,
        _ => Step::Yielded(result),
    }
}

/// Resumes it with an exception.
pub(super) fn throw<'py>(
    py: Python<'py>,
    coroutine: &Py<PyAny>,
    exception: Bound<'py, PyBaseException>,
) -> Step<'py> {
    match coroutine
        .bind(py)
        .call_method1(intern!(py, "throw"), (exception,))
    {
        Ok(yielded) if yielded.is_none() => Step::YieldedNone,
        Ok(yielded) => Step::Yielded(yielded),
        Err(error) => {
            let raised = errors::exception(py, error);
            if !raised.is_instance_of::<PyStopIteration>() {
                return Step::Raised(raised);
            }
            // A generator that raises this itself raises RuntimeError, so it has returned.
            match raised.getattr(intern!(py, "value")) {
                Ok(value) => Step::Returned(value),
                Err(error) => Step::Raised(errors::exception(py, error)),
            }
        }
    }
}
