//! The results of `imap()` and `imap_unordered()`.

use std::sync::OnceLock;

use interlock_pool::Gather;
use interlock_queue::GetError;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyStopIteration;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::Timeout;
use crate::errors::Failure;
use crate::futures::Answer;
use crate::made::Made;

/// An iterator over results as they come, or in their order.
///
/// Its __next__() blocks until the next result is there, and raises what the call raised.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct Gathered {
    gather: OnceLock<Arc<Gather<Answer>>>,
    made: Made,
}

#[pymethods]
impl Gathered {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Gathered {
            gather: OnceLock::new(),
            made: Made::new(),
        }
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next_until(py, || Ok(Deadline::NEVER))
    }

    /// The next result, as next() gives it.
    ///
    /// Blocks for at most `timeout` seconds (None: without limit), and raises multiprocessing.TimeoutError if it is not there
    /// then.
    #[pyo3(signature = (timeout = Timeout::Never), text_signature = "($self, timeout=None)")]
    fn next(&self, py: Python<'_>, timeout: Timeout) -> PyResult<Py<PyAny>> {
        let next = self.next_until(py, || timeout.deadline())?;
        next.ok_or_else(|| PyStopIteration::new_err(()))
    }

    #[getter]
    fn _length(&self) -> Option<u64> {
        self.gather.get()?.length()
    }

    #[getter]
    fn _index(&self) -> u64 {
        self.gather.get().map_or(0, |gather| gather.put())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut result = Ok(());
        if self.made.is_made()
            && let Some(gather) = self.gather.get()
        {
            gather.try_for_each(&mut |answer| {
                result = std::mem::replace(&mut result, Ok(())).and_then(|()| visit.call(answer.object()));
            });
        }
        result
    }

    fn __clear__(&self) {
        self.discard();
    }
}

impl Gathered {
    /// Says where the results come from. To be called once.
    pub(super) fn gather_from(&self, gather: Arc<Gather<Answer>>) {
        let _ = self.gather.set(gather);
    }

    #[inline]
    fn next_until(
        &self,
        py: Python<'_>,
        deadline: impl FnOnce() -> PyResult<Deadline>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let Some(gather) = self.gather.get() else {
            return Ok(None);
        };
        let mut taken = gather.try_take();
        if let Err(GetError::Empty) = taken {
            taken = blocking::wait(py, deadline()?, |patience| gather.take_with(patience))?;
        }
        match taken {
            Ok(answer) => answer.unwrap(py).map(Some),
            Err(GetError::ShutDown | GetError::Retired) => Ok(None),
            Err(GetError::Empty | GetError::Interrupted) => Err(Failure::ResultNotThere.raise(py)),
        }
    }

    /// Wants no more results: the calls are still made.
    fn discard(&self) {
        if let Some(gather) = self.gather.get() {
            drop(gather.discard());
        }
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.discard();
    }
}
