//! The table that maps errors of the engine to the standard library's exceptions.

use std::io;

use interlock_queue::{GetError, TooManyDone};
use interlock_sync::{Broken, NotHeld, TooMany};
use pyo3::exceptions::{
    PyAttributeError, PyBaseException, PyOSError, PyRuntimeError, PyStopIteration, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::imported::Imported;
use crate::raw::{self, Name, intern};

/// Returns the exception of the kernel's refusal, as the standard library raises it: with `errno`, of the
/// subclass that belongs to it.
///
/// PyO3's own conversion keeps the text alone.
pub(crate) fn os_error(error: io::Error) -> PyErr {
    let Some(number) = error.raw_os_error() else {
        return error.into();
    };
    let text = error.to_string();
    let said = text.split(" (os error").next().unwrap_or_default();
    PyOSError::new_err((number, said.to_owned()))
}

/// An exception class that the standard library looks up in the globals of a module each time it raises it. Programs
/// may put another class in its place.
struct Class {
    globals: Imported<PyDict>,
    name: Name,
}

impl Class {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Class {
            globals: Imported::new(module, "__dict__"),
            name: Name::new(name),
        }
    }

    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyType>> {
        let found = self.globals.get(py)?.get_item(self.name.get(py))?;
        found
            .and_then(|found| found.cast_into().ok())
            .ok_or_else(|| PyTypeError::new_err("exceptions must derive from BaseException"))
    }

    fn raise(&self, py: Python<'_>) -> PyErr {
        self.get(py)
            .map_or_else(|error| error, |class| PyErr::from_type(class, ()))
    }

    fn is_class_of(&self, exception: &Bound<'_, PyBaseException>) -> bool {
        self.get(exception.py())
            .is_ok_and(|class| exception.is_instance(&class).unwrap_or(false))
    }
}

static EMPTY: Class = Class::new("queue", "Empty");
static FULL: Class = Class::new("queue", "Full");
static SHUT_DOWN: Class = Class::new(
    if cfg!(Py_3_13) {
        "queue"
    } else {
        "interlock._queue_errors"
    },
    "ShutDown",
);
static CANCELLED: Class = Class::new("concurrent.futures._base", "CancelledError");
static INVALID_STATE: Class = Class::new("concurrent.futures._base", "InvalidStateError");
static RESULT_NOT_THERE: Class = Class::new("multiprocessing.pool", "TimeoutError");
static BROKEN_BARRIER: Class = Class::new("threading", "BrokenBarrierError");

/// The exception that `SimpleQueue` raises. In the standard library that is C code, which binds the class once.
static EMPTY_BOUND_ONCE: Imported<PyType> = Imported::new("_queue", "Empty");

/// The exception of a wait that an observer refuses.
static DEADLOCK: Imported<PyType> = Imported::new("interlock._deadlock", "DeadlockError");

/// Looks up the classes that are bound once. Called while our module is imported.
pub(crate) fn remember(py: Python<'_>) -> PyResult<()> {
    EMPTY_BOUND_ONCE.get(py).map(drop)
}

/// Returns the exception object of an error. `PyErr`'s own methods that read it (clippy.toml lists them)
/// detach and attach again, which ends the process if the interpreter is finalizing.
pub(crate) fn exception(py: Python<'_>, error: PyErr) -> Bound<'_, PyBaseException> {
    error.restore(py);
    #[expect(
        clippy::disallowed_methods,
        reason = "a fetched error is an exception already: this creates nothing and does not detach"
    )]
    PyErr::fetch(py).into_value(py).into_bound(py)
}

/// Returns the error that raises an exception again, with the traceback and the context that it already has.
pub(crate) fn again(exception: Bound<'_, PyBaseException>) -> PyErr {
    PyErr::from_value(exception.into_any())
}

/// Returns the error that a generator raises if `error` is raised in it: StopIteration does not end it normally.
#[cold]
pub(crate) fn out_of_generator(py: Python<'_>, error: PyErr) -> PyErr {
    let exception = exception(py, error);
    if !exception.is_instance_of::<PyStopIteration>() {
        return again(exception);
    }
    let raised = self::exception(py, PyRuntimeError::new_err("generator raised StopIteration"));
    let names = [intern!(py, "__cause__"), intern!(py, "__context__")];
    match names
        .into_iter()
        .try_for_each(|name| raised.setattr(name, &exception))
    {
        Ok(()) => again(raised),
        Err(error) => error,
    }
}

/// Sets `queue.Empty` as the current exception of the calling thread, as C code does.
pub(crate) fn raise_empty(py: Python<'_>) {
    EMPTY
        .get(py)
        .map_or_else(|error| error.restore(py), |class| raw::raise(&class, None));
}

/// Does the same for a `SimpleQueue`.
pub(crate) fn raise_simply_empty(py: Python<'_>) {
    EMPTY_BOUND_ONCE
        .get(py)
        .map_or_else(|error| error.restore(py), |class| raw::raise(class, None));
}

const LOCK_NOT_HELD: &str = "release unlocked lock";
const RLOCK_NOT_OWNED: &str = "cannot release un-acquired lock";

/// Sets the exception of [`Failure::LockNotHeld`], as C code does.
#[cold]
pub(crate) fn raise_not_held(py: Python<'_>) {
    raw::raise(&py.get_type::<PyRuntimeError>(), Some(intern!(py, LOCK_NOT_HELD)));
}

/// Sets the exception of [`Failure::RLockNotOwned`], as C code does.
#[cold]
pub(crate) fn raise_not_owned(py: Python<'_>) {
    raw::raise(
        &py.get_type::<PyRuntimeError>(),
        Some(intern!(py, RLOCK_NOT_OWNED)),
    );
}

/// Returns whether an exception is a `concurrent.futures.CancelledError`.
pub(crate) fn is_cancelled(exception: &Bound<'_, PyBaseException>) -> bool {
    CANCELLED.is_class_of(exception)
}

/// A failure of the engine that Python code sees as an exception.
pub(crate) enum Failure {
    /// A lock was released that no thread holds.
    LockNotHeld,
    /// A reentrant lock was released that the thread does not own.
    RLockNotOwned,
    /// A condition's lock is not held in a wait.
    WaitNotHeld,
    /// A condition's lock is not held in a notification.
    NotifyNotHeld,
    /// A condition's `__init__` was not called.
    NotInitialized,
    /// A release would exceed the bound of a semaphore.
    SemaphoreBound,
    /// A barrier is broken.
    BrokenBarrier,
    /// A queue has no item.
    Empty,
    /// A queue has no room.
    Full,
    /// A queue is shut down.
    ShutDown,
    /// `task_done()` was called more times than there were tasks.
    TooManyDone,
    /// A future was cancelled.
    Cancelled,
    /// The result of a pool's call did not come in time.
    ResultNotThere,
}

impl Failure {
    /// Returns the standard library's exception.
    #[cold]
    pub(crate) fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Failure::LockNotHeld => PyRuntimeError::new_err(LOCK_NOT_HELD),
            Failure::RLockNotOwned => PyRuntimeError::new_err(RLOCK_NOT_OWNED),
            Failure::WaitNotHeld => PyRuntimeError::new_err("cannot wait on un-acquired lock"),
            Failure::NotifyNotHeld => PyRuntimeError::new_err("cannot notify on un-acquired lock"),
            Failure::NotInitialized => {
                PyAttributeError::new_err("'Condition' object has no attribute '_lock'")
            }
            Failure::SemaphoreBound => PyValueError::new_err("Semaphore released too many times"),
            Failure::BrokenBarrier => BROKEN_BARRIER.raise(py),
            Failure::Empty => EMPTY.raise(py),
            Failure::Full => FULL.raise(py),
            Failure::ShutDown => SHUT_DOWN.raise(py),
            Failure::Cancelled => CANCELLED.raise(py),
            Failure::ResultNotThere => RESULT_NOT_THERE.raise(py),
            Failure::TooManyDone => PyValueError::new_err("task_done() called too many times"),
        }
    }
}

/// Returns the exception of a wait that an observer refused.
#[cold]
pub(crate) fn deadlock(py: Python<'_>) -> PyErr {
    let words = "this thread would wait for itself";
    (DEADLOCK.get(py)).map_or_else(|error| error, |class| PyErr::from_type(class.clone(), words))
}

/// Converts the error of a lock.
pub(crate) fn not_held(py: Python<'_>) -> impl FnOnce(NotHeld) -> PyErr {
    move |NotHeld| Failure::LockNotHeld.raise(py)
}

/// Converts the error of a reentrant lock.
pub(crate) fn not_owned(py: Python<'_>) -> impl FnOnce(NotHeld) -> PyErr {
    move |NotHeld| Failure::RLockNotOwned.raise(py)
}

/// Converts the error of a semaphore.
pub(crate) fn too_many(py: Python<'_>) -> impl FnOnce(TooMany) -> PyErr {
    move |TooMany| Failure::SemaphoreBound.raise(py)
}

/// Converts the error of a barrier.
pub(crate) fn broken(py: Python<'_>) -> impl FnOnce(Broken) -> PyErr {
    move |_| Failure::BrokenBarrier.raise(py)
}

/// Returns the exception of a broken barrier; `message` tells why it is broken.
pub(crate) fn broken_barrier(py: Python<'_>, message: String) -> PyErr {
    (BROKEN_BARRIER.get(py)).map_or_else(|error| error, |class| PyErr::from_type(class, message))
}

/// Converts the error of a queue that has no item.
pub(crate) fn no_item(py: Python<'_>, error: GetError) -> PyErr {
    match error {
        GetError::ShutDown => Failure::ShutDown.raise(py),
        GetError::Empty | GetError::Interrupted | GetError::Retired => Failure::Empty.raise(py),
    }
}

/// Returns the exception of a future that is already done.
pub(crate) fn invalid_state(py: Python<'_>, message: String) -> PyErr {
    match INVALID_STATE.get(py) {
        Ok(class) => PyErr::from_type(class, message),
        Err(error) => error,
    }
}

/// Returns the exception of a `SimpleQueue` that has no item.
pub(crate) fn no_simple_item(py: Python<'_>) -> PyErr {
    EMPTY_BOUND_ONCE
        .get(py)
        .map_or_else(|error| error, |class| PyErr::from_type(class.clone(), ()))
}

/// Returns whether an exception means that a queue has no item.
pub(crate) fn is_no_item(exception: &Bound<'_, PyBaseException>) -> bool {
    EMPTY.is_class_of(exception) || SHUT_DOWN.is_class_of(exception)
}

/// Converts the error of a queue whose tasks are all done already.
pub(crate) fn too_many_done(py: Python<'_>) -> impl FnOnce(TooManyDone) -> PyErr {
    move |TooManyDone| Failure::TooManyDone.raise(py)
}
