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
use super::simple::SimpleQueue;
use crate::materialize::native;

/// The queue of a place.
enum Lined {
    Queue(Py<Queue>),
    Simple(Py<SimpleQueue>),
}

/// The result for a task that wants to wait for a queue.
pub(crate) enum LinedUp {
    /// It need not wait: the operation is worth trying now.
    Ready,
    /// It has a place in line.
    Waits(Registration),
    /// The queue is materialized: its own Python code has the line.
    Materialized,
    /// The object is not one of our queues.
    NoQueue,
}

/// Lines up for `side` of a queue, without a Python callable: `waker` is woken when the operation is worth trying.
/// A task whose attempt came too late lines up `again`, at the head of the line.
pub(crate) fn line_up(queue: &Bound<'_, PyAny>, side: Side, waker: Waker, again: bool) -> PyResult<LinedUp> {
    let py = queue.py();
    let waiter = Waiter::task(waker);
    let (waits, lined) = if let Ok(queue) = queue.cast::<Queue>() {
        let registered = native(queue, |native| match (again, native.engine.get(py)) {
            (true, engine) => engine.register_first(side, &waiter),
            (false, engine) => engine.register(side, &waiter),
        })?;
        let Some(waits) = registered else {
            return Ok(LinedUp::Materialized);
        };
        (waits, Lined::Queue(queue.clone().unbind()))
    } else if let Ok(queue) = queue.cast::<SimpleQueue>() {
        let waits = side == Side::Get && queue.get().register(py, &waiter);
        (waits, Lined::Simple(queue.clone().unbind()))
    } else {
        return Ok(LinedUp::NoQueue);
    };
    Ok(match waits {
        true => LinedUp::Waits(Registration {
            queue: lined,
            side,
            waiter,
        }),
        false => LinedUp::Ready,
    })
}

/// A place in a queue's line. Call cancel() if the callback was not called, or will not be acted on.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Registration {
    queue: Lined,
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
        match &self.queue {
            Lined::Queue(queue) => {
                let engine = queue.bind(py).get().engine.get(py);
                engine.unregister(self.side, &self.waiter);
            }
            Lined::Simple(queue) => queue.bind(py).get().unregister(py, &self.waiter),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.queue {
            Lined::Queue(queue) => visit.call(queue),
            Lined::Simple(queue) => visit.call(queue),
        }
    }
}

impl Registration {
    /// Creates a place in line for `side` of a native queue. `None` if the operation is worth trying now.
    pub(super) fn new(queue: &Bound<'_, Queue>, side: Side, callable: Py<PyAny>) -> Option<Self> {
        let (py, this) = (queue.py(), queue.get());
        let callback = Arc::new(Callback::new(callable));
        this.callbacks.add(py, &callback);
        let waiter = Waiter::task(Waker::from(callback));
        this.engine.get(py).register(side, &waiter).then(|| Registration {
            queue: Lined::Queue(queue.clone().unbind()),
            side,
            waiter,
        })
    }
}
