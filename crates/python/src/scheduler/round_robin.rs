//! `round_robin()`.

use std::collections::VecDeque;

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::ordinary;
use crate::engine::StateLock;
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// An iterator of what several iterables give in turn: one item of each, until each is at its end.
///
/// An iterable that raises is left out from then on; the exception is raised here. close() closes the generators among them.
#[pyclass(frozen, name = "round_robin", module = "interlock.scheduler")]
pub(crate) struct RoundRobin {
    /// None if it is closed.
    iterators: Attached<StateLock<Option<VecDeque<Py<PyIterator>>>>>,
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
            iterators: Attached::new(StateLock::new(Some(iterators))),
            initialized: Initialized::new(),
        })
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            // The iterator is outside of the ring while it runs, because it may use this object.
            let next = self
                .iterators
                .get(py)
                .lock()
                .as_mut()
                .and_then(VecDeque::pop_front);
            let Some(iterator) = next else {
                return Ok(None);
            };
            let Some(item) = iterator.bind(py).clone().next() else {
                continue;
            };
            let item = item?;
            if let Some(iterators) = &mut *self.iterators.get(py).lock() {
                iterators.push_back(iterator);
                return Ok(Some(item));
            }
            // close() was called while this iterator ran, perhaps by its own generator.
            drop(item);
            return close_one(iterator.bind(py)).map(|()| None);
        }
    }

    /// Give no more items, and close the generators. A generator that is running is closed after its next item.
    /// Raises the first exception that a generator raises, unless another one is not an `Exception`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let iterators = self.iterators.get(py).lock().take();
        let mut result = Ok(());
        for iterator in iterators.iter().flatten() {
            result = ordinary::worse(py, result, close_one(iterator.bind(py)));
        }
        result
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        // If another thread is using them, they are not visited. That keeps them alive, which is always safe.
        match self.iterators.get_in_traverse(&visit).try_lock() {
            Some(iterators) => iterators
                .iter()
                .flatten()
                .try_for_each(|iterator| visit.call(iterator)),
            None => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        let iterators = self.iterators.get(py).lock().take();
        drop(iterators);
    }
}

fn close_one(iterator: &Bound<'_, PyIterator>) -> PyResult<()> {
    match iterator.getattr_opt(intern!(iterator.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}
