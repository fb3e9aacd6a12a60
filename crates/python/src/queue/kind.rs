//! The order in which a queue gives out its items.

use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::once::Once;

/// The order of a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fifo,
    Lifo,
    Heap,
}

/// The standard library's `LifoQueue` and `PriorityQueue`.
static CLASSES: Once<[Py<PyType>; 2]> = Once::new();

/// Tell the module which classes these are. Called once, before a queue is created.
#[pyfunction]
pub(crate) fn remember_queue_classes(lifo: &Bound<'_, PyType>, priority: &Bound<'_, PyType>) {
    CLASSES.keep(lifo.py(), [lifo.clone().unbind(), priority.clone().unbind()]);
}

impl Kind {
    /// Returns the kind of the standard class that a class is derived from. (A class that is derived from two
    /// of them has the hooks of both. Its objects are materialized, unless the hooks of the first are those
    /// in effect.)
    #[inline]
    pub(super) fn of_class(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let py = class.py();
        let Some([lifo, priority]) = CLASSES.get(py) else {
            return Ok(Kind::Fifo);
        };
        for base in class.mro() {
            if base.is(lifo) {
                return Ok(Kind::Lifo);
            }
            if base.is(priority) {
                return Ok(Kind::Heap);
            }
        }
        Ok(Kind::Fifo)
    }
}
