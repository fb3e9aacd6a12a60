//! `threading.Lock`.

use interlock_sync::host::Reset;
use interlock_wait::Deadline;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::blocking;
#[cfg(Py_3_15)]
use crate::convert::check_exception;
use crate::convert::{LockTimeout, Timeout, Truth};
use crate::engine;
use crate::errors;
use crate::lock_types;
use crate::raw::Attached;

/// A mutual-exclusion lock, which any thread may release.
///
/// `acquire()` blocks until the lock is free; Ctrl-C ends the wait. A contended lock is handed over again
/// and again, so no thread starves. Follows https://docs.python.org/3/library/threading.html#lock-objects.
// It has the name of the standard type, because error messages contain the name.
#[pyclass(frozen, weakref, name = "lock", module = "_thread")]
pub(crate) struct Lock {
    pub(crate) engine: Attached<engine::Lock>,
}

/// Create a new, unlocked lock: `threading.Lock()`.
#[pyfunction(name = "Lock")]
pub(crate) fn allocate_lock() -> Lock {
    Lock {
        engine: Attached::new(engine::Lock::new_in()),
    }
}

#[pymethods]
impl Lock {
    #[new]
    #[classmethod]
    #[pyo3(signature = (), text_signature = "()")]
    fn new(class: &Bound<'_, PyType>) -> PyResult<Self> {
        if cfg!(not(Py_3_13)) {
            // Up to 3.12, `threading.Lock` is a function in the standard library, and the type cannot be called.
            let name = lock_types::LOCK.class(class.py())?.fully_qualified_name()?;
            return Err(PyTypeError::new_err(format!("cannot create '{name}' instances")));
        }
        Ok(allocate_lock())
    }

    /// Take the lock, and return whether that succeeded.
    ///
    /// Blocks until the lock is free, for at most `timeout` seconds (-1: without limit), or not at all if `blocking` is
    /// false. Raises ValueError for a negative timeout or one without blocking, OverflowError for one beyond
    /// TIMEOUT_MAX.
    #[pyo3(signature = (blocking = Truth(true), timeout = LockTimeout::UNLIMITED), text_signature = "($self, blocking=True, timeout=-1)")]
    #[inline]
    pub(crate) fn acquire(&self, py: Python<'_>, blocking: Truth, timeout: LockTimeout) -> PyResult<bool> {
        if timeout.is_unlimited() && self.engine.get(py).try_acquire().is_ok() {
            return Ok(true);
        }
        self.acquire_slow(py, blocking.0, timeout)
    }

    /// Release the lock, whichever thread holds it, and wake one thread that waits for it. Never blocks.
    ///
    /// Raises RuntimeError if the lock is not locked.
    #[inline]
    pub(crate) fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.engine.get(py).release().map_err(errors::not_held(py))
    }

    /// Return whether any thread holds the lock.
    fn locked(&self, py: Python<'_>) -> bool {
        self.engine.get(py).is_locked()
    }

    /// An obsolete synonym of acquire().
    #[pyo3(signature = (blocking = Truth(true), timeout = LockTimeout::UNLIMITED), text_signature = "($self, blocking=True, timeout=-1)")]
    fn acquire_lock(&self, py: Python<'_>, blocking: Truth, timeout: LockTimeout) -> PyResult<bool> {
        self.acquire(py, blocking, timeout)
    }

    /// An obsolete synonym of release().
    fn release_lock(&self, py: Python<'_>) -> PyResult<()> {
        self.release(py)
    }

    /// An obsolete synonym of locked().
    fn locked_lock(&self, py: Python<'_>) -> bool {
        self.locked(py)
    }

    /// Take the lock: blocks until it is free.
    #[cfg(Py_3_15)]
    #[inline]
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire(py, Truth(true), LockTimeout::UNLIMITED)
    }

    /// Take the lock: blocks until it is free.
    #[cfg(not(Py_3_15))]
    #[pyo3(signature = (blocking = Truth(true), timeout = LockTimeout::UNLIMITED), text_signature = "($self, blocking=True, timeout=-1)")]
    #[inline]
    fn __enter__(&self, py: Python<'_>, blocking: Truth, timeout: LockTimeout) -> PyResult<bool> {
        self.acquire(py, blocking, timeout)
    }

    /// Release the lock.
    #[cfg(Py_3_15)]
    #[inline]
    #[pyo3(signature = (*exception), text_signature = "($self, exc_type, exc_value, exc_tb, /)")]
    fn __exit__(&self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        check_exception(exception)?;
        self.release(py)
    }

    /// Release the lock.
    #[cfg(not(Py_3_15))]
    #[inline]
    #[pyo3(signature = (*_exception), text_signature = "($self, /, *exc_info)")]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.release(py)
    }

    fn _at_fork_reinit(&self, py: Python<'_>) {
        self.engine.get(py).reset();
    }

    /// The standard library's type, for `isinstance()`.
    #[getter(__class__)]
    fn class<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyType>> {
        lock_types::LOCK.class_of(slf)
    }

    #[setter(__class__)]
    fn set_class(slf: &Bound<'_, Self>, class: &Bound<'_, PyAny>) -> PyResult<()> {
        lock_types::set_class(slf, class)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = if slf.get().engine.get(slf.py()).is_locked() {
            "locked"
        } else {
            "unlocked"
        };
        Ok(format!(
            "<{state} {} object at {:p}>",
            Self::class(slf)?.fully_qualified_name()?,
            slf.as_ptr()
        ))
    }
}

impl Lock {
    #[cold]
    fn acquire_slow(&self, py: Python<'_>, blocking: bool, timeout: LockTimeout) -> PyResult<bool> {
        let timeout = timeout.checked(blocking)?;
        if self.engine.get(py).try_acquire().is_ok() {
            return Ok(true);
        }
        match timeout.map_or(Ok(Deadline::PASSED), Timeout::deadline)? {
            Deadline::PASSED => Ok(false),
            deadline => blocking::wait(py, deadline, |context| {
                self.engine.get(py).acquire_with(context).is_ok()
            }),
        }
    }
}
