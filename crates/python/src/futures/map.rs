//! The results of `Executor.map()`.

use std::collections::VecDeque;

use interlock_wait::{Deadline, StateLock};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::answer::Answer;
use super::future::Future;
use crate::convert::Timeout;
use crate::errors;
use crate::made::Made;

/// An iterator over the results of futures, in their order.
///
/// Its __next__() blocks until the next result is there; it raises what the call raised, and TimeoutError when the
/// result is not there in time. From its first call on, the calls whose results are not wanted any more are cancelled:
/// by close(), by an error, or when the iterator is dropped. One that nobody asked for a result cancels nothing.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Results {
    coming: StateLock<Coming>,
    deadline: Deadline,
    return_exceptions: bool,
    made: Made,
}

/// The futures whose results were not given yet.
#[derive(Default)]
struct Coming {
    futures: VecDeque<Py<Future>>,
    asked: bool,
}

#[pymethods]
impl Results {
    #[new]
    #[pyo3(signature = (futures, timeout = Timeout::Never, return_exceptions = false))]
    fn new(futures: Vec<Py<Future>>, timeout: Timeout, return_exceptions: bool) -> PyResult<Self> {
        Ok(Self::over(futures.into(), timeout.deadline()?, return_exceptions))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let next = {
            let mut coming = self.coming.lock();
            coming.asked = true;
            coming.futures.pop_front()
        };
        let Some(future) = next else {
            return Ok(None);
        };
        let future = future.into_bound(py);
        let error = match Future::answer_until(&future, self.deadline) {
            Ok(Answer::Result(result)) => return Ok(Some(result)),
            Ok(Answer::Exception(exception)) if self.return_exceptions => return Ok(Some(exception)),
            Ok(answer) => match answer.unwrap(py) {
                Ok(result) => return Ok(Some(result)),
                Err(error) => error,
            },
            Err(error) if self.return_exceptions && errors::is_cancelled(py, &error) => {
                return Ok(Some(error.into_value(py).into_any()));
            }
            Err(error) => error,
        };
        Future::cancel(&future)?;
        self.close(py)?;
        Err(error)
    }

    /// Cancel the calls that have not begun, if a result was asked for, and give no more results. Never blocks.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let coming = std::mem::take(&mut *self.coming.lock());
        if !coming.asked {
            return Ok(());
        }
        let mut futures = coming.futures.iter();
        futures.try_for_each(|future| Future::cancel(future.bind(py)).map(drop))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        // Not visited if another thread is at work on it: that keeps the futures alive, which is always safe.
        let Some(coming) = self.coming.try_lock() else {
            return Ok(());
        };
        coming.futures.iter().try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self) {
        drop(std::mem::take(&mut *self.coming.lock()));
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        let left = {
            let coming = self.coming.lock();
            coming.asked && !coming.futures.is_empty()
        };
        if left {
            // Whoever drops it is attached, perhaps on the way out with an exception.
            Python::try_attach(|py| {
                let raised = PyErr::take(py);
                if let Err(error) = self.close(py) {
                    error.write_unraisable(py, None);
                }
                if let Some(raised) = raised {
                    raised.restore(py);
                }
            });
        }
    }
}

impl Results {
    pub(super) fn over(futures: VecDeque<Py<Future>>, deadline: Deadline, return_exceptions: bool) -> Self {
        Results {
            coming: StateLock::new(Coming {
                futures,
                asked: false,
            }),
            deadline,
            return_exceptions,
            made: Made::new(),
        }
    }
}
