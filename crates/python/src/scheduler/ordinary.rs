//! Exceptions that a program handles, and others, such as KeyboardInterrupt, which are not to be lost.

use pyo3::exceptions::{PyBaseException, PyException};
use pyo3::prelude::*;

use crate::errors;

/// An object in a report. An object that fails to describe itself does not keep a report from being made.
///
/// # Errors
/// What must not be lost: the handler of a signal may have raised it.
pub(super) fn words_for(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let words = unless_worse(object.repr().map(|repr| repr.to_string()), object.py())?;
    Ok(words.unwrap_or_else(|| "<object>".to_owned()))
}

/// A result, or nothing for an error that a report can do without.
pub(super) fn unless_worse<T>(done: PyResult<T>, py: Python<'_>) -> PyResult<Option<T>> {
    done.map(Some).or_else(|error| {
        let exception = errors::exception(py, error);
        match is_ordinary(&exception) {
            true => Ok(None),
            false => Err(errors::again(exception)),
        }
    })
}

/// Which of two failures to raise: the first, unless the other one must not be lost, such as KeyboardInterrupt.
pub(super) fn worse(py: Python<'_>, first: PyResult<()>, then: PyResult<()>) -> PyResult<()> {
    match (first, then) {
        (Err(first), Err(then)) => {
            let (first, then) = (errors::exception(py, first), errors::exception(py, then));
            let is_worse = is_ordinary(&first) && !is_ordinary(&then);
            Err(errors::again(if is_worse { then } else { first }))
        }
        (first, then) => first.and(then),
    }
}

/// Whether an exception is one of the kind that a program handles. Others end what runs, such as KeyboardInterrupt.
pub(super) fn is_ordinary(exception: &Bound<'_, PyBaseException>) -> bool {
    exception.is_instance_of::<PyException>()
}
