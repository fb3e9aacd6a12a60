//! The callbacks of tasks that wait for a native queue, which the garbage collector has to see.

use std::task::Wake;

use interlock_wait::primitive::Arc;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::engine::StateLock;
use crate::raw::Attached;

/// A Python callable as the waker of a task. It belongs to the queue, whose `__traverse__` visits it.
pub(super) struct Callback(Attached<StateLock<Option<Py<PyAny>>>>);

impl Callback {
    pub(super) fn new(callable: Py<PyAny>) -> Self {
        Callback(Attached::new(StateLock::new(Some(callable))))
    }

    /// Releases the callable.
    fn forget(&self, py: Python<'_>) {
        let callable = self.0.get(py).lock().take();
        drop(callable);
    }
}

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Once the interpreter is gone, there is no task to wake.
        Python::try_attach(|py| {
            let callable = self.0.get(py).lock().take();
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
pub(super) struct Callbacks(Attached<StateLock<Vec<std::sync::Weak<Callback>>>>);

impl Callbacks {
    pub(super) fn add(&self, py: Python<'_>, callback: &Arc<Callback>) {
        let mut all = self.0.get(py).lock();
        all.retain(|callback| callback.strong_count() > 0);
        all.push(Arc::downgrade(callback));
    }

    /// Visits the callables for the garbage collector.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // If another thread is using them, they are not visited. That keeps them alive, which is always safe.
        let Some(all) = self.0.get_in_traverse(visit).try_lock() else {
            return Ok(());
        };
        for callback in all.iter().filter_map(std::sync::Weak::upgrade) {
            if let Some(callable) = callback.0.get_in_traverse(visit).try_lock() {
                visit.call(&*callable)?;
            }
        }
        Ok(())
    }

    /// Releases the callables, because the queue is garbage.
    pub(super) fn forget(&self, py: Python<'_>) {
        let all = std::mem::take(&mut *self.0.get(py).lock());
        for callback in all.iter().filter_map(std::sync::Weak::upgrade) {
            callback.forget(py);
        }
    }
}
