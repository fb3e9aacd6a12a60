//! What a pool is asked to do.

use std::cell::Cell;

use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::answer::Answer;
use super::future::{self, Future};
use crate::errors::Failure;
use crate::raw::intern;
use crate::{fastcall, raw};

thread_local! {
    /// The future of the task that this thread runs.
    static CURRENT: Cell<Option<Py<Future>>> = const { Cell::new(None) };
}

/// The task that the calling thread runs for an executor; None if it runs none.
#[pyfunction]
pub(crate) fn current_task(py: Python<'_>) -> Option<CurrentTask> {
    let future = CURRENT.take();
    let task = future.as_ref().map(|future| CurrentTask(future.clone_ref(py)));
    CURRENT.set(future);
    task
}

/// A task, as the code that it runs sees it.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct CurrentTask(Py<Future>);

#[pymethods]
impl CurrentTask {
    /// Whether the task should stop: its future's cancel() was called, or its time is over.
    #[getter]
    fn cancelled(&self) -> bool {
        self.0.get().engine().is_asked_to_stop()
    }

    /// Raise CancelledError if the task should stop.
    fn raise_if_cancelled(&self, py: Python<'_>) -> PyResult<()> {
        if self.cancelled() {
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

/// A call, and the future of its result.
pub(super) struct Task {
    pub(super) future: Py<Future>,
    pub(super) callable: Py<PyAny>,
    pub(super) args: Py<PyTuple>,
    pub(super) kwargs: Option<Py<PyDict>>,
    /// Where it was submitted, if its exception is to say so.
    pub(super) site: Option<Py<PyAny>>,
}

/// The standard library's class of calls that wait, and whether it keeps function and arguments in one attribute.
static ITEMS: PyOnceLock<(Py<PyType>, bool)> = PyOnceLock::new();

/// Tells the module of the class of calls that wait in an open executor. To be called once, before one is made.
#[pyfunction]
pub(crate) fn remember_work_items(class: &Bound<'_, PyType>, in_one: bool) {
    let _ = ITEMS.set(class.py(), (class.clone().unbind(), in_one));
}

impl Task {
    /// The task as one of the standard library's. Runs no Python code: an executor is being opened.
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

    /// Makes the call and gives the future its answer, unless the future was cancelled; whether the call raised nothing.
    ///
    /// # Errors
    /// A callback of the future raised what is not for logging, or somebody else was at the future.
    pub(super) fn run(self, py: Python<'_>) -> PyResult<bool> {
        let future = self.future.into_bound(py);
        if !future::begin(&future)? {
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
        // What was given to the call is let go of before anybody hears of its end.
        drop((self.callable, self.args, self.kwargs));
        let succeeded = matches!(answer, Answer::Result(_));
        match future::finish(&future, answer)? {
            None => {}
            Some(Answer::Result(object)) => drop(future.call_method1(intern!(py, "set_result"), (object,))?),
            Some(Answer::Exception(object)) => {
                drop(future.call_method1(intern!(py, "set_exception"), (object,))?);
            }
        }
        Ok(succeeded)
    }
}

/// Says on the exception where it comes from. An exception that takes no note goes without.
#[cold]
fn note(exception: &Bound<'_, PyAny>, callable: &Bound<'_, PyAny>, site: &Bound<'_, PyAny>) {
    let py = callable.py();
    let notes = py.import("interlock.concurrent.futures._notes");
    let noted = notes.and_then(|notes| notes.call_method1("add", (exception, callable, site)));
    if let Err(refusal) = noted {
        refusal.write_unraisable(py, Some(callable));
    }
}
