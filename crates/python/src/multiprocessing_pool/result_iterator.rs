//! The results of `imap()` and `imap_unordered()`.

use std::sync::OnceLock;

use interlock_queue::GetError;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyStopIteration;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::stream::Stream;
use crate::blocking;
use crate::convert::Timeout;
use crate::errors::Failure;
use crate::futures::Answer;
use crate::initialized::Initialized;
use crate::native::{Exported, Native, native, standard};
use crate::raw::intern;

/// An iterator over results as they come, or in their order.
///
/// Its __next__() blocks until the next result is there, and raises what the call raised.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct ResultIterator {
    stream: OnceLock<Arc<Stream>>,
    initialized: Initialized,
}

/// What came of a look for the next result.
enum Next {
    Item(Answer),
    /// There is none any more.
    End,
    /// There was none in time.
    NotThere,
    /// The iterator was opened meanwhile; so many seconds are left.
    Opened(Option<f64>),
}

#[pymethods]
impl ResultIterator {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let gathered = ResultIterator {
            stream: OnceLock::new(),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(gathered))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::next(slf, None)
    }

    /// The next result, as next() gives it.
    ///
    /// Blocks for at most `timeout` seconds (None: without limit), and raises multiprocessing.TimeoutError if it is not there
    /// then.
    #[pyo3(signature = (timeout = None))]
    fn next<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let next = native(slf, |gathered| gathered.next_closed(py, timeout))?;
        match next.transpose()? {
            Some(Next::Item(answer)) => Ok(answer.unwrap(py)?.into_bound(py)),
            Some(Next::End) => Err(PyStopIteration::new_err(())),
            Some(Next::NotThere) => Err(Failure::ResultNotThere.raise(py)),
            Some(Next::Opened(left)) => standard(slf, intern!(py, "next"), (slf, left)),
            None => standard(slf, intern!(py, "next"), (slf, timeout)),
        }
    }

    /// The pool, as long as there are results to come.
    fn _interlock_pool(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.stream.get()?.pool(py)
    }

    /// How many results there will have been, if that is known, and how many came to their turn.
    fn _interlock_counts(&self) -> (Option<u64>, usize) {
        self.stream
            .get()
            .map_or((None, 0), |stream| (stream.gather.length(), stream.gather.came()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut result = Ok(());
        if self.initialized.is_set()
            && let Some(stream) = self.stream.get()
        {
            stream.gather.try_for_each(&mut |answer| {
                result = std::mem::replace(&mut result, Ok(())).and_then(|()| visit.call(answer.object()));
            });
        }
        result
    }

    fn __clear__(&self) {
        self.discard();
    }
}

impl ResultIterator {
    /// Says where the results come from. To be called once.
    pub(super) fn gather_from(&self, stream: Arc<Stream>) {
        let _ = self.stream.set(stream);
    }

    #[inline]
    fn next_closed(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Next> {
        let Some(stream) = self.stream.get() else {
            return Ok(Next::End);
        };
        let (mut taken, mut left) = (stream.gather.try_take(), None);
        if let Err(GetError::Empty) = taken {
            let deadline = Timeout::of(timeout)?.deadline_of_one_wait()?;
            taken = blocking::wait(py, deadline, |context| stream.gather.take_with(context))?;
            left = Some(deadline);
        }
        Ok(match taken {
            Ok(answer) => Next::Item(answer),
            Err(GetError::ShutDown) => Next::End,
            Err(GetError::Retired) => {
                let left = left.and_then(Deadline::remaining);
                Next::Opened(left.map(|left| left.as_secs_f64()))
            }
            Err(GetError::Empty | GetError::Interrupted) => Next::NotThere,
        })
    }

    /// Wants no more results: the calls are still made.
    fn discard(&self) {
        if let Some(stream) = self.stream.get() {
            drop(stream.gather.discard());
        }
    }
}

impl Drop for ResultIterator {
    fn drop(&mut self) {
        self.discard();
    }
}

fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let gathered = object.cast::<ResultIterator>()?.get();
    let Some(stream) = gathered.stream.get() else {
        return Ok(Exported::Moved(Vec::new()));
    };
    stream.export(object, attributes).map(Exported::Moved)
}
