//! The tasks of an executor.

use std::cell::Cell;

use interlock_wait::primitive::global::Ordering;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::answer::Answer;
use super::future::{self, Future};
use super::future_methods;
use crate::errors::Failure;
use crate::once::Once;
use crate::raw::intern;
use crate::{fastcall, raw};

thread_local! {
    /// The future of the task that this thread runs.
    static CURRENT: Cell<Option<Py<Future>>> = const { Cell::new(None) };
}

/// Return the task that the calling thread is running for an executor; None if there is none.
#[pyfunction]
pub(crate) fn current_task(py: Python<'_>) -> Option<CurrentTask> {
    let future = CURRENT.take();
    let task = future.as_ref().map(|future| CurrentTask(future.clone_ref(py)));
    CURRENT.set(future);
    task
}

/// A task, as seen by the code that it runs.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct CurrentTask(Py<Future>);

#[pymethods]
impl CurrentTask {
    /// Whether the task should stop, because its future's cancel() was called or its time is over.
    #[getter]
    fn cancelled(&self, py: Python<'_>) -> bool {
        self.0.get().engine(py).is_asked_to_stop()
    }

    /// Raise CancelledError if the task should stop.
    fn raise_if_cancelled(&self, py: Python<'_>) -> PyResult<()> {
        if self.cancelled(py) {
            Err(Failure::Cancelled.raise(py))
        } else {
            Ok(())
        }
    }

    /// The task's future.
    #[getter]
    fn future(&self, py: Python<'_>) -> Py<Future> {
        self.0.clone_ref(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

/// A call and its future.
pub(super) struct Task {
    pub(super) future: Py<Future>,
    pub(super) callable: Py<PyAny>,
    pub(super) args: Py<PyTuple>,
    pub(super) kwargs: Option<Py<PyDict>>,
    /// The place in the code that submitted it, if its exception is to name that.
    pub(super) site: Option<Py<PyAny>>,
}

/// The standard library's class of waiting calls, and whether it keeps function and arguments in one attribute.
static ITEMS: Once<(Py<PyType>, bool)> = Once::new();

/// Tells the module the class of calls that wait in a materialized executor. Called once, before one is created.
#[pyfunction]
pub(crate) fn remember_work_items(class: &Bound<'_, PyType>, in_one: bool) {
    ITEMS.keep(class.py(), (class.clone().unbind(), in_one));
}

impl Task {
    /// Converts the task to one of the standard library's. Runs no Python code, because an executor is being
    /// materialized.
    pub(super) fn into_item(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let (class, in_one) = ITEMS
            .get(py)
            .ok_or_else(|| PyRuntimeError::new_err("interlock.concurrent.futures is not imported"))?;
        let item = fastcall::new_instance(class.bind(py))?;
        let attributes = raw::instance_dict(&item)?;
        let kwargs = self.kwargs.unwrap_or_else(|| PyDict::new(py).unbind());
        attributes.set_item("future", self.future)?;
        if *in_one {
            attributes.set_item("task", (self.callable, self.args, kwargs))?;
        } else {
            attributes.set_item("fn", self.callable)?;
            attributes.set_item("args", self.args)?;
            attributes.set_item("kwargs", kwargs)?;
        }
        Ok(item)
    }

    /// Makes the call and finishes the future, unless it was cancelled. Returns `false` if the call raised.
    ///
    /// # Errors
    /// A callback of the future raised an exception that is not just logged, or other code has changed its state.
    pub(super) fn run(self, py: Python<'_>) -> PyResult<bool> {
        let future = self.future.into_bound(py);
        if !future_methods::begin(&future)? {
            return Ok(true);
        }
        let kwargs = self.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
        let outer = CURRENT.replace(Some(future.clone().unbind()));
        let result = self.callable.bind(py).call(self.args.bind(py), kwargs);
        drop(CURRENT.replace(outer));
        let answer = Answer::of(py, result);
        if let (Answer::Exception(exception), Some(site)) = (&answer, &self.site) {
            note(exception.bind(py), self.callable.bind(py), site.bind(py));
        }
        // Release the arguments of the call before its future is done.
        drop((self.callable, self.args, self.kwargs));
        let succeeded = matches!(answer, Answer::Result(_));
        let ended = match future::finish(&future, answer) {
            Ok(None) => Ok(()),
            Ok(Some(Answer::Result(object))) => future
                .call_method1(intern!(py, "set_result"), (object,))
                .map(drop),
            Ok(Some(Answer::Exception(object))) => {
                let set = future.call_method1(intern!(py, "set_exception"), (object,));
                set.map(drop)
            }
            Err(error) => Err(error),
        };
        match ended {
            // Relaxed: see `_interlock_expire`.
            Err(_) if future.get().may_be_over.load(Ordering::Relaxed) => Ok(false),
            ended => ended.map(|()| succeeded),
        }
    }
}

/// Adds a note to an exception that names the place that submitted the call. If that fails, the exception stays as it
/// is.
#[cold]
fn note(exception: &Bound<'_, PyAny>, callable: &Bound<'_, PyAny>, site: &Bound<'_, PyAny>) {
    let py = callable.py();
    let notes = py.import("interlock.concurrent.futures._notes");
    let noted = notes.and_then(|notes| notes.call_method1("add", (exception, callable, site)));
    if let Err(refusal) = noted {
        refusal.write_unraisable(py, Some(callable));
    }
}
