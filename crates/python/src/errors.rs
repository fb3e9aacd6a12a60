//! The one table from what can go wrong in the engine to the exceptions that the standard library raises for it.

use interlock_queue::{GetError, TooManyDone};
use interlock_sync::{Broken, NotHeld, TooMany};
use pyo3::exceptions::{PyAttributeError, PyBaseException, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::imported::Imported;
use crate::raw::{self, Name};

/// A class that functions of the standard library look up in the globals of their module when they raise it: programs put
/// another in its place.
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

/// What `SimpleQueue` raises, which is C code in the standard library, and bound for good.
static EMPTY_FOR_GOOD: Imported<PyType> = Imported::new("_queue", "Empty");

/// Looks up what is bound for good. To be called while our module is imported.
pub(crate) fn remember(py: Python<'_>) -> PyResult<()> {
    EMPTY_FOR_GOOD.get(py).map(drop)
}

/// The exception that an error is. `PyErr`'s own methods that look at it (clippy.toml lists them) detach, and attach anew,
/// which ends the process if the interpreter is finalizing.
pub(crate) fn exception(py: Python<'_>, error: PyErr) -> Bound<'_, PyBaseException> {
    error.restore(py);
    #[expect(
        clippy::disallowed_methods,
        reason = "a fetched error is an exception already: nothing is made here, and nothing detaches"
    )]
    PyErr::fetch(py).into_value(py).into_bound(py)
}

/// The error that raises an exception that was raised before, with the traceback and the context that it has.
pub(crate) fn again(exception: Bound<'_, PyBaseException>) -> PyErr {
    PyErr::from_value(exception.into_any())
}

/// Raises what a queue raises that has no item in the calling thread, as C code does: `queue.Empty`.
pub(crate) fn raise_empty(py: Python<'_>) {
    EMPTY
        .get(py)
        .map_or_else(|error| error.restore(py), |class| raw::raise(&class));
}

/// The same for a `SimpleQueue`.
pub(crate) fn raise_simply_empty(py: Python<'_>) {
    EMPTY_FOR_GOOD
        .get(py)
        .map_or_else(|error| error.restore(py), raw::raise);
}

/// Whether an exception is a `concurrent.futures.CancelledError`.
pub(crate) fn is_cancelled(exception: &Bound<'_, PyBaseException>) -> bool {
    CANCELLED.is_class_of(exception)
}

/// What the exception is of.
pub(crate) enum Failure {
    /// A lock was released that nobody has.
    LockNotHeld,
    /// A reentrant lock was released that the thread does not own.
    RLockNotOwned,
    /// A condition's lock is not held in a wait.
    WaitNotHeld,
    /// A condition's lock is not held in a notification.
    NotifyNotHeld,
    /// A condition's `__init__` was not called.
    NotInitialized,
    /// More permits were released than a bounded semaphore has.
    SemaphoreBound,
    /// A barrier is broken.
    BrokenBarrier,
    /// A queue has no item.
    Empty,
    /// A queue has no room.
    Full,
    /// A queue is shut down.
    ShutDown,
    /// More tasks were said to be done than there were.
    TooManyDone,
    /// A future was cancelled.
    Cancelled,
    /// The result of a pool's call is not there in time.
    ResultNotThere,
}

impl Failure {
    /// The standard library's exception.
    #[cold]
    pub(crate) fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Failure::LockNotHeld => PyRuntimeError::new_err("release unlocked lock"),
            Failure::RLockNotOwned => PyRuntimeError::new_err("cannot release un-acquired lock"),
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

/// A lock's refusal, as its exception.
pub(crate) fn not_held(py: Python<'_>) -> impl FnOnce(NotHeld) -> PyErr {
    move |NotHeld| Failure::LockNotHeld.raise(py)
}

/// A reentrant lock's refusal, as its exception.
pub(crate) fn not_owned(py: Python<'_>) -> impl FnOnce(NotHeld) -> PyErr {
    move |NotHeld| Failure::RLockNotOwned.raise(py)
}

/// A semaphore's refusal, as its exception.
pub(crate) fn too_many(py: Python<'_>) -> impl FnOnce(TooMany) -> PyErr {
    move |TooMany| Failure::SemaphoreBound.raise(py)
}

/// A barrier's refusal, as its exception.
pub(crate) fn broken(py: Python<'_>) -> impl FnOnce(Broken) -> PyErr {
    move |_| Failure::BrokenBarrier.raise(py)
}

/// A queue's refusal of an item, as its exception.
pub(crate) fn no_item(py: Python<'_>, error: GetError) -> PyErr {
    match error {
        GetError::ShutDown => Failure::ShutDown.raise(py),
        GetError::Empty | GetError::Interrupted | GetError::Retired => Failure::Empty.raise(py),
    }
}

/// The refusal of a future that is done already.
pub(crate) fn invalid_state(py: Python<'_>, message: String) -> PyErr {
    match INVALID_STATE.get(py) {
        Ok(class) => PyErr::from_type(class, message),
        Err(error) => error,
    }
}

/// The refusal of a `SimpleQueue` that has no item.
pub(crate) fn no_simple_item(py: Python<'_>) -> PyErr {
    EMPTY_FOR_GOOD
        .get(py)
        .map_or_else(|error| error, |class| PyErr::from_type(class.clone(), ()))
}

/// Whether an exception says that a queue has no item.
pub(crate) fn is_no_item(exception: &Bound<'_, PyBaseException>) -> bool {
    EMPTY.is_class_of(exception) || SHUT_DOWN.is_class_of(exception)
}

/// A queue's refusal to count one more task as done, as its exception.
pub(crate) fn too_many_done(py: Python<'_>) -> impl FnOnce(TooManyDone) -> PyErr {
    move |TooManyDone| Failure::TooManyDone.raise(py)
}
