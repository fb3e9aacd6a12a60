//! The results of `Executor.map()`.

use std::collections::VecDeque;

use interlock_wait::Deadline;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyStopIteration;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::answer::Answer;
use super::waiting::answer_until;
use crate::convert::Timeout;
use crate::engine::StateLock;
use crate::errors;
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// An iterator over the results of futures, in order. The generators of `map()` use it.
///
/// Its __next__() blocks until the next result is ready. It raises the exception of the call, or TimeoutError if the
/// result is not ready in time. In either case it cancels the call.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Results {
    coming: Attached<StateLock<VecDeque<Py<PyAny>>>>,
    deadline: Deadline,
    return_exceptions: bool,
    initialized: Initialized,
}

#[pymethods]
impl Results {
    #[new]
    fn new(futures: Vec<Py<PyAny>>, timeout: Timeout, return_exceptions: bool) -> PyResult<Self> {
        Ok(Self::over(futures.into(), timeout.deadline()?, return_exceptions))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let next = self.coming.get(py).lock().pop_front();
        let Some(future) = next else {
            return Ok(None);
        };
        let future = future.into_bound(py);
        let error = match answer_until(&future, self.deadline) {
            Ok(Answer::Result(result)) => return Ok(Some(result)),
            Ok(Answer::Exception(exception)) if self.return_exceptions => return Ok(Some(exception)),
            Ok(answer) => match answer.unwrap(py) {
                Ok(result) => return Ok(Some(result)),
                Err(error) => error,
            },
            Err(error) => {
                let exception = errors::exception(py, error);
                if self.return_exceptions && errors::is_cancelled(&exception) {
                    return Ok(Some(exception.into_any().unbind()));
                }
                errors::again(exception)
            }
        };
        future.call_method0(intern!(py, "cancel"))?;
        Err(errors::out_of_generator(py, error))
    }

    /// The same as __next__(), for the send() of a generator that delegates to this.
    fn send(&self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.__next__(py)?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    /// Cancel the calls that have not started, and yield no more results. Never blocks.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let coming = std::mem::take(&mut *self.coming.get(py).lock());
        let cancel = intern!(py, "cancel");
        coming
            .iter()
            .try_for_each(|future| future.bind(py).call_method0(cancel).map(drop))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        // If another thread is using them, the futures are not visited. That keeps them alive, which is always safe.
        let Some(coming) = self.coming.get_in_traverse(&visit).try_lock() else {
            return Ok(());
        };
        coming.iter().try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(std::mem::take(&mut *self.coming.get(py).lock()));
    }
}

impl Results {
    pub(super) fn over(futures: VecDeque<Py<PyAny>>, deadline: Deadline, return_exceptions: bool) -> Self {
        Results {
            coming: Attached::new(StateLock::new(futures)),
            deadline,
            return_exceptions,
            initialized: Initialized::new(),
        }
    }
}
