//! `threading.Semaphore` and `threading.BoundedSemaphore`.

use interlock_sync as engine;
use interlock_wait::StateLock;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::{Timeout, Truth, class_name};
use crate::count::{self, Given, Permits};
use crate::errors;

/// A number of permits.
///
/// Blocks in `acquire()` while there is none, until `release()`; Ctrl-C ends the wait. Follows
/// https://docs.python.org/3/library/threading.html#semaphore-objects.
#[pyclass(frozen, weakref, subclass, dict, module = "threading")]
pub(crate) struct Semaphore {
    engine: engine::Semaphore,
    /// The number that it began with, if that was no plain integer, and the permits that stand for it. The garbage collector
    /// need not see it: a number refers to nothing.
    odd: StateLock<Option<(Py<PyAny>, usize)>>,
}

#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=1)")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Semaphore {
            engine: engine::Semaphore::new(1),
            odd: StateLock::new(None),
        }
    }

    #[pyo3(signature = (value = Given::default()))]
    fn __init__(&self, py: Python<'_>, value: Given) -> PyResult<()> {
        self.begin(py, value, false)
    }

    /// Take a permit; whether one was taken.
    ///
    /// Blocks while there is none, for at most `timeout` seconds (None: without limit), or not at all if `blocking` is
    /// false. Raises ValueError for a timeout without blocking.
    #[pyo3(signature = (blocking = Truth(true), timeout = None), text_signature = "($self, blocking=True, timeout=None)")]
    #[inline]
    fn acquire(&self, py: Python<'_>, blocking: Truth, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        if !blocking.0 && timeout.is_some() {
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
        blocking::wait(py, Timeout::of(timeout)?.deadline()?, |patience| {
            self.engine.acquire_with(patience).is_ok()
        })
    }

    /// Take a permit: blocks while there is none.
    #[inline]
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire(py, Truth(true), None)
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
    fn _value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.as_number(py, self.engine.permits())
    }

    fn _at_fork_reinit(&self) {
        self.engine.reset();
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let value = slf.get()._value(slf.py())?;
        Ok(format!(
            "<{} at {:p}: value={value}>",
            class_name(slf)?,
            slf.as_ptr()
        ))
    }
}

impl Semaphore {
    /// Begins anew with the permits that `value` stands for, 1 if it was not given.
    fn begin(&self, py: Python<'_>, value: Given, bounded: bool) -> PyResult<()> {
        let value = value.0.map(|value| value.into_bound(py));
        let plain = value.as_ref().map_or(Some(1), count::plain);
        let (permits, odd) = match (plain, value) {
            (Some(first @ 0..), _) => {
                let first = first.unsigned_abs();
                (Permits { first, most: first }, None)
            }
            (_, Some(value)) => {
                let permits = Permits::of(&value)?;
                let first = permits.first;
                (permits, Some((value.unbind(), first)))
            }
            (_, None) => return Ok(()),
        };
        let before = std::mem::replace(&mut *self.odd.lock(), odd);
        drop(before);
        self.engine
            .begin_with(permits.first, if bounded { permits.most } else { usize::MAX });
        Ok(())
    }

    /// What the standard library would have counted up or down to, from the number that it began with.
    fn as_number<'py>(&self, py: Python<'py>, permits: usize) -> PyResult<Bound<'py, PyAny>> {
        let odd = self
            .odd
            .lock()
            .as_ref()
            .map(|(number, first)| (number.clone_ref(py), *first));
        match odd {
            None => Ok(permits.into_pyobject(py)?.into_any()),
            Some((number, first)) if first == permits => Ok(number.into_bound(py)),
            // More than half of all numbers is a number without end, and so is what it wraps to.
            Some((number, first)) => number
                .bind(py)
                .add(permits.cast_signed().wrapping_sub(first.cast_signed())),
        }
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

    #[pyo3(signature = (value = Given::default()))]
    fn __init__(slf: &Bound<'_, Self>, value: Given) -> PyResult<()> {
        slf.as_super().get().begin(slf.py(), value, true)
    }

    #[getter]
    fn _initial_value<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let semaphore = slf.as_super().get();
        match &*semaphore.odd.lock() {
            Some((number, _)) => Ok(number.bind(slf.py()).clone()),
            None => Ok(semaphore.engine.bound().into_pyobject(slf.py())?.into_any()),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = class_name(slf)?;
        let value = slf.as_super().get()._value(slf.py())?;
        let most = Self::_initial_value(slf)?;
        Ok(format!("<{class} at {:p}: value={value}/{most}>", slf.as_ptr()))
    }
}
