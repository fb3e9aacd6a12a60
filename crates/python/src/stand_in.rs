//! What stands in an open condition's line for a thread that waits in the engine.
//!
//! When an object is opened on which threads wait, they go on waiting where they are. The standard library's `notify()` takes
//! the first in the list `_waiters` and calls its `release()`: that of a stand-in lets a thread in the engine go on. Both
//! lines are in the same order, and threads that come later stand behind the stand-ins. A thread that gives up in the engine
//! leaves its stand-in behind; there is then one too many, whose `release()` raises RuntimeError, as that of an unlocked lock
//! does, and `notify()` goes on to the next.

use pyo3::PyClass;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use crate::native::Native;

/// An object in which threads may wait when it is opened.
pub(crate) trait WaitsInside: PyClass<Frozen = True, BaseType = Native> + Sync {
    /// How many threads wait.
    fn waiting(&self) -> usize;
    /// Notifies the first of them; whether there was one.
    fn let_one_through(&self) -> bool;
}

/// Stands for a thread that waits in the engine for an object that is open by now.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct StandIn {
    object: Py<PyAny>,
    let_one_through: fn(&Bound<'_, PyAny>) -> PyResult<bool>,
}

#[pymethods]
impl StandIn {
    /// Let the thread go on. Raises RuntimeError if it has given up.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        if (self.let_one_through)(self.object.bind(py))? {
            Ok(())
        } else {
            Err(PyRuntimeError::new_err("release unlocked lock"))
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }
}

/// Puts a stand-in for each thread that waits in `object` into the line of an open condition. False, and nothing was done, if
/// threads wait and the condition is closed, or missing. Runs no Python code.
pub(crate) fn put_into<T: WaitsInside>(
    object: &Bound<'_, T>,
    condition: Option<Bound<'_, PyAny>>,
) -> PyResult<bool> {
    let waiting = object.get().waiting();
    if waiting == 0 {
        return Ok(true);
    }
    let line = match condition {
        Some(condition) => crate::raw::instance_dict(&condition)?.get_item("_waiters")?,
        None => None,
    };
    line.map_or(Ok(false), |line| {
        stand_in_line(object, waiting, &line).map(|()| true)
    })
}

/// Puts a stand-in for each of so many threads at the end of a line, a `collections.deque`.
pub(crate) fn stand_in_line<T: WaitsInside>(
    object: &Bound<'_, T>,
    waiting: usize,
    line: &Bound<'_, PyAny>,
) -> PyResult<()> {
    for _ in 0..waiting {
        let stand_in = StandIn {
            object: object.clone().into_any().unbind(),
            let_one_through: |object| Ok(object.cast::<T>()?.get().let_one_through()),
        };
        line.call_method1("append", (stand_in,))?;
    }
    Ok(())
}
