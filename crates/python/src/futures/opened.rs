//! Futures that Python code looks into.
//!
//! The standard `wait()` and `as_completed()`, and programs, use a future's `_condition` and `_waiters`. From the first look
//! at one of them, the future is open: its methods are the standard library's own, which work on these attributes, and
//! the engine is told of what they do when they set `_state`.

use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyType};

/// `concurrent.futures.Future`, as it was before anything was replaced, and ours.
static CLASSES: PyOnceLock<[Py<PyType>; 2]> = PyOnceLock::new();

/// How to begin with the call of an open future, in Python.
static BEGIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Tells the module which class is the standard library's, which one `submit()` makes, and how to begin with the call of an
/// open future. To be called once, before a future is made.
#[pyfunction]
pub(crate) fn remember_future_classes(
    standard: &Bound<'_, PyType>,
    ours: &Bound<'_, PyType>,
    begin: &Bound<'_, PyAny>,
) {
    let classes = [standard.clone().unbind(), ours.clone().unbind()];
    let _ = CLASSES.set(standard.py(), classes);
    let _ = BEGIN.set(standard.py(), begin.clone().unbind());
}

/// Begins with the call of an open future; false if it is cancelled, which whoever watches knows then.
#[cold]
pub(super) fn begin_open(future: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = future.py();
    let begin = BEGIN
        .get(py)
        .ok_or_else(|| PyRuntimeError::new_err("interlock.concurrent.futures is not imported"))?;
    begin.bind(py).call1((future,))?.extract()
}

fn classes(py: Python<'_>) -> PyResult<&[Py<PyType>; 2]> {
    let classes = CLASSES.get(py);
    classes.ok_or_else(|| PyRuntimeError::new_err("interlock.concurrent.futures is not imported"))
}

/// The class of the futures that `submit()` makes: `interlock.concurrent.futures.Future`.
#[inline]
pub(super) fn future_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    classes(py).map(|[_, ours]| ours.bind(py))
}

/// Whether a class calls the callbacks of its futures in a way of its own, which only the standard library's methods heed.
#[inline]
pub(super) fn has_own_way(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let Some([standard, ours]) = CLASSES.get(py) else {
        return Ok(false);
    };
    if class.is(ours) {
        return Ok(false);
    }
    let hook = pyo3::intern!(py, "_invoke_callbacks");
    if !class.hasattr(hook)? {
        return Ok(false);
    }
    let way = class.getattr(hook)?;
    Ok(!way.is(&standard.bind(py).getattr(hook)?) && !way.is(&ours.bind(py).getattr(hook)?))
}

/// The standard library's method, called for this future.
#[cold]
pub(super) fn standard<'py>(
    future: &Bound<'py, PyAny>,
    name: &str,
    argument: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = future.py();
    let [class, _] = classes(py)?;
    let method = class.bind(py).getattr(name)?;
    match argument {
        Some(argument) => method.call1((future, argument)),
        None => method.call1((future,)),
    }
}

/// What a future has as attributes, once it is open.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Condition,
    Waiters,
    Callbacks,
}

/// What is made when a future is opened: its parts, in a list, where programs may replace them.
pub(super) struct Opened(Py<PyList>);

impl Opened {
    /// A condition of ours, and two empty lists.
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let condition = py.import("interlock.threading")?.getattr("Condition")?.call0()?;
        let waiters = PyList::empty(py).into_any();
        let callbacks = PyList::empty(py).into_any();
        PyList::new(py, [condition, waiters, callbacks]).map(|parts| Opened(parts.unbind()))
    }

    pub(super) fn get<'py>(&self, py: Python<'py>, part: Part) -> PyResult<Bound<'py, PyAny>> {
        self.0.bind(py).get_item(part as usize)
    }

    pub(super) fn set(&self, part: Part, object: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.bind(object.py()).set_item(part as usize, object)
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}
