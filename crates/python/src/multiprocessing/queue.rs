//! The engine's part of `multiprocessing.Queue`, `JoinableQueue` and `LifoQueue`.

use interlock_shm::Error;
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use interlock_wait::{Deadline, WaitContext};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::any_queue::AnyQueue;
use super::message::{Incoming, Outgoing};
use super::pickle::Pickle;
use super::shared::{Shared, deadline, refused};
use crate::blocking;
use crate::convert::Truth;
use crate::errors::Failure;
use crate::raw::intern;

/// The engine's part of `multiprocessing.Queue`, `JoinableQueue` and `LifoQueue`: a queue of messages in shared memory.
///
/// `put()` pickles in the caller, and needs no thread. `put()` and `get()` block while there is no room, or nothing to get;
/// Ctrl-C ends the wait. Follows https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct SharedQueue {
    pub(super) engine: Shared<AnyQueue>,
    pub(super) closed: AtomicBool,
    /// Whether this process has put something: then the standard queue has a feeder thread, which closes the connections.
    pub(super) has_put: AtomicBool,
    /// Whether `_interlock_got()` is to be called after each `get()`: the queue's reader has a descriptor.
    pub(super) is_watched: AtomicBool,
}

impl SharedQueue {
    /// Not initialized yet.
    pub(super) fn made() -> Self {
        SharedQueue {
            engine: Shared::new(),
            closed: AtomicBool::new(false),
            has_put: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
        }
    }

    /// `put(object)`. `slf` is this queue.
    #[inline]
    pub(crate) fn put_now(
        &self,
        slf: Borrowed<'_, '_, PyAny>,
        object: Borrowed<'_, '_, PyAny>,
    ) -> PyResult<()> {
        self.put_object(slf, object, Truth(true), None)
    }

    /// `get()`. `slf` is this queue.
    #[inline]
    pub(crate) fn get_now<'py>(&self, slf: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.get_object(slf, Truth(true), None)
    }

    #[inline]
    pub(super) fn put_object(
        &self,
        slf: Borrowed<'_, '_, PyAny>,
        object: Borrowed<'_, '_, PyAny>,
        block: Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        self.check_open(slf)?;
        if let Some(plain) = Outgoing::plain(&object) {
            return self.put_message(py, &plain, block, timeout);
        }
        match Self::pickle(slf, object)? {
            Some(pickle) => self.put_message(py, &pickle.outgoing(), block, timeout),
            None => Ok(()),
        }
    }

    /// An object's pickle. `None` if there can't be one, and the hook for errors has been called. `slf` is the queue.
    #[inline]
    pub(super) fn pickle<'py>(
        slf: Borrowed<'_, 'py, PyAny>,
        object: Borrowed<'_, 'py, PyAny>,
    ) -> PyResult<Option<Pickle<'py>>> {
        let pickle = slf.call_method1(intern!(slf.py(), "_interlock_pickle"), (object,))?;
        if pickle.is_none() {
            return Ok(None);
        }
        Pickle::of(pickle).map(Some)
    }

    #[inline]
    pub(super) fn get_object<'py>(
        &self,
        slf: Borrowed<'_, 'py, PyAny>,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        self.check_open(slf)?;
        let incoming = self.get_incoming(py, block, timeout);
        self.tell_got(slf)?;
        incoming?.object(py)
    }

    /// Tells the reader, if somebody watches its descriptor, that there may be nothing to get any more.
    #[inline]
    pub(super) fn tell_got(&self, slf: Borrowed<'_, '_, PyAny>) -> PyResult<()> {
        // Relaxed: it stands for itself.
        if self.is_watched.load(Ordering::Relaxed) {
            slf.call_method0(intern!(slf.py(), "_interlock_got"))?;
        }
        Ok(())
    }

    /// The queue in shared memory.
    #[inline]
    pub(super) fn engine(&self) -> PyResult<&AnyQueue> {
        self.engine.get()
    }

    /// Whether this process has closed the queue.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: it stands for itself.
        self.closed.load(Ordering::Relaxed)
    }

    /// Remembers that this process has put something.
    #[inline]
    pub(super) fn note_put(&self) {
        // Relaxed: it stands for itself.
        self.has_put.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn check_open(&self, slf: Borrowed<'_, '_, PyAny>) -> PyResult<()> {
        match self.is_closed() {
            true => Err(is_closed(slf)),
            false => Ok(()),
        }
    }

    #[inline]
    fn put_message(
        &self,
        py: Python<'_>,
        message: &Outgoing<'_>,
        block: Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let queue = self.engine.get()?;
        self.note_put();
        let put = |context: &mut WaitContext<'_>| message.with(|parts| queue.put_parts(parts, context));
        patiently(py, block, timeout, put)?.map_err(|error| not_put(py, error))
    }

    #[inline]
    fn get_incoming(
        &self,
        py: Python<'_>,
        block: Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Incoming> {
        let queue = self.engine.get()?;
        let get = |context: &mut WaitContext<'_>| {
            queue.get_with(context, |message| {
                Incoming::read(py, message).map_err(Refused::Raised)
            })
        };
        match patiently(py, block, timeout, get)? {
            Ok(incoming) => Ok(incoming),
            Err(Refused::Raised(raised)) => Err(raised),
            Err(Refused::Engine(Error::Ended(_))) => Err(Failure::Empty.raise(py)),
            Err(Refused::Engine(error)) => Err(failure(py, error)),
        }
    }
}

/// Why a message was not read.
pub(super) enum Refused {
    Engine(Error),
    Raised(PyErr),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Engine(error)
    }
}

/// What can end before its time: the wait of a try may be worth another one.
trait Ended {
    fn has_ended(&self) -> bool;
}

impl Ended for Error {
    fn has_ended(&self) -> bool {
        matches!(self, Error::Ended(_))
    }
}

impl Ended for Refused {
    fn has_ended(&self) -> bool {
        matches!(self, Refused::Engine(Error::Ended(_)))
    }
}

/// Tries an operation; waits if it has to, and the arguments allow it.
#[inline]
fn patiently<T, E: Ended>(
    py: Python<'_>,
    block: Truth,
    timeout: Option<&Bound<'_, PyAny>>,
    operation: impl Fn(&mut WaitContext<'_>) -> Result<T, E>,
) -> PyResult<Result<T, E>> {
    let deadline = match block.0 {
        true => deadline(timeout)?,
        false => Deadline::PASSED,
    };
    match blocking::go_on_waiting(py, Deadline::PASSED, &operation)? {
        Err(error) if error.has_ended() && deadline != Deadline::PASSED => {
            blocking::wait(py, deadline, operation)
        }
        tried => Ok(tried),
    }
}

/// The exception of a put that failed.
#[cold]
pub(super) fn not_put(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Ended(_) => Failure::Full.raise(py),
        error => failure(py, error),
    }
}

#[cold]
pub(super) fn failure(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::ShutDown => Failure::ShutDown.raise(py),
        error => refused(error),
    }
}

#[cold]
fn is_closed(slf: Borrowed<'_, '_, PyAny>) -> PyErr {
    match slf.repr() {
        Ok(repr) => PyValueError::new_err(format!("Queue {repr} is closed")),
        Err(error) => error,
    }
}
