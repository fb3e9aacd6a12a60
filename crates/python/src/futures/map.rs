//! The results of `Executor.map()`.

use std::collections::VecDeque;

use interlock_wait::primitive::global::{AtomicBool, Ordering};
use interlock_wait::{Deadline, StateLock};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::future::Future;
use crate::convert::Timeout;
use crate::made::Made;

/// An iterator over the results of futures, in their order. Once it has begun, futures whose results are not wanted any more
/// are cancelled: by close(), by an error, or when the iterator is dropped.
///
/// Its __next__() blocks until the next result is there; it raises what the call raised, and TimeoutError when the
/// result is not there in time.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Results {
    futures: StateLock<VecDeque<Py<Future>>>,
    /// Whether a result was asked for. Until then, as in the standard library's generator, nothing is cancelled.
    begun: AtomicBool,
    deadline: Deadline,
    return_exceptions: bool,
    made: Made,
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
        // Relaxed: it orders nothing.
        self.begun.store(true, Ordering::Relaxed);
        let Some(future) = self.futures.lock().pop_front() else {
            return Ok(None);
        };
        let future = future.into_bound(py);
        match Future::result_until(&future, self.deadline) {
            Ok(result) => Ok(Some(result)),
            Err(error) if self.return_exceptions && future.get().engine().phase().is_done() => {
                Ok(Some(error.into_value(py).into_any()))
            }
            Err(error) => {
                Future::cancel(&future)?;
                self.close(py)?;
                Err(error)
            }
        }
    }

    /// Give no more results, and cancel the calls that have not begun if a result was asked for before. Never blocks.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let futures = std::mem::take(&mut *self.futures.lock());
        // Relaxed: as above.
        if !self.begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        futures
            .iter()
            .try_for_each(|future| Future::cancel(future.bind(py)).map(drop))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        // Not visited if another thread is at work on it: that keeps the futures alive, which is always safe.
        let Some(futures) = self.futures.try_lock() else {
            return Ok(());
        };
        futures.iter().try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self) {
        drop(std::mem::take(&mut *self.futures.lock()));
    }
}

impl Results {
    pub(super) fn over(futures: VecDeque<Py<Future>>, deadline: Deadline, return_exceptions: bool) -> Self {
        Results {
            futures: StateLock::new(futures),
            deadline,
            return_exceptions,
            begun: AtomicBool::new(false),
            made: Made::new(),
        }
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        Python::try_attach(|py| {
            if let Err(error) = self.close(py) {
                error.write_unraisable(py, None);
            }
        });
    }
}
