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
use crate::materialize::{Exported, Native, native, standard};
use crate::raw::{Attached, intern};

/// An iterator over results, in order or as they come.
///
/// Its __next__() blocks until the next result is ready, and raises the exception of a failed call.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct ResultIterator {
    stream: OnceLock<Arc<Attached<Stream>>>,
    initialized: Initialized,
}

/// The outcome of an attempt to take the next result.
enum Next {
    Item(Answer),
    /// There are no more results.
    End,
    /// No result came in time.
    NotThere,
    /// The iterator was materialized during the wait. This many seconds are left.
    Materialized(Option<f64>),
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
        let iterator = ResultIterator {
            stream: OnceLock::new(),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(iterator))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::next(slf, None)
    }

    /// Return the next result, as the builtin next() does.
    ///
    /// Blocks for at most `timeout` seconds (None: without limit), and raises multiprocessing.TimeoutError if the
    /// result is not ready by then.
    #[pyo3(signature = (timeout = None))]
    fn next<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let next = native(slf, |iterator| iterator.next_native(py, timeout))?;
        match next.transpose()? {
            Some(Next::Item(answer)) => Ok(answer.unwrap(py)?.into_bound(py)),
            Some(Next::End) => Err(PyStopIteration::new_err(())),
            Some(Next::NotThere) => Err(Failure::ResultNotThere.raise(py)),
            Some(Next::Materialized(left)) => standard(slf, intern!(py, "next"), (slf, left)),
            None => standard(slf, intern!(py, "next"), (slf, timeout)),
        }
    }

    /// The pool, while there are results to come.
    fn _interlock_pool(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.stream.get()?.get(py).pool(py)
    }

    /// The total number of results, if it is known, and how many have come to their turn.
    fn _interlock_counts(&self, py: Python<'_>) -> (Option<u64>, usize) {
        self.stream.get().map_or((None, 0), |stream| {
            let buffer = &stream.get(py).buffer;
            (buffer.length(), buffer.came())
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut result = Ok(());
        if self.initialized.is_set()
            && let Some(stream) = self.stream.get()
        {
            stream.get_in_traverse(&visit).buffer.try_for_each(&mut |answer| {
                result = std::mem::replace(&mut result, Ok(())).and_then(|()| visit.call(answer.object()));
            });
        }
        result
    }

    fn __clear__(&self, py: Python<'_>) {
        self.discard(py);
    }
}

impl ResultIterator {
    /// Sets the stream of results. Called once.
    pub(super) fn set_stream(&self, stream: Arc<Attached<Stream>>) {
        let _ = self.stream.set(stream);
    }

    #[inline]
    fn next_native(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Next> {
        let Some(stream) = self.stream.get() else {
            return Ok(Next::End);
        };
        let stream = stream.get(py);
        let (mut taken, mut left) = (stream.buffer.try_take(), None);
        if let Err(GetError::Empty) = taken {
            let deadline = Timeout::of(timeout)?.deadline_of_one_wait()?;
            taken = blocking::wait(py, deadline, |context| stream.buffer.take_with(context))?;
            left = Some(deadline);
        }
        Ok(match taken {
            Ok(answer) => Next::Item(answer),
            Err(GetError::ShutDown) => Next::End,
            Err(GetError::Retired) => {
                let left = left.and_then(Deadline::remaining);
                Next::Materialized(left.map(|left| left.as_secs_f64()))
            }
            Err(GetError::Empty | GetError::Interrupted) => Next::NotThere,
        })
    }

    /// Discards all results. The pool still makes the calls.
    fn discard(&self, py: Python<'_>) {
        if let Some(stream) = self.stream.get() {
            drop(stream.get(py).buffer.discard());
        }
    }
}

impl Drop for ResultIterator {
    fn drop(&mut self) {
        // An object is deallocated attached: this only gets the proof of it.
        Python::attach(|py| self.discard(py));
    }
}

fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let iterator = object.cast::<ResultIterator>()?.get();
    let Some(stream) = iterator.stream.get() else {
        return Ok(Exported::Moved(Vec::new()));
    };
    stream
        .get(object.py())
        .export(object, attributes)
        .map(Exported::Moved)
}
