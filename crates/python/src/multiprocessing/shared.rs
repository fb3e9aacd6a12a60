//! The common parts of all shared objects: their place in the family's memory, the arguments of `acquire()`, and
//! the thread that holds them.

use std::sync::OnceLock;
use std::time::Duration;

use interlock_shm::Error;
use interlock_wait::primitive::global::{AtomicU64, Ordering};
use interlock_wait::{Deadline, ThreadIdent};
use pyo3::exceptions::{PyMemoryError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyFloat;

use crate::errors::os_error;

/// Longer timeouts count as no timeout; a clock may not be able to represent their end.
const LONGEST_SECONDS: f64 = 1e9;

/// An object of the engine that `__init__` or `__setstate__` gives to a Python object.
pub(crate) struct Shared<T>(OnceLock<T>);

impl<T> Shared<T> {
    pub(super) const fn new() -> Self {
        Shared(OnceLock::new())
    }

    /// # Errors
    /// The object has one already: it was initialized before.
    pub(super) fn begin(&self, object: T) -> PyResult<()> {
        self.0
            .set(object)
            .map_err(|_| PyRuntimeError::new_err("the object is initialized already"))
    }

    /// # Errors
    /// Neither `__init__` nor `__setstate__` was called.
    #[inline]
    pub(super) fn get(&self) -> PyResult<&T> {
        match self.0.get() {
            Some(object) => Ok(object),
            None => Err(not_initialized()),
        }
    }
}

#[cold]
#[inline(never)]
fn not_initialized() -> PyErr {
    PyRuntimeError::new_err("__init__() was not called")
}

/// The last thread of this process that acquired the object. It holds the object if this process does.
#[derive(Default)]
pub(super) struct LastThread(AtomicU64);

impl LastThread {
    #[inline]
    pub(super) fn set(&self) {
        // Relaxed: a thread compares it with its own number, which only it writes.
        self.0.store(ThreadIdent::current().get(), Ordering::Relaxed);
    }

    pub(super) fn is_current(&self) -> bool {
        // Relaxed: as above.
        self.0.load(Ordering::Relaxed) == ThreadIdent::current().get()
    }
}

/// Returns the deadline of a wait with this `timeout`, as `multiprocessing` reads it: a negative time has passed,
/// None means no limit. NaN has passed too: see [`not_a_time`].
///
/// # Errors
/// The timeout has another type.
pub(super) fn deadline(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Deadline> {
    let Some(timeout) = timeout else {
        return Ok(Deadline::NEVER);
    };
    let seconds = match timeout.cast_exact::<PyFloat>() {
        Ok(seconds) => seconds.value(),
        Err(_) => timeout.extract()?,
    };
    Ok(match seconds {
        LONGEST_SECONDS.. => Deadline::NEVER,
        0.0.. if seconds > 0.0 => Deadline::after(Duration::from_secs_f64(seconds)),
        _ => Deadline::PASSED,
    })
}

/// Returns whether a timeout is NaN. If a wait would begin, the standard library has an error then.
#[cold]
pub(super) fn is_nan(timeout: Option<&Bound<'_, PyAny>>) -> bool {
    timeout.is_some_and(|timeout| timeout.extract().is_ok_and(f64::is_nan))
}

/// Like [`deadline`], but NaN is the error that it is for the standard library's semaphores.
///
/// # Errors
/// The timeout is not a number.
pub(super) fn deadline_of_wait(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Deadline> {
    match deadline(timeout)? {
        Deadline::PASSED if is_nan(timeout) => Err(not_a_time()),
        deadline => Ok(deadline),
    }
}

/// Like [`deadline`], but NaN is the error that it is for `select.poll()`.
///
/// # Errors
/// The timeout is not a number.
pub(super) fn deadline_of_poll(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Deadline> {
    match deadline(timeout)? {
        Deadline::PASSED if is_nan(timeout) => {
            Err(PyValueError::new_err("cannot convert float NaN to integer"))
        }
        deadline => Ok(deadline),
    }
}

/// Returns the error of a semaphore's wait for NaN seconds.
#[cold]
pub(super) fn not_a_time() -> PyErr {
    PyOSError::new_err((EINVAL, "Invalid argument"))
}

/// Converts an error of the family's memory to an exception.
#[cold]
pub(crate) fn refused(error: Error) -> PyErr {
    match error {
        Error::Kernel(error) => os_error(error),
        Error::Full { .. } | Error::OutOfReach { .. } | Error::TooManyObjects => {
            PyMemoryError::new_err(error.to_string())
        }
        Error::Closed => PyOSError::new_err((EBADF, error.to_string())),
        Error::TooManyProcesses => PyOSError::new_err((EAGAIN, error.to_string())),
        error => PyRuntimeError::new_err(error.to_string()),
    }
}

/// The number of the kernel's error "bad file descriptor".
const EBADF: i32 = 9;

/// The number of the kernel's error "try again", as `fork()` has it for too many processes: the same on all of Linux.
const EAGAIN: i32 = 11;

/// The number of the kernel's error "invalid argument".
const EINVAL: i32 = 22;
