//! `round_robin()`.

use std::collections::VecDeque;

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::engine::StateLock;
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// An iterator of what several iterables give in turn: one item of each, until each is at its end.
///
/// An iterable that raises is left out from then on; the exception is raised here. close() closes the generators among them.
#[pyclass(frozen, name = "round_robin", module = "interlock.scheduler")]
pub(crate) struct RoundRobin {
    iterators: Attached<StateLock<VecDeque<Py<PyIterator>>>>,
    initialized: Initialized,
}

#[pymethods]
impl RoundRobin {
    #[new]
    #[pyo3(signature = (iterables, /))]
    fn new(iterables: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut iterators = VecDeque::new();
        for iterable in iterables.try_iter()? {
            iterators.push_back(iterable?.try_iter()?.unbind());
        }
        Ok(RoundRobin {
            iterators: Attached::new(StateLock::new(iterators)),
            initialized: Initialized::new(),
        })
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            // The iterator is outside of the ring while it runs, because it may use this object.
            let Some(iterator) = self.iterators.get(py).lock().pop_front() else {
                return Ok(None);
            };
            if let Some(item) = iterator.bind(py).clone().next() {
                let item = item?;
                self.iterators.get(py).lock().push_back(iterator);
                return Ok(Some(item));
            }
        }
    }

    /// Give no more items, and close the generators. Raises what the first of them raises that does not end quietly.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let iterators = std::mem::take(&mut *self.iterators.get(py).lock());
        let mut result = Ok(());
        for iterator in &iterators {
            if let Some(close) = iterator.bind(py).getattr_opt(intern!(py, "close"))? {
                result = result.and(close.call0().map(drop));
            }
        }
        result
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        // If another thread is using them, they are not visited. That keeps them alive, which is always safe.
        match self.iterators.get_in_traverse(&visit).try_lock() {
            Some(iterators) => iterators.iter().try_for_each(|iterator| visit.call(iterator)),
            None => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(std::mem::take(&mut *self.iterators.get(py).lock()));
    }
}
