//! How a function is called for an item, or for all items of a chunk.

use std::ops::Range;
use std::time::Duration;

use interlock_wait::Deadline;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::items::Items;
use crate::blocking;
use crate::raw::call_one;

/// How many calls a worker makes before it looks at the clock.
const CALLS: u32 = 32;

/// For how long a worker makes calls before it lets other threads run, if the calls don't: the interpreter's own interval.
const TURN: Duration = Duration::from_millis(5);

/// Counts the calls of a worker.
///
/// Python functions give way by themselves; builtin ones don't. To give way costs a system call when others wait, and most
/// often they come too late: so it is the clock that decides.
pub(super) struct Turn {
    calls: u32,
    end: Deadline,
}

impl Turn {
    /// A turn that begins now.
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
            self.look(py);
        }
    }

    #[cold]
    fn look(&mut self, py: Python<'_>) {
        if self.end.has_passed() {
            blocking::give_way(py);
            self.end = Deadline::after(TURN);
        }
    }
}

/// A function, whether an item is its argument or the tuple of its arguments, and what calls it for the items of a chunk, if
/// that is for Python code to do.
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

    /// The function's result for one item.
    #[inline]
    pub(super) fn make<'py>(&self, item: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = item.py();
        if self.star {
            self.function.bind(py).call1(as_tuple(item)?)
        } else {
            call_one(self.function.bind(py), item)
        }
    }

    /// The results for the items of a chunk, from the loop in Python, if there is one.
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

/// Writes what `make` gives for each of some places to these places of a list.
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
