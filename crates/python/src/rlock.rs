//! `threading.RLock`.

use interlock_sync::host::{Reset, Restore};
use interlock_wait::{Deadline, ThreadIdent};
use pyo3::exceptions::{PyDeprecationWarning, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::blocking;
#[cfg(Py_3_15)]
use crate::convert::check_exception;
use crate::convert::{LockTimeout, Timeout, Truth, takes_no_arguments};
use crate::engine;
use crate::errors;
use crate::lock_types;
use crate::raw::Attached;

/// A lock that its owner may acquire again, and must release as many times.
///
/// `acquire()` blocks while another thread owns the lock; Ctrl-C ends the wait. A contended lock is handed over
/// again and again, so no thread starves. Follows
/// https://docs.python.org/3/library/threading.html#rlock-objects.
// It has the name of the standard type, because error messages contain the name.
#[pyclass(frozen, weakref, subclass, module = "_thread")]
pub(crate) struct RLock {
    pub(crate) engine: Attached<engine::RLock>,
}

#[pymethods]
impl RLock {
    #[cfg(Py_3_15)]
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        RLock::create(class, args, kwargs)
    }

    #[cfg(not(Py_3_15))]
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs), text_signature = "(*args, **kwargs)")]
    fn new(
        class: &Bound<'_, PyType>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        RLock::create(class, args, kwargs)
    }

    /// Take the lock, once more if this thread owns it, and return whether that succeeded.
    ///
    /// Blocks while another thread owns the lock, for at most `timeout` seconds (-1: without limit), or not at all if
    /// `blocking` is false. Raises ValueError for a negative timeout or one without blocking, OverflowError for one
    /// beyond TIMEOUT_MAX.
    #[pyo3(signature = (blocking = Truth(true), timeout = LockTimeout::UNLIMITED), text_signature = "($self, blocking=True, timeout=-1)")]
    #[inline]
    pub(crate) fn acquire(&self, py: Python<'_>, blocking: Truth, timeout: LockTimeout) -> PyResult<bool> {
        if timeout.is_unlimited() && self.engine.get(py).try_acquire().is_ok() {
            return Ok(true);
        }
        self.acquire_slow(py, blocking.0, timeout)
    }

    /// Release the lock once. The last release wakes one thread that waits for it. Never blocks.
    ///
    /// Raises RuntimeError if the calling thread does not own the lock.
    #[inline]
    pub(crate) fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.engine.get(py).release().map_err(errors::not_owned(py))
    }

    /// Return whether any thread owns the lock.
    fn locked(&self, py: Python<'_>) -> bool {
        self.engine.get(py).is_locked()
    }

    /// Take the lock: blocks while another thread owns it.
    #[cfg(Py_3_15)]
    #[inline]
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire(py, Truth(true), LockTimeout::UNLIMITED)
    }

    /// Take the lock: blocks while another thread owns it.
    #[cfg(not(Py_3_15))]
    #[pyo3(signature = (blocking = Truth(true), timeout = LockTimeout::UNLIMITED), text_signature = "($self, blocking=True, timeout=-1)")]
    #[inline]
    fn __enter__(&self, py: Python<'_>, blocking: Truth, timeout: LockTimeout) -> PyResult<bool> {
        self.acquire(py, blocking, timeout)
    }

    /// Release the lock once.
    #[cfg(Py_3_15)]
    #[inline]
    #[pyo3(signature = (*exception), text_signature = "($self, exc_type, exc_value, exc_tb, /)")]
    fn __exit__(&self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        check_exception(exception)?;
        self.release(py)
    }

    /// Release the lock once.
    #[cfg(not(Py_3_15))]
    #[inline]
    #[pyo3(signature = (*_exception), text_signature = "($self, /, *exc_info)")]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.release(py)
    }

    pub(crate) fn _is_owned(&self, py: Python<'_>) -> bool {
        self.engine.get(py).is_owned()
    }

    fn _recursion_count(&self, py: Python<'_>) -> usize {
        self.engine.get(py).recursion_count()
    }

    pub(crate) fn _release_save(&self, py: Python<'_>) -> PyResult<(usize, u64)> {
        let saved = self.engine.get(py).release_all().map_err(errors::not_owned(py))?;
        Ok((saved.count, saved.owner.get()))
    }

    pub(crate) fn _acquire_restore(&self, py: Python<'_>, saved: (usize, u64)) -> PyResult<()> {
        let nothing = saved.0 == 0;
        let saved = interlock_sync::Saved {
            count: saved.0.max(1),
            owner: ThreadIdent::new(saved.1),
        };
        blocking::go_on_waiting(py, Deadline::NEVER, |context| {
            // A wait that insists always succeeds.
            let _ = self.engine.get(py).restore_with(saved, &mut context.insisting());
            if nothing {
                // This cannot fail: the calling thread has just acquired the lock.
                let _ = self.engine.get(py).release();
            }
        })
    }

    fn _at_fork_reinit(&self, py: Python<'_>) {
        self.engine.get(py).reset();
    }

    /// The standard library's type, for `isinstance()`.
    #[getter(__class__)]
    fn class<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyType>> {
        lock_types::RLOCK.class_of(slf)
    }

    #[setter(__class__)]
    fn set_class(slf: &Bound<'_, Self>, class: &Bound<'_, PyAny>) -> PyResult<()> {
        lock_types::set_class(slf, class)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let owner = slf.get().engine.get(slf.py()).owner();
        let state = if owner.is_some() { "locked" } else { "unlocked" };
        let (ident, count) = owner.map_or((0, 0), |(owner, count)| (owner.get(), count));
        let class = Self::class(slf)?.fully_qualified_name()?;
        Ok(format!(
            "<{state} {class} object owner={ident} count={count} at {:p}>",
            slf.as_ptr()
        ))
    }
}

/// Treats arguments of `RLock()` as the standard library does: ignores them up to 3.12, warns up to 3.14, and refuses
/// them from 3.15 on. A derived class may take any arguments; from 3.15 on, only if it has an `__init__` of its own.
#[cold]
fn refuse_arguments(
    class: &Bound<'_, PyType>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    let py = class.py();
    if cfg!(Py_3_15) {
        let named = kwargs.and_then(|kwargs| kwargs.keys().get_item(0).ok());
        // `threading.RLock` is a Python function, whose error message differs from that of the type.
        let words = match (named, class.is(py.get_type::<RLock>())) {
            (Some(name), true) => format!("RLock() got an unexpected keyword argument '{name}'"),
            (None, true) if args.len() == 1 => {
                "RLock() takes 0 positional arguments but 1 was given".to_owned()
            }
            (None, true) => format!(
                "RLock() takes 0 positional arguments but {} were given",
                args.len()
            ),
            _ if !takes_no_arguments(class)? => return Ok(()),
            (Some(_), false) => "RLock() takes no keyword arguments".to_owned(),
            (None, false) => "RLock() takes no positional arguments".to_owned(),
        };
        return Err(PyTypeError::new_err(words));
    }
    if cfg!(not(Py_3_13)) || !class.is(py.get_type::<RLock>()) {
        return Ok(());
    }
    let words = "Passing arguments to RLock is deprecated and will be removed in 3.15";
    let category = py.get_type::<PyDeprecationWarning>();
    py.import("warnings")?
        .call_method1("warn", (words, category, 1))
        .map(drop)
}

impl RLock {
    #[inline]
    fn create(
        class: &Bound<'_, PyType>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        if !args.is_empty() || kwargs.is_some_and(|kwargs| !kwargs.is_empty()) {
            refuse_arguments(class, args, kwargs)?;
        }
        Ok(RLock::default())
    }

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

impl Default for RLock {
    fn default() -> Self {
        RLock {
            engine: Attached::new(engine::RLock::new_in()),
        }
    }
}
