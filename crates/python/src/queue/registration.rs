//! Waiting for a native queue from an event loop.

use std::task::Waker;

use interlock_queue::{HostQueue, Side};
use interlock_wait::Waiter;
use interlock_wait::primitive::Arc;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::base::Queue;
use super::callbacks::Callback;

/// A place in a queue's line. Call cancel() if the callback was not called, or will not be acted on.
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
    /// Give up the place. If the callback was called, the next in line is notified instead. Never blocks.
    fn cancel(&self, py: Python<'_>) {
        // A materialized queue has called all callbacks, so the engine's line is empty.
        self.queue
            .bind(py)
            .get()
            .engine
            .get(py)
            .unregister(self.side, &self.waiter);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.queue)
    }
}

impl Registration {
    /// A place in line for `side` of a native queue. `None` if the operation is worth trying now.
    pub(super) fn new(queue: &Bound<'_, Queue>, side: Side, callable: Py<PyAny>) -> Option<Self> {
        let (py, this) = (queue.py(), queue.get());
        let callback = Arc::new(Callback::new(callable));
        this.callbacks.add(py, &callback);
        let waiter = Waiter::task(Waker::from(callback));
        this.engine.get(py).register(side, &waiter).then(|| Registration {
            queue: queue.clone().unbind(),
            side,
            waiter,
        })
    }
}
