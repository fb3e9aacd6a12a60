//! Queues, as tasks use them.

use interlock_sched::Call;
use interlock_wait::primitive::Arc;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::caller::Caller;
use super::operation::Kind;
use super::shared::Shared;
use crate::errors;
use crate::imported::Imported;
use crate::queue::{Queue, SimpleQueue};
use crate::raw::intern;

/// Whether an exception says that a queue has no room.
static FULL: Imported<pyo3::types::PyType> = Imported::new("queue", "Full");
static SHUT_DOWN: Imported<pyo3::types::PyType> = Imported::new("interlock._queue_errors", "ShutDown");

/// What a try of an operation on a queue gives.
pub(super) enum Tried<'py> {
    Done(Bound<'py, PyAny>),
    /// It would have to wait.
    NotYet,
}

/// The queue of an operation.
///
/// # Errors
/// It is no queue with which tasks can wait.
pub(super) fn check(queue: &Bound<'_, PyAny>) -> PyResult<()> {
    if queue.cast::<Queue>().is_ok() || queue.cast::<SimpleQueue>().is_ok() {
        return Ok(());
    }
    let repr = queue.repr()?;
    Err(PyTypeError::new_err(format!(
        "get() and put() take a queue of interlock.queue, not {repr}: for others say call(queue.get)"
    )))
}

/// Lines up for an operation. `None` if it is worth trying now.
pub(super) fn line_up<'py>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    kind: &Kind,
    call: Call,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (queue, side) = match kind {
        Kind::Get(queue) => (queue, intern!(py, "get")),
        Kind::Put(queue, _) => (queue, intern!(py, "put")),
        _ => return Ok(None),
    };
    let queue = queue.bind(py);
    check(queue)?;
    let caller = Caller::new(&shared.mailbox, call);
    let registration = queue.call_method1(intern!(py, "_interlock_when_ready"), (side, caller))?;
    Ok((!registration.is_none()).then_some(registration))
}

/// Tries an operation. `handle` is the place in line, if the task has stood in one and was called.
pub(super) fn attempt<'py>(py: Python<'py>, kind: &Kind, handle: Option<&Py<PyAny>>) -> PyResult<Tried<'py>> {
    let done = match (kind, handle) {
        (Kind::Get(queue), Some(place)) if queue.bind(py).cast::<SimpleQueue>().is_ok() => {
            place.bind(py).call_method0(intern!(py, "take"))
        }
        (Kind::Get(queue), _) => queue.bind(py).call_method0(intern!(py, "get_nowait")),
        (Kind::Put(queue, item), _) => queue.bind(py).call_method1(intern!(py, "put_nowait"), (item,)),
        _ => return Ok(Tried::NotYet),
    };
    match done {
        Ok(value) => Ok(Tried::Done(value)),
        Err(error) => {
            let exception = errors::exception(py, error);
            let waits = match kind {
                Kind::Get(_) => errors::is_no_item(&exception),
                _ => exception.is_instance(FULL.get(py)?)?,
            };
            if waits && !exception.is_instance(SHUT_DOWN.get(py)?)? {
                Ok(Tried::NotYet)
            } else {
                Err(errors::again(exception))
            }
        }
    }
}
