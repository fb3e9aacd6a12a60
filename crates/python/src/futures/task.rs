//! What a pool is asked to do.

use interlock_pool::Refusal;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::answer::Answer;
use super::future::{self, Future};

/// A call, and the future of its result.
pub(super) struct Task {
    pub(super) future: Py<Future>,
    pub(super) callable: Py<PyAny>,
    pub(super) args: Py<PyTuple>,
    pub(super) kwargs: Option<Py<PyDict>>,
}

impl Task {
    /// Makes the call and gives the future its answer, unless the future was cancelled; whether the call raised nothing.
    ///
    /// # Errors
    /// A callback of the future raised what is not for logging, or somebody else was at the future.
    pub(super) fn run(self, py: Python<'_>) -> PyResult<bool> {
        let future = self.future.into_bound(py);
        let run = match future.get().engine().begin() {
            Ok(run) => run,
            Err(Refusal::Open | Refusal::Phase(_)) => Future::set_running_or_notify_cancel(&future)?,
        };
        if !run {
            return Ok(true);
        }
        let kwargs = self.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
        let result = self.callable.bind(py).call(self.args.bind(py), kwargs);
        // What was given to the call is let go of before anybody hears of its end.
        drop((self.callable, self.args, self.kwargs));
        let succeeded = result.is_ok();
        future::finish(&future, Answer::of(py, result))?;
        Ok(succeeded)
    }
}
