//! The answer of a task: its result or its exception.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;

use crate::engine::Outcome;
use crate::errors;

/// The value of a finished future.
pub(crate) enum Answer {
    /// The task's return value.
    Result(Py<PyAny>),
    /// The exception that the task raised.
    Exception(Py<PyAny>),
}

impl Answer {
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Answer::Result(object) => Answer::Result(object.clone_ref(py)),
            Answer::Exception(object) => Answer::Exception(object.clone_ref(py)),
        }
    }

    /// Returns the result, unless the task raised an exception.
    pub(super) fn result(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match self {
            Answer::Result(object) => Some(object.clone_ref(py)),
            Answer::Exception(_) => None,
        }
    }

    /// Returns the answer from the result of a call.
    pub(crate) fn of(py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> Self {
        match result {
            Ok(object) => Answer::Result(object.unbind()),
            Err(error) => Answer::Exception(errors::exception(py, error).into_any().unbind()),
        }
    }

    /// Returns the result, or the exception as an error, as `Future.result()` needs it.
    pub(crate) fn unwrap(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Answer::Result(object) => Ok(object),
            Answer::Exception(object) => Err(raised(object.into_bound(py))),
        }
    }

    /// Returns the result or the exception, as an object.
    pub(crate) fn into_object(self) -> Py<PyAny> {
        match self {
            Answer::Result(object) | Answer::Exception(object) => object,
        }
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        match self {
            Answer::Result(object) | Answer::Exception(object) => object,
        }
    }
}

/// Returns the error of `raise object`, whose context is the exception that is being handled at the moment.
fn raised(object: Bound<'_, PyAny>) -> PyErr {
    if object.is_instance_of::<PyBaseException>() {
        PyErr::from_type(object.get_type(), object.unbind())
    } else {
        PyErr::from_value(object)
    }
}

/// The engine's side of a future, whose callbacks are Python's.
pub(crate) type Engine = Outcome<Answer, Py<PyAny>>;
