//! `threading.Semaphore` and `threading.BoundedSemaphore`.

use interlock_sync as engine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::{Timeout, Truth, class_name};
use crate::errors;

/// A number of permits.
///
/// Blocks in `acquire()` while there is none, until `release()`; Ctrl-C ends the wait. Follows
/// https://docs.python.org/3/library/threading.html#semaphore-objects.
#[pyclass(frozen, weakref, subclass, dict, module = "threading")]
pub(crate) struct Semaphore {
    engine: engine::Semaphore,
}

fn permits(value: isize) -> PyResult<usize> {
    usize::try_from(value).map_err(|_| PyValueError::new_err("semaphore initial value must be >= 0"))
}

#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=1)")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Semaphore {
            engine: engine::Semaphore::new(1),
        }
    }

    #[pyo3(signature = (value = 1))]
    fn __init__(&self, value: isize) -> PyResult<()> {
        self.engine.begin_with(permits(value)?, usize::MAX);
        Ok(())
    }

    /// Take a permit; whether one was taken.
    ///
    /// Blocks while there is none, for at most `timeout` seconds (None: without limit), or not at all if `blocking` is
    /// false. Raises ValueError for a timeout without blocking.
    #[pyo3(signature = (blocking = Truth(true), timeout = Timeout::Never), text_signature = "($self, blocking=True, timeout=None)")]
    #[inline]
    fn acquire(&self, py: Python<'_>, blocking: Truth, timeout: Timeout) -> PyResult<bool> {
        if !blocking.0 && matches!(timeout, Timeout::Seconds(_)) {
            return Err(PyValueError::new_err(
                "can't specify timeout for non-blocking acquire",
            ));
        }
        if self.engine.try_acquire() {
            return Ok(true);
        }
        if !blocking.0 {
            return Ok(false);
        }
        blocking::wait(py, timeout.deadline()?, |patience| {
            self.engine.acquire_with(patience).is_ok()
        })
    }

    /// Take a permit: blocks while there is none.
    #[inline]
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire(py, Truth(true), Timeout::Never)
    }

    /// Give back `n` permits, and wake as many threads that wait. Never blocks.
    ///
    /// Raises ValueError if n is less than 1, or if there would be more permits than a BoundedSemaphore began with.
    #[pyo3(signature = (n = 1))]
    #[inline]
    fn release(&self, py: Python<'_>, n: isize) -> PyResult<()> {
        match n {
            1 => self.engine.release(),
            2.. => self.engine.release_many(n.unsigned_abs()),
            _ => return Err(PyValueError::new_err("n must be one or more")),
        }
        .map_err(errors::too_many(py))
    }

    /// Give back one permit.
    #[inline]
    #[pyo3(signature = (kind, value, traceback, /))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        kind: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = (kind, value, traceback);
        slf.get().release(slf.py(), 1)
    }

    #[getter]
    fn _value(&self) -> usize {
        self.engine.permits()
    }

    fn _at_fork_reinit(&self) {
        self.engine.reset();
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let permits = slf.get().engine.permits();
        Ok(format!(
            "<{} at {:p}: value={permits}>",
            class_name(slf)?,
            slf.as_ptr()
        ))
    }
}

/// A semaphore whose permits never become more than there were at first.
///
/// Follows https://docs.python.org/3/library/threading.html#semaphore-objects.
#[pyclass(frozen, subclass, extends = Semaphore, module = "threading")]
pub(crate) struct BoundedSemaphore {}

#[pymethods]
impl BoundedSemaphore {
    #[new]
    #[pyo3(signature = (*args, **kwargs), text_signature = "(value=1)")]
    fn new(args: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyAny>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Semaphore::new(args, kwargs)).add_subclass(BoundedSemaphore {})
    }

    #[pyo3(signature = (value = 1))]
    fn __init__(slf: &Bound<'_, Self>, value: isize) -> PyResult<()> {
        let permits = permits(value)?;
        slf.as_super().get().engine.begin_with(permits, permits);
        Ok(())
    }

    #[getter]
    fn _initial_value(slf: &Bound<'_, Self>) -> usize {
        slf.as_super().get().engine.bound()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let engine = &slf.as_super().get().engine;
        let class = class_name(slf)?;
        Ok(format!(
            "<{class} at {:p}: value={}/{}>",
            slf.as_ptr(),
            engine.permits(),
            engine.bound()
        ))
    }
}
