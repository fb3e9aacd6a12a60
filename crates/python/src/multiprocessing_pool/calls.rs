//! Calls of a function for an item, or for all items of a chunk.

use std::ops::Range;
use std::time::Duration;

use interlock_wait::Deadline;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::items::Items;
use crate::blocking;
use crate::raw::call_one;

/// How many calls a worker makes before it reads the clock.
const CALLS: u32 = 32;

/// How long a worker makes calls before it yields to other threads, if the calls do not: the interpreter's own
/// interval.
const TURN: Duration = Duration::from_millis(5);

/// Counts the calls of a worker, and makes it yield to other threads from time to time.
///
/// Python functions yield by themselves, but builtin ones do not. Yielding costs a system call if other threads wait,
/// and they usually come too late. So the clock decides when to yield.
pub(super) struct Turn {
    calls: u32,
    end: Deadline,
}

impl Turn {
    /// A turn that starts now.
    pub(super) fn new() -> Self {
        Turn {
            calls: 0,
            end: Deadline::after(TURN),
        }
    }

    #[inline]
    pub(super) fn count(&mut self, py: Python<'_>) {
        self.calls += 1;
        if self.calls == CALLS {
            self.calls = 0;
            self.check_clock(py);
        }
    }

    #[cold]
    fn check_clock(&mut self, py: Python<'_>) {
        if self.end.has_passed() {
            blocking::give_way(py);
            self.end = Deadline::after(TURN);
        }
    }
}

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
