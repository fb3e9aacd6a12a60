//! What stands in an open future's `_waiters` for somebody who waits for many futures in the engine.

use interlock_pool::Watch;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

/// Tells a watch of a future's end when the standard library's functions tell a waiter.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Watcher {
    watch: Arc<Watch>,
    number: usize,
}

#[pymethods]
impl Watcher {
    fn add_result(&self, _future: &Bound<'_, PyAny>) {
        self.tell();
    }

    fn add_exception(&self, _future: &Bound<'_, PyAny>) {
        self.tell();
    }

    fn add_cancelled(&self, _future: &Bound<'_, PyAny>) {
        self.tell();
    }

    /// Watchers for the same watch are one: so it can be taken out of the list by another one.
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

    fn tell(&self) {
        // A watch that nobody looks at any more may be shut down.
        let _ = self.watch.try_put(self.number);
    }
}
