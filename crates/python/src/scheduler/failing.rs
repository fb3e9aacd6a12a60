//! The errors of tasks.

use pyo3::exceptions::{PyBaseException, PyOSError, PyTimeoutError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::body::{Body, Wait};
use super::ordinary::{unless_worse, words_for};
use super::task::Task;
use crate::errors::{self, Failure};
use crate::imported::Imported;
use crate::raw::intern;

static CANCELLED: Imported<PyType> = Imported::new("interlock._scheduler_errors", "TaskCancelled");
static DEADLOCK: Imported<PyType> = Imported::new("interlock._deadlock", "DeadlockError");

/// Returns the exception of a task that is cancelled.
pub(super) fn cancelled(py: Python<'_>) -> PyErr {
    (CANCELLED.get(py)).map_or_else(|error| error, |class| PyErr::from_type(class.clone(), ()))
}

/// Returns whether an exception means that a task is cancelled.
pub(super) fn is_cancelled(exception: &Bound<'_, PyBaseException>) -> bool {
    let class = CANCELLED.get(exception.py());
    class.is_ok_and(|class| exception.is_instance(class).unwrap_or(false))
}

/// Returns the exception for tasks that wait for ever.
pub(super) fn deadlock(py: Python<'_>, message: String) -> PyErr {
    (DEADLOCK.get(py)).map_or_else(|error| error, |class| PyErr::from_type(class.clone(), message))
}

/// Returns the exception of an operation that was not done in time.
pub(super) fn timed_out(py: Python<'_>, wait: &Wait) -> PyErr {
    match words_for(wait.operation.bind(py)) {
        Ok(operation) => PyTimeoutError::new_err(format!("not done in time: {operation}")),
        Err(error) => error,
    }
}

/// Returns the exception of a task whose descriptor was closed while it waited.
pub(super) fn closed(py: Python<'_>, body: &Body) -> PyErr {
    let what = body.wait().map(|wait| wait.operation.bind(py).get().describe(py));
    let what = match what.transpose() {
        Ok(what) => what.unwrap_or_default(),
        Err(error) => return error,
    };
    let name = body.task.bind(py).get().name();
    let message = format!("the descriptor was closed while task '{name}' waited for it: {what}");
    PyOSError::new_err((BAD_DESCRIPTOR, message))
}

/// The number of this error is the same on all systems.
const BAD_DESCRIPTOR: i32 = 9;

/// Returns the exception of an operation on a descriptor that is closed, or never was open.
pub(super) fn not_open(object: &Bound<'_, PyAny>) -> PyErr {
    match words_for(object) {
        Ok(words) => PyOSError::new_err((BAD_DESCRIPTOR, format!("the descriptor is closed: {words}"))),
        Err(error) => error,
    }
}

/// Returns the exception of a task that has yielded an unknown object.
pub(super) fn nonsense(py: Python<'_>, body: &Body, yielded: &Bound<'_, PyAny>) -> PyErr {
    let repr = match words_for(yielded) {
        Ok(words) => words,
        Err(error) => return error,
    };
    let name = body.task.bind(py).get().name();
    let is_generator = match unless_worse(yielded.hasattr(intern!(py, "throw")), py) {
        Ok(has) => has.unwrap_or(false),
        Err(error) => return error,
    };
    let hint = if is_generator {
        ". For a sub-generator say `yield from`"
    } else {
        ""
    };
    PyTypeError::new_err(format!(
        "task '{name}' yielded {repr}: a task yields nothing, an operation of interlock.scheduler such as sleep(1), or \
         ('recv', sock) or ('send', sock){hint}"
    ))
}

/// The exception of a task that joins one which an exception has ended that is no `Exception`.
pub(super) fn ended_by(task: &Task, exception: &Bound<'_, PyBaseException>) -> PyErr {
    let py = exception.py();
    let told = exception.get_type().name().and_then(|name| {
        let raised = errors::exception(py, Failure::Cancelled.raise(py));
        let words = format!("task '{}' was ended by {name}", task.name());
        raised.setattr(intern!(py, "args"), (words,))?;
        raised.setattr(intern!(py, "__cause__"), exception)?;
        Ok(raised)
    });
    told.map_or_else(|error| error, errors::again)
}

/// Notes in an exception which task has raised it.
///
/// # Errors
/// What must not be lost.
pub(super) fn note(body: &Body, exception: &Bound<'_, PyBaseException>) -> PyResult<()> {
    let py = exception.py();
    let name = body.task.bind(py).get().name();
    let text = format!("raised in task '{name}'");
    // An exception that takes no notes is still the exception.
    unless_worse(exception.call_method1(intern!(py, "add_note"), (text,)), py).map(drop)
}
