//! `multiprocessing.Queue` and `JoinableQueue`.

use interlock_shm::{Error, Queue};
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use interlock_wait::{Deadline, WaitContext};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::family::{Family, SharedHandle, open};
use super::message::{Incoming, Outgoing};
use super::shared::{Shared, deadline, refused};
use crate::blocking;
use crate::convert::Truth;
use crate::errors::Failure;
use crate::imported::Imported;
use crate::raw::intern;

static LOADS: Imported = Imported::new("interlock.multiprocessing._pickling", "loads");

/// The engine's part of `multiprocessing.Queue` and `JoinableQueue`: a queue of messages in shared memory.
///
/// `put()` pickles in the caller, and needs no thread. `put()` and `get()` block while there is no room, or nothing to get;
/// Ctrl-C ends the wait. Follows https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct SharedQueue {
    engine: Shared<Queue>,
    closed: AtomicBool,
    /// Whether this process has put something: then the standard queue has a feeder thread, which closes the connections.
    has_put: AtomicBool,
    /// Whether `_interlock_got()` is to be called after each `get()`: the queue's reader has a descriptor.
    is_watched: AtomicBool,
}

#[pymethods]
impl SharedQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedQueue {
            engine: Shared::new(),
            closed: AtomicBool::new(false),
            has_put: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
        }
    }

    /// Makes the queue, in the family. None: without a bound.
    fn _interlock_begin(&self, family: &Family, maxsize: Option<u32>) -> PyResult<()> {
        self.engine
            .begin(Queue::new(&family.arena, maxsize).map_err(refused)?)
    }

    /// Makes this the queue of that number.
    fn _interlock_open(&self, family: &Family, number: u32) -> PyResult<()> {
        self.engine.begin(open(family, number, Queue::open)?)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.engine.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    /// Put an object. What other processes get is a copy, made now.
    ///
    /// Blocks while there is no room, for at most `timeout` seconds (None: without limit), or not at all if `block` is false.
    /// Raises queue.Full if there was none, ValueError if this process has closed the queue.
    #[pyo3(signature = (obj, block = Truth(true), timeout = None), text_signature = "($self, obj, block=True, timeout=None)")]
    #[inline]
    fn put<'py>(
        slf: &Bound<'py, Self>,
        obj: &Bound<'py, PyAny>,
        block: Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        slf.get()
            .put_object(slf.as_any().as_borrowed(), obj.as_borrowed(), block, timeout)
    }

    /// Put an object if there is room. As put(obj, False).
    fn put_nowait(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        slf.call_method1(intern!(slf.py(), "put"), (obj, false)).map(drop)
    }

    /// Remove the oldest object and return it.
    ///
    /// Blocks while there is none, for at most `timeout` seconds (None: without limit), or not at all if `block` is false.
    /// Raises queue.Empty if there was none, ValueError if this process has closed the queue.
    #[pyo3(signature = (block = Truth(true), timeout = None), text_signature = "($self, block=True, timeout=None)")]
    #[inline]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().get_object(slf.as_any().as_borrowed(), block, timeout)
    }

    /// Remove an object and return it, if there is one. As get(False).
    fn get_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method1(intern!(slf.py(), "get"), (false,))
    }

    /// How many objects there are at this moment. Never blocks.
    fn qsize(&self) -> PyResult<u32> {
        self.engine.get().map(Queue::len)
    }

    /// Has `_interlock_got()` called after each `get()` from now on.
    fn _interlock_watch(&self) {
        // Relaxed: it stands for itself.
        self.is_watched.store(true, Ordering::Relaxed);
    }

    fn _interlock_has_put(&self) -> bool {
        // Relaxed: it stands for itself.
        self.has_put.load(Ordering::Relaxed)
    }

    fn _interlock_is_empty(&self) -> PyResult<bool> {
        self.engine.get().map(Queue::is_empty)
    }

    /// Whether put() would have to wait at this moment. Never blocks.
    fn full(&self) -> PyResult<bool> {
        self.engine.get().map(Queue::is_full)
    }

    /// Waits until there is an object, and leaves it. Returns whether there is.
    fn _interlock_poll(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let queue = self.engine.get()?;
        if !queue.is_empty() {
            return Ok(true);
        }
        match deadline(timeout)? {
            Deadline::PASSED => Ok(false),
            deadline => blocking::wait(py, deadline, |context| queue.wait_for_message(context).is_ok()),
        }
    }

    fn _interlock_task_done(&self) -> PyResult<bool> {
        self.engine.get().map(Queue::task_done)
    }

    fn _interlock_join(&self, py: Python<'_>) -> PyResult<()> {
        let queue = self.engine.get()?;
        blocking::wait(py, Deadline::NEVER, |context| queue.join(context))?
            .map_err(|error| failure(py, error))
    }

    /// Whether this process has closed the queue.
    #[getter]
    fn _closed(&self) -> bool {
        // Relaxed: it stands for itself.
        self.closed.load(Ordering::Relaxed)
    }

    #[setter(_closed)]
    fn set_closed(&self, closed: Truth) {
        // Relaxed: as above.
        self.closed.store(closed.0, Ordering::Relaxed);
    }
}

impl SharedQueue {
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
    fn put_object(
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
        let pickle = slf.call_method1(intern!(py, "_interlock_pickle"), (object,))?;
        if pickle.is_none() {
            return Ok(()); // the hook for errors has been called
        }
        let pickle = pickle.cast_into::<PyBytes>()?;
        self.put_message(py, &Outgoing::pickle(pickle.as_bytes()), block, timeout)
    }

    #[inline]
    fn get_object<'py>(
        &self,
        slf: Borrowed<'_, 'py, PyAny>,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        self.check_open(slf)?;
        let incoming = self.get_incoming(py, block, timeout);
        // Relaxed: it stands for itself.
        if self.is_watched.load(Ordering::Relaxed) {
            slf.call_method0(intern!(py, "_interlock_got"))?;
        }
        incoming?.object(py, |pickle| LOADS.get(py)?.call1((pickle,)))
    }

    #[inline]
    fn check_open(&self, slf: Borrowed<'_, '_, PyAny>) -> PyResult<()> {
        match self._closed() {
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
        // Relaxed: it stands for itself.
        self.has_put.store(true, Ordering::Relaxed);
        let put = |context: &mut WaitContext<'_>| message.with(|parts| queue.put_parts(parts, context));
        patiently(py, block, timeout, put)?.map_err(|error| match error {
            Error::Ended(_) => Failure::Full.raise(py),
            error => failure(py, error),
        })
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

#[cold]
fn failure(py: Python<'_>, error: Error) -> PyErr {
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
