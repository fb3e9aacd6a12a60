//! What a task comes to.

use interlock_pool::Outcome;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;

use crate::errors;

/// The value of a finished future.
pub(crate) enum Answer {
    /// What the task returned.
    Result(Py<PyAny>),
    /// What it raised.
    Exception(Py<PyAny>),
}

impl Answer {
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Answer::Result(object) => Answer::Result(object.clone_ref(py)),
            Answer::Exception(object) => Answer::Exception(object.clone_ref(py)),
        }
    }

    /// The answer as a call gives it.
    pub(crate) fn of(py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> Self {
        match result {
            Ok(object) => Answer::Result(object.unbind()),
            Err(error) => Answer::Exception(errors::exception(py, error).into_any().unbind()),
        }
    }

    /// As `Future.result()` gives it: the object, or the exception raised.
    pub(crate) fn unwrap(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Answer::Result(object) => Ok(object),
            Answer::Exception(object) => Err(raised(object.into_bound(py))),
        }
    }

    /// The object, whichever it is.
    pub(super) fn into_object(self) -> Py<PyAny> {
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

/// The error that `raise object` gives: with what is being handled at the moment as its context.
fn raised(object: Bound<'_, PyAny>) -> PyErr {
    if object.is_instance_of::<PyBaseException>() {
        PyErr::from_type(object.get_type(), object.unbind())
    } else {
        PyErr::from_value(object)
    }
}

/// The engine's side of a future, whose callbacks are Python's.
pub(crate) type Engine = Outcome<Answer, Py<PyAny>>;
