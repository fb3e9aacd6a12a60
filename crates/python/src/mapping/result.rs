//! `multiprocessing.pool.AsyncResult` and `MapResult`.

use std::sync::OnceLock;

use interlock_pool::Waited;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicUsize, Ordering};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::Timeout;
use crate::errors::Failure;
use crate::futures::{Answer, Engine};
use crate::made::Made;

/// How far a map has come.
pub(super) struct Progress {
    pub(super) chunk: isize,
    /// How many chunks are not done.
    pub(super) left: AtomicUsize,
}

/// The result of a call that a pool makes; see
/// https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.AsyncResult.
///
/// wait() and get() block until the call is done and its callback has returned; Ctrl-C ends the wait.
#[pyclass(frozen, subclass, generic, module = "interlock._interlock")]
pub(crate) struct AsyncResult {
    engine: Engine,
    progress: OnceLock<Arc<Progress>>,
    made: Made,
}

#[pymethods]
impl AsyncResult {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        AsyncResult {
            engine: Engine::new(),
            progress: OnceLock::new(),
            made: Made::new(),
        }
    }

    /// Whether the call is done. Never blocks.
    fn ready(&self) -> bool {
        self.engine.phase().is_done()
    }

    /// Whether the call returned, and did not raise. Raises ValueError if it is not done. Never blocks.
    fn successful(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match slf.get().succeeded() {
            Some(succeeded) => Ok(succeeded),
            None => Err(PyValueError::new_err(format!("{} not ready", slf.repr()?))),
        }
    }

    /// Wait until the call is done. Blocks for at most `timeout` seconds (None: without limit).
    #[pyo3(signature = (timeout = Timeout::Never), text_signature = "($self, timeout=None)")]
    fn wait(&self, py: Python<'_>, timeout: Timeout) -> PyResult<()> {
        self.wait_until(py, timeout.deadline()?).map(drop)
    }

    /// What the call returned; raises what it raised.
    ///
    /// Blocks until it is done. Raises multiprocessing.TimeoutError if it is not within `timeout` seconds (None: no limit).
    #[pyo3(signature = (timeout = Timeout::Never), text_signature = "($self, timeout=None)")]
    fn get(&self, py: Python<'_>, timeout: Timeout) -> PyResult<Py<PyAny>> {
        if !self.wait_until(py, timeout.deadline()?)? {
            return Err(Failure::ResultNotThere.raise(py));
        }
        match self.engine.value(|answer| answer.clone_ref(py)) {
            Some(answer) => answer.unwrap(py),
            None => Ok(py.None()),
        }
    }

    #[getter]
    fn _success(&self) -> PyResult<bool> {
        self.succeeded()
            .ok_or_else(|| PyAttributeError::new_err("_success"))
    }

    #[getter]
    fn _value(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.engine.value(|answer| answer.object().clone_ref(py))
    }

    #[getter]
    fn _number_left(&self) -> PyResult<usize> {
        // Relaxed: for those who only want to know.
        self.of_map("_number_left")
            .map(|progress| progress.left.load(Ordering::Relaxed))
    }

    #[getter]
    fn _chunksize(&self) -> PyResult<isize> {
        self.of_map("_chunksize").map(|progress| progress.chunk)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut result = Ok(());
        if self.made.is_made() {
            self.engine
                .try_visit(|answer| result = visit.call(answer.object()), |_| ());
        }
        result
    }

    fn __clear__(&self) {
        drop(self.engine.clear());
    }
}

impl AsyncResult {
    /// Says that this is the result of a map.
    pub(super) fn set_progress(&self, progress: Arc<Progress>) {
        let _ = self.progress.set(progress);
    }

    /// Gives the result its answer, if it has none, and wakes who waits for it.
    pub(super) fn finish(&self, answer: Answer) {
        // An answer that comes too late is dropped here, under no lock. There are no callbacks in the engine.
        drop(self.engine.finish(answer));
    }

    fn of_map(&self, name: &'static str) -> PyResult<&Progress> {
        let progress = self
            .progress
            .get()
            .ok_or_else(|| PyAttributeError::new_err(name))?;
        Ok(progress)
    }

    fn succeeded(&self) -> Option<bool> {
        self.engine.value(|answer| matches!(answer, Answer::Result(_)))
    }

    fn wait_until(&self, py: Python<'_>, deadline: Deadline) -> PyResult<bool> {
        if self.ready() {
            return Ok(true);
        }
        let waited = blocking::wait(py, deadline, |patience| self.engine.wait_with(patience))?;
        Ok(waited == Waited::Done)
    }
}
