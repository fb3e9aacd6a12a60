//! The engine's part of `multiprocessing.Queue`, `JoinableQueue`, `LifoQueue` and `PriorityQueue`.

use interlock_shm::Error;
use interlock_wait::primitive::global::{AtomicBool, AtomicU32, Ordering};
use interlock_wait::{Deadline, WaitContext};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::any_queue::AnyQueue;
use super::message::{Incoming, Outgoing};
use super::pickle::Pickle;
use super::rank::rank_of;
use super::shared::{Shared, deadline, deadline_of_poll, is_nan, not_a_time, refused};
use crate::blocking;
use crate::convert::Truth;
use crate::errors::{self, Failure};
use crate::raw::intern;

/// The engine's part of `multiprocessing.Queue`, `JoinableQueue`, `LifoQueue` and `PriorityQueue`: a queue of messages in shared memory.
///
/// `put()` pickles in the caller, and needs no thread. `put()` and `get()` block while there is no room, or nothing to get;
/// Ctrl-C ends the wait. Follows https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue.
#[pyclass(frozen, subclass, name = "Queue", module = "interlock._interlock")]
pub(crate) struct SharedQueue {
    pub(super) engine: Shared<AnyQueue>,
    /// `CLOSED` and `STANDARD`.
    state: AtomicU32,
    /// Whether this process has put an object. If so, the standard queue has a feeder thread, which closes the
    /// connections.
    pub(super) has_put: AtomicBool,
    /// Whether to call `_interlock_got()` after each `get()`, because the queue's reader has a descriptor.
    pub(super) is_watched: AtomicBool,
}

/// This process has closed the queue.
const CLOSED: u32 = 1;
/// The standard library's code does the work: it has all state, and the engine's queue, if there is one, is not
/// used.
const STANDARD: u32 = 2;

impl SharedQueue {
    /// Creates a queue that is not initialized yet.
    pub(super) fn made() -> Self {
        SharedQueue {
            engine: Shared::new(),
            state: AtomicU32::new(0),
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
        if !self.is_native(slf)? {
            return standard_put(slf, object, &block, timeout);
        }
        let py = slf.py();
        let queue = self.engine.get()?;
        let put = match Outgoing::plain(&object) {
            _ if queue.is_ranked() => self.put_ranked(slf, object, &block, timeout),
            Some(plain) => self.put_message(py, &plain, &block, timeout),
            None => match Self::pickle(slf, object)? {
                Some(pickle) => self.put_message(py, &pickle.outgoing(), &block, timeout),
                None => Ok(()),
            },
        };
        match put {
            Ok(()) => Ok(()),
            Err(error) => {
                self.check_switch(py, error)?;
                standard_put(slf, object, &block, timeout)
            }
        }
    }

    #[cold]
    fn put_ranked(
        &self,
        slf: Borrowed<'_, '_, PyAny>,
        object: Borrowed<'_, '_, PyAny>,
        block: &Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, queue) = (slf.py(), self.engine.get()?);
        let rank = rank_of(&object)?;
        let pickle;
        let message = match Outgoing::plain(&object) {
            Some(plain) => plain,
            None => match Self::pickle(slf, object)? {
                Some(made) => {
                    pickle = made;
                    pickle.outgoing()
                }
                None => return Ok(()),
            },
        };
        self.note_put();
        let put =
            |context: &mut WaitContext<'_>| message.with(|parts| queue.put_ranked(&rank, parts, context));
        patiently(py, block, timeout, deadline, put)?.map_err(|error| not_put(py, error))
    }

    /// Returns an object's pickle. `None` if it can't be pickled, and the hook for errors has been called. `slf` is
    /// the queue.
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
        if !self.is_native(slf)? {
            return standard_get(slf, &block, timeout);
        }
        let incoming = self.get_incoming(py, &block, timeout);
        self.tell_got(slf)?;
        match incoming {
            Ok(incoming) => incoming.object(py),
            Err(error) => {
                self.check_switch(py, error)?;
                standard_get(slf, &block, timeout)
            }
        }
    }

    /// Returns whether an operation failed because the standard library's code has taken over meanwhile.
    ///
    /// # Errors
    /// It failed for another reason: `error`.
    #[cold]
    fn check_switch(&self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        if !self.is_standard() {
            return Err(error);
        }
        let error = errors::exception(py, error);
        let end = errors::exception(py, Failure::ShutDown.raise(py));
        match error.get_type().is(end.get_type()) {
            true => Ok(()),
            false => Err(errors::again(error)),
        }
    }

    /// If a program watches the reader's descriptor, tells the reader that there may be nothing to get any more.
    #[inline]
    pub(super) fn tell_got(&self, slf: Borrowed<'_, '_, PyAny>) -> PyResult<()> {
        // Relaxed: it stands for itself.
        if self.is_watched.load(Ordering::Relaxed) {
            slf.call_method0(intern!(slf.py(), "_interlock_got"))?;
        }
        Ok(())
    }

    /// Returns the queue in shared memory.
    #[inline]
    pub(super) fn engine(&self) -> PyResult<&AnyQueue> {
        self.engine.get()
    }

    /// Returns whether this process has closed the queue.
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: it stands for itself.
        self.state.load(Ordering::Relaxed) & CLOSED != 0
    }

    pub(super) fn set_closed_to(&self, closed: bool) {
        // Relaxed: as above.
        match closed {
            true => self.state.fetch_or(CLOSED, Ordering::Relaxed),
            false => self.state.fetch_and(!CLOSED, Ordering::Relaxed),
        };
    }

    /// Returns whether the standard library's code does the work.
    pub(super) fn is_standard(&self) -> bool {
        // Acquire pairs with the Release below: a thread that the end of the engine's queue has woken sees why.
        self.state.load(Ordering::Acquire) & STANDARD != 0
    }

    /// Makes the standard library's code do the work from now on.
    pub(super) fn become_standard(&self) {
        // Release pairs with the Acquire in `is_standard`.
        self.state.fetch_or(STANDARD, Ordering::Release);
    }

    /// Remembers that this process has put an object.
    #[inline]
    pub(super) fn note_put(&self) {
        // Relaxed: it stands for itself.
        self.has_put.store(true, Ordering::Relaxed);
    }

    /// Returns whether the engine does the work, and not the standard library's code.
    ///
    /// # Errors
    /// This process has closed the queue, and the engine would do it.
    #[inline]
    pub(super) fn is_native(&self, slf: Borrowed<'_, '_, PyAny>) -> PyResult<bool> {
        // Relaxed: a thread that comes too late finds the engine's queue shut down, and looks again.
        match self.state.load(Ordering::Relaxed) {
            0 => Ok(true),
            state if state & STANDARD != 0 => Ok(false),
            _ => Err(is_closed(slf)),
        }
    }

    /// Like [`is_native`](Self::is_native), for operations that the standard library does not have.
    pub(super) fn check_native(&self, slf: Borrowed<'_, '_, PyAny>) -> PyResult<()> {
        match self.is_native(slf)? {
            true => Ok(()),
            false => Err(PyRuntimeError::new_err(
                "a queue that runs the standard library's code has only what that has",
            )),
        }
    }

    #[inline]
    fn put_message(
        &self,
        py: Python<'_>,
        message: &Outgoing<'_>,
        block: &Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let queue = self.engine.get()?;
        self.note_put();
        let put = |context: &mut WaitContext<'_>| queue.put(py, message, context);
        patiently(py, block, timeout, deadline, put)?.map_err(|error| not_put(py, error))
    }

    #[inline]
    fn get_incoming(
        &self,
        py: Python<'_>,
        block: &Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Incoming> {
        let queue = self.engine.get()?;
        let get = |context: &mut WaitContext<'_>| {
            queue.get_with(context, |message| {
                Incoming::read(py, message).map_err(Refused::Raised)
            })
        };
        match patiently(py, block, timeout, deadline_of_poll, get)? {
            Ok(incoming) => Ok(incoming),
            Err(Refused::Raised(raised)) => Err(raised),
            Err(Refused::Engine(Error::Ended(_))) => Err(Failure::Empty.raise(py)),
            Err(Refused::Engine(error)) => Err(failure(py, error)),
        }
    }

    /// Takes a message that is left in the engine's queue when the standard library's code takes over.
    pub(super) fn take_left<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let queue = self.engine.get()?;
        let left = blocking::go_on_waiting(py, Deadline::PASSED, |context| {
            queue.get_with(context, |message| {
                Incoming::read(py, message).map_err(Refused::Raised)
            })
        })?;
        match left {
            Ok(incoming) => incoming.object(py).map(Some),
            Err(Refused::Raised(raised)) => Err(raised),
            Err(Refused::Engine(_)) => Ok(None),
        }
    }
}

#[cold]
fn standard_put(
    slf: Borrowed<'_, '_, PyAny>,
    object: Borrowed<'_, '_, PyAny>,
    block: &Truth,
    timeout: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    standard(slf, ("put", object, block.0, timeout)).map(drop)
}

#[cold]
fn standard_get<'py>(
    slf: Borrowed<'_, 'py, PyAny>,
    block: &Truth,
    timeout: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    standard(slf, ("get", block.0, timeout))
}

/// Calls a function of the standard library's class by its name, with these arguments after the queue.
#[cold]
pub(super) fn standard<'py>(
    slf: Borrowed<'_, 'py, PyAny>,
    call: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    slf.call_method1(intern!(slf.py(), "_interlock_standard"), call)
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

/// Errors that a timeout may cause: after one of them, another attempt may be worth it.
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

/// Attempts an operation. Waits if it has to and the arguments allow it.
#[inline]
fn patiently<T, E: Ended>(
    py: Python<'_>,
    block: &Truth,
    timeout: Option<&Bound<'_, PyAny>>,
    deadline: impl Fn(Option<&Bound<'_, PyAny>>) -> PyResult<Deadline>,
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
        Err(error) if error.has_ended() && block.0 && is_nan(timeout) => Err(not_a_time()),
        tried => Ok(tried),
    }
}

/// Returns the exception of a put that failed.
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
        Error::NotComparable => PyTypeError::new_err("the object can't be compared with those in the queue"),
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
