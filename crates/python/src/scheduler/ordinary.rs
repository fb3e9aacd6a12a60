//! Exceptions that a report can do without, and others, such as KeyboardInterrupt, which must not be lost.

use pyo3::exceptions::{PyBaseException, PyException};
use pyo3::prelude::*;

use crate::errors;

/// Returns an object's `repr()` for a report, or a substitute if that fails.
///
/// # Errors
/// `repr()` has raised something that is not an `Exception`: a signal handler may have raised it.
pub(super) fn words_for(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let words = unless_worse(object.repr().map(|repr| repr.to_string()), object.py())?;
    Ok(words.unwrap_or_else(|| "<object>".to_owned()))
}

/// Returns a result, or nothing for an error that is an `Exception`.
pub(super) fn unless_worse<T>(done: PyResult<T>, py: Python<'_>) -> PyResult<Option<T>> {
    done.map(Some).or_else(|error| {
        let exception = errors::exception(py, error);
        match is_ordinary(&exception) {
            true => Ok(None),
            false => Err(errors::again(exception)),
        }
    })
}

/// Returns the one of two failures that is to be raised: the first, unless only the other one is not an `Exception`.
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

/// Returns whether an exception is an `Exception`. Others end the program, such as KeyboardInterrupt.
pub(super) fn is_ordinary(exception: &Bound<'_, PyBaseException>) -> bool {
    exception.is_instance_of::<PyException>()
}
