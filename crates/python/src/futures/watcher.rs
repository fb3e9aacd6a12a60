//! The entry in a materialized future's `_waiters` for a thread that waits for many futures in the engine.

use interlock_pool::Watch;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

/// Notifies a watch when the standard library's functions notify a waiter of a future's end.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Watcher {
    watch: Arc<Watch>,
    number: usize,
}

#[pymethods]
impl Watcher {
    fn add_result(&self, _future: &Bound<'_, PyAny>) {
        self.notify();
    }

    fn add_exception(&self, _future: &Bound<'_, PyAny>) {
        self.notify();
    }

    fn add_cancelled(&self, _future: &Bound<'_, PyAny>) {
        self.notify();
    }

    /// Watchers of the same watch are equal, so that another one can be used to remove it from the list.
    fn __eq__(&self, other: &Bound<'_, Watcher>) -> bool {
        Arc::ptr_eq(&self.watch, &other.get().watch)
    }

    fn __hash__(&self) -> usize {
        Arc::as_ptr(&self.watch).addr()
    }
}

impl Watcher {
    pub(super) fn new(watch: Arc<Watch>, number: usize) -> Self {
        Watcher { watch, number }
    }

    fn notify(&self) {
        // This may fail: a watch that is no longer in use may be shut down.
        let _ = self.watch.try_put(self.number);
    }
}
