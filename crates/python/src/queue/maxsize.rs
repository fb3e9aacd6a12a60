//! The most items of a queue, as it was given and as the engine has it.

use interlock_wait::StateLock;
use interlock_wait::primitive::global::{AtomicIsize, Ordering};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::count;

/// Says that what was given does not compare with a number.
const NO_NUMBER: isize = isize::MIN;

/// What `maxsize` was set to. The standard library keeps anything, and compares it with 0 when an item is put.
pub(crate) struct Maxsize {
    /// As an integer: a fraction counts as the next one, and 0 or less means any number of items.
    integer: AtomicIsize,
    /// What was given, if that was no plain integer.
    odd: StateLock<Option<Py<PyAny>>>,
}

impl Maxsize {
    /// Any number of items.
    pub(super) fn unlimited() -> Self {
        Maxsize {
            integer: AtomicIsize::new(0),
            odd: StateLock::new(None),
        }
    }

    /// Remembers what was given; whether it is a number.
    ///
    /// # Errors
    /// It compares with numbers, and is none.
    pub(super) fn set(&self, given: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (integer, odd) = match count::plain(given) {
            Some(integer) => (integer.max(NO_NUMBER + 1), None),
            None => {
                let limit = count::limit(given)?.map(|limit| limit.max(NO_NUMBER + 1));
                (limit.unwrap_or(NO_NUMBER), Some(given.clone().unbind()))
            }
        };
        let before = std::mem::replace(&mut *self.odd.lock(), odd);
        // Relaxed: the bound that counts is the engine's; this one only remembers what was given.
        self.integer.store(integer, Ordering::Relaxed);
        drop(before);
        Ok(integer != NO_NUMBER)
    }

    /// What was given.
    pub(super) fn get(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let odd = self.odd.lock().as_ref().map(|odd| odd.clone_ref(py));
        match odd {
            Some(odd) => Ok(odd),
            None => Ok(self.integer().into_pyobject(py)?.into_any().unbind()),
        }
    }

    /// The most items there may be; 0 for any number.
    pub(super) fn bound(&self) -> usize {
        self.integer().max(0).unsigned_abs()
    }

    /// Whether there is a limit.
    ///
    /// # Errors
    /// What was given does not compare with a number, as the standard library says it at this point.
    #[inline]
    pub(super) fn is_limit(&self, py: Python<'_>) -> PyResult<bool> {
        match self.integer() {
            NO_NUMBER => self.get(py)?.bind(py).gt(0),
            integer => Ok(integer > 0),
        }
    }

    /// Whether `size` items are as many as there may be.
    ///
    /// # Errors
    /// What was given does not compare with a number.
    pub(super) fn is_reached(
        &self,
        py: Python<'_>,
        size: impl FnOnce() -> PyResult<usize>,
    ) -> PyResult<bool> {
        match self.integer() {
            NO_NUMBER => PyInt::new(py, 0).lt(self.get(py)?),
            integer => Ok(integer > 0 && size()? >= integer.unsigned_abs()),
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Not visited if another thread is about to replace it: that keeps it alive, which is always safe.
        self.odd.try_lock().map_or(Ok(()), |odd| visit.call(&*odd))
    }

    #[inline]
    fn integer(&self) -> isize {
        // Relaxed: see `set`.
        self.integer.load(Ordering::Relaxed)
    }
}
