//! Waiting for a queue from an event loop.

use std::task::{Wake, Waker};

use interlock_queue::{Hooked, Side};
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, Waiter};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::base::Queue;
use crate::errors::Failure;

/// A Python callable as the waker of a task.
struct Callback(Py<PyAny>);

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Without an interpreter any more, there is nobody to tell.
        Python::try_attach(|py| {
            if let Err(error) = self.0.call0(py) {
                error.write_unraisable(py, Some(self.0.bind(py)));
            }
        });
    }
}

/// A place in a queue's line, to be given up with cancel() if the callback was not called, or is not acted on.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Registration {
    queue: Py<Queue>,
    side: Side,
    waiter: Arc<Waiter>,
}

pub(super) fn parse_side(side: &str) -> PyResult<Side> {
    match side {
        "get" => Ok(Side::Get),
        "put" => Ok(Side::Put),
        "join" => Ok(Side::Join),
        other => Err(PyValueError::new_err(format!(
            "a queue has no side {other:?}: say get, put or join"
        ))),
    }
}

#[pymethods]
impl Registration {
    /// Give the place up; if the callback was called, whoever waits next is told instead. Never blocks.
    fn cancel(&self, py: Python<'_>) {
        let queue = self.queue.bind(py);
        match queue.get().opened(queue) {
            Some(opened) => opened.unregister(self.side, &self.waiter),
            None => queue.get().engine.unregister(self.side, &self.waiter),
        }
    }
}

impl Registration {
    /// A place in line for `side`; `None` when the operation is worth trying now.
    pub(super) fn new(queue: &Bound<'_, Queue>, side: Side, callback: Py<PyAny>) -> PyResult<Option<Self>> {
        let waiter = Waiter::task(Waker::from(Arc::new(Callback(callback))));
        let waits = match queue.get().opened(queue) {
            None => queue.get().engine.register(side, &waiter),
            Some(opened) => opened.run(Deadline::NEVER, Failure::Empty, |patience| {
                opened.register(side, &waiter, patience)
            })?,
        };
        Ok(waits.then(|| Registration {
            queue: queue.clone().unbind(),
            side,
            waiter,
        }))
    }
}
