//! Threads that wait in the engine, as they stand in the line of a materialized condition.
//!
//! When an object is materialized while threads wait, they go on waiting in the engine. The standard library's
//! `notify()` takes the first entry of the list `_waiters` and calls its `release()`. The `release()` of an `EngineWaiter`
//! lets a thread in the engine continue. Both lines have the same order, and later threads line up behind the
//! these. A thread that gives up in the engine leaves its entry behind, so there is one too many. Its
//! `release()` raises RuntimeError, as that of an unlocked lock does, and `notify()` goes on to the next entry.

use pyo3::PyClass;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use crate::materialize::Native;

/// An object on which threads may wait in the engine when it is materialized.
pub(crate) trait WaitsInside: PyClass<Frozen = True, BaseType = Native> + Sync {
    /// Returns how many threads wait.
    fn waiting(&self, py: Python<'_>) -> usize;
    /// Notifies the first of them, and returns whether there was one.
    fn let_one_through(&self, py: Python<'_>) -> bool;
}

/// Represents a thread that waits in the engine for an object that has been materialized.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct EngineWaiter {
    object: Py<PyAny>,
    let_one_through: fn(&Bound<'_, PyAny>) -> PyResult<bool>,
}

#[pymethods]
impl EngineWaiter {
    /// Let the thread continue. Raises RuntimeError if it has given up.
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

/// Puts an entry for each thread that waits in `object` into the line of a materialized condition. If threads wait
/// but the condition is native or missing, does nothing and returns false. Runs no Python code.
pub(crate) fn put_into<T: WaitsInside>(
    object: &Bound<'_, T>,
    condition: Option<Bound<'_, PyAny>>,
) -> PyResult<bool> {
    let waiting = object.get().waiting(object.py());
    if waiting == 0 {
        return Ok(true);
    }
    let line = match condition {
        Some(condition) => crate::raw::instance_dict(&condition)?.get_item("_waiters")?,
        None => None,
    };
    line.map_or(Ok(false), |line| {
        append_engine_waiters(object, waiting, &line).map(|()| true)
    })
}

/// Appends an entry for each of `waiting` threads to a line, which is a `collections.deque`.
pub(crate) fn append_engine_waiters<T: WaitsInside>(
    object: &Bound<'_, T>,
    waiting: usize,
    line: &Bound<'_, PyAny>,
) -> PyResult<()> {
    for _ in 0..waiting {
        let waiter = EngineWaiter {
            object: object.clone().into_any().unbind(),
            let_one_through: |object| Ok(object.cast::<T>()?.get().let_one_through(object.py())),
        };
        line.call_method1("append", (waiter,))?;
    }
    Ok(())
}
