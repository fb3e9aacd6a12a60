//! How a function is called for an item, or for all items of a chunk.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::blocking;

/// How many calls a worker makes before it lets other threads run, if the calls don't.
const TURN: u32 = 256;

/// Counts the calls of a worker.
#[derive(Default)]
pub(super) struct Turn(u32);

impl Turn {
    #[inline]
    pub(super) fn count(&mut self, py: Python<'_>) {
        self.0 += 1;
        if self.0 == TURN {
            self.0 = 0;
            blocking::give_way(py);
        }
    }
}

/// A function, and whether an item is its argument or the tuple of its arguments.
pub(super) struct Call {
    pub(super) function: Py<PyAny>,
    pub(super) star: bool,
}

impl Call {
    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        Call {
            function: self.function.clone_ref(py),
            star: self.star,
        }
    }

    /// The function's result for one item.
    #[inline]
    pub(super) fn make<'py>(&self, item: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = item.py();
        if self.star {
            self.function.bind(py).call1(as_tuple(item)?)
        } else {
            self.function.bind(py).call1((item,))
        }
    }

    /// The results for the items at some places, written to the same places of `results`.
    pub(super) fn make_range(
        &self,
        items: &Bound<'_, PyTuple>,
        places: Range<usize>,
        results: &Bound<'_, PyList>,
        turn: &mut Turn,
    ) -> PyResult<()> {
        for place in places {
            let result = self.make(items.get_borrowed_item(place)?)?;
            results.set_item(place, result)?;
            turn.count(items.py());
        }
        Ok(())
    }

    /// The results for the items of a chunk, each handed to `keep` with its place in the chunk.
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

fn as_tuple<'py>(item: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    match item.cast::<PyTuple>() {
        Ok(tuple) => Ok(tuple.to_owned()),
        Err(_) => {
            let items = item.try_iter()?.collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(item.py(), items)
        }
    }
}
