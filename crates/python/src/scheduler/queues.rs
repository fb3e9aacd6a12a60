//! Queues, for tasks.

use std::task::{Wake, Waker};

use interlock_queue::Side;
use interlock_sched::{Call, Mailbox};
use interlock_wait::primitive::Arc;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::caller::Caller;
use super::operation::Kind;
use super::shared::Shared;
use crate::errors;
use crate::imported::Imported;
use crate::queue::{self, LinedUp};
use crate::raw::intern;

static FULL: Imported<pyo3::types::PyType> = Imported::new("queue", "Full");
static SHUT_DOWN: Imported<pyo3::types::PyType> = Imported::new("interlock._queue_errors", "ShutDown");

/// The result of an attempt of an operation on a queue.
pub(super) enum Tried<'py> {
    Done(Bound<'py, PyAny>),
    /// It would have to wait.
    NotYet,
}

/// Wakes a task that waits in a queue's line.
struct Notifies {
    mailbox: Arc<Mailbox>,
    call: Call,
}

impl Wake for Notifies {
    fn wake(self: Arc<Self>) {
        self.mailbox.call(self.call);
    }
}

/// Lines up for an operation, at the head of the line if the task was called and came too late. Returns `None` if
/// an attempt is worth it now.
///
/// # Errors
/// The object is not a queue at which tasks can wait.
pub(super) fn line_up(
    py: Python<'_>,
    shared: &Arc<Shared>,
    kind: &Kind,
    (call, again): (Call, bool),
) -> PyResult<Option<Py<PyAny>>> {
    let (queue, side, name) = match kind {
        Kind::Get(queue) => (queue, Side::Get, intern!(py, "get")),
        Kind::Put(queue, _) => (queue, Side::Put, intern!(py, "put")),
        _ => return Ok(None),
    };
    let queue = queue.bind(py);
    let mailbox = shared.mailbox.clone();
    let waker = Waker::from(Arc::new(Notifies { mailbox, call }));
    match queue::line_up(queue, side, waker, again)? {
        LinedUp::Ready => Ok(None),
        LinedUp::Waits(registration) => Ok(Some(Py::new(py, registration)?.into_any())),
        LinedUp::Materialized => {
            let caller = Caller::new(&shared.mailbox, call);
            let place = queue.call_method1(intern!(py, "_interlock_when_ready"), (name, caller))?;
            Ok((!place.is_none()).then(|| place.unbind()))
        }
        LinedUp::NoQueue => Err(PyTypeError::new_err(format!(
            "get() and put() take a queue of interlock.queue, not {}: for others say call(queue.get)",
            queue.repr()?
        ))),
    }
}

/// Attempts an operation.
pub(super) fn attempt<'py>(py: Python<'py>, kind: &Kind) -> PyResult<Tried<'py>> {
    let done = match kind {
        Kind::Get(queue) => queue.bind(py).call_method0(intern!(py, "get_nowait")),
        Kind::Put(queue, item) => queue.bind(py).call_method1(intern!(py, "put_nowait"), (item,)),
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
