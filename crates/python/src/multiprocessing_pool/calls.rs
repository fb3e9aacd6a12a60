//! Calls of a function for an item, or for all items of a chunk.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::items::Items;
use crate::fastcall::call_one;

/// The turn of a worker, whose calls may be longer than those of an executor.
pub(super) type Turn = crate::worker_turn::Turn<32>;

/// A function; whether an item is its argument or the tuple of its arguments; and the Python callable that calls it for
/// all items of a chunk, if there is one.
pub(super) struct Call {
    function: Py<PyAny>,
    star: bool,
    in_python: Option<Py<PyAny>>,
}

impl Call {
    pub(super) fn new(function: Py<PyAny>, star: bool, in_python: Option<Py<PyAny>>) -> Self {
        Call {
            function,
            star,
            in_python,
        }
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        Call {
            function: self.function.clone_ref(py),
            star: self.star,
            in_python: self.in_python.as_ref().map(|it| it.clone_ref(py)),
        }
    }

    /// Calls the function for one item.
    #[inline]
    pub(super) fn make<'py>(&self, item: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = item.py();
        if self.star {
            self.function.bind(py).call1(as_tuple(item)?)
        } else {
            call_one(self.function.bind(py), item)
        }
    }

    /// Calls the function for all items of a chunk in the Python loop, if there is one.
    pub(super) fn make_in_python<'py>(
        &self,
        items: &Items,
        places: &Range<usize>,
        py: Python<'py>,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(in_python) = &self.in_python else {
            return Ok(None);
        };
        let Some(chunk) = items.chunk(py, places)? else {
            return Ok(None);
        };
        let results = in_python.bind(py).call1((&self.function, chunk))?;
        Ok(Some(results.cast_into()?))
    }

    /// Calls the function for all items of a chunk, and passes each result to `keep` with its place in the chunk.
    pub(super) fn make_all<'py>(
        &self,
        items: Vec<Bound<'py, PyAny>>,
        turn: &mut Turn,
        mut keep: impl FnMut(usize, Bound<'py, PyAny>) -> PyResult<()>,
    ) -> PyResult<()> {
        for (place, item) in items.into_iter().enumerate() {
            keep(place, self.make(item.as_borrowed())?)?;
            turn.count(item.py());
        }
        Ok(())
    }
}

/// Writes the result of `make` for each place to that place of a list.
#[inline]
pub(super) fn fill<'py>(
    results: &Bound<'py, PyList>,
    places: Range<usize>,
    turn: &mut Turn,
    mut make: impl FnMut(usize) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<()> {
    for place in places {
        results.set_item(place, make(place)?)?;
        turn.count(results.py());
    }
    Ok(())
}

fn as_tuple<'py>(item: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    match item.cast::<PyTuple>() {
        Ok(tuple) => Ok(tuple.to_owned()),
        Err(_) => {
            let items = item.try_iter()?.collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(item.py(), items)
        }
    }
}
