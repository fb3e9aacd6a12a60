//! Waiting for a closed queue from an event loop.

use std::task::{Wake, Waker};

use interlock_queue::Side;
use interlock_wait::primitive::Arc;
use interlock_wait::{StateLock, Waiter};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::base::Queue;

/// A Python callable as the waker of a task. It belongs to the queue, whose garbage collection visits it.
struct Callback(StateLock<Option<Py<PyAny>>>);

impl Callback {
    /// Lets go of the callable.
    fn forget(&self) {
        let callable = self.0.lock().take();
        drop(callable);
    }
}

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Without an interpreter any more, there is nobody to tell.
        Python::try_attach(|py| {
            let callable = self.0.lock().take();
            let Some(callable) = callable else {
                return;
            };
            if let Err(error) = callable.call0(py) {
                error.write_unraisable(py, Some(callable.bind(py)));
            }
        });
    }
}

/// The callables of the tasks that wait for a queue.
#[derive(Default)]
pub(super) struct Callbacks(StateLock<Vec<std::sync::Weak<Callback>>>);

impl Callbacks {
    fn add(&self, callback: &Arc<Callback>) {
        let mut all = self.0.lock();
        all.retain(|callback| callback.strong_count() > 0);
        all.push(Arc::downgrade(callback));
    }

    /// For the garbage collector.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Not visited if another thread is at work on it: that keeps the callables alive, which is always safe.
        let Some(all) = self.0.try_lock() else {
            return Ok(());
        };
        for callback in all.iter().filter_map(std::sync::Weak::upgrade) {
            if let Some(callable) = callback.0.try_lock() {
                visit.call(&*callable)?;
            }
        }
        Ok(())
    }

    /// Lets go of the callables: the queue is garbage.
    pub(super) fn forget(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        for callback in all.iter().filter_map(std::sync::Weak::upgrade) {
            callback.forget();
        }
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
        // An open queue has called all callbacks: nobody is left in the engine's line.
        self.queue.bind(py).get().engine.unregister(self.side, &self.waiter);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.queue)
    }
}

impl Registration {
    /// A place in line for `side` of a closed queue; `None` when the operation is worth trying now.
    pub(super) fn new(queue: &Bound<'_, Queue>, side: Side, callable: Py<PyAny>) -> Option<Self> {
        let this = queue.get();
        let callback = Arc::new(Callback(StateLock::new(Some(callable))));
        this.callbacks.add(&callback);
        let waiter = Waiter::task(Waker::from(callback));
        this.engine.register(side, &waiter).then(|| Registration {
            queue: queue.clone().unbind(),
            side,
            waiter,
        })
    }
}
