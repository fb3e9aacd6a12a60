//! `threading.Condition`.

use std::sync::OnceLock;

use interlock_sync as engine;
use interlock_wait::{Deadline, Wake};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::blocking;
use crate::convert::{LockTimeout, Timeout, Truth};
use crate::count::Count;
use crate::errors::Failure;
use crate::lock::Lock;
use crate::made::Made;
use crate::rlock::RLock;

/// A condition variable: lets threads wait until another one notifies them.
///
/// Blocks in `wait()`, with its lock released, until `notify()`; Ctrl-C ends the wait, after the lock was taken back.
/// Follows https://docs.python.org/3/library/threading.html#condition-objects.
#[pyclass(frozen, weakref, subclass, dict, module = "threading")]
pub(crate) struct Condition {
    engine: engine::Condition,
    lock: OnceLock<AnyLock>,
    made: Made,
}

/// The lock of a condition: ours, which the engine can give up and take back in one step, or any object like a lock.
enum AnyLock {
    Lock(Py<Lock>),
    RLock(Py<RLock>),
    Other(Py<PyAny>),
}

impl AnyLock {
    /// # Errors
    /// The object is no lock: it has no `acquire` or no `release`.
    fn new(lock: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(if let Ok(lock) = lock.cast_exact::<RLock>() {
            AnyLock::RLock(lock.clone().unbind())
        } else if let Ok(lock) = lock.cast_exact::<Lock>() {
            AnyLock::Lock(lock.clone().unbind())
        } else {
            lock.getattr("acquire")?;
            lock.getattr("release")?;
            AnyLock::Other(lock.clone().unbind())
        })
    }

    fn as_any(&self) -> &Py<PyAny> {
        match self {
            AnyLock::Lock(lock) => lock.as_any(),
            AnyLock::RLock(lock) => lock.as_any(),
            AnyLock::Other(lock) => lock,
        }
    }

    /// Whether the calling thread has the lock, as far as its kind can tell.
    fn is_owned(&self, py: Python<'_>) -> PyResult<bool> {
        let lock = match self {
            AnyLock::RLock(lock) => return Ok(lock.get().engine.is_owned()),
            AnyLock::Lock(lock) => return Ok(lock.get().engine.is_locked()),
            AnyLock::Other(lock) => lock.bind(py),
        };
        if let Some(is_owned) = lock.getattr_opt("_is_owned")? {
            return is_owned.call0()?.is_truthy();
        }
        let free = lock.call_method1("acquire", (false,))?.is_truthy()?;
        if free {
            lock.call_method0("release")?;
        }
        Ok(!free)
    }

    /// Releases the lock altogether; what it takes to restore it.
    fn release_save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let lock = self.as_any().bind(py);
        match lock.getattr_opt("_release_save")? {
            Some(release_save) => release_save.call0(),
            None => lock.call_method0("release"),
        }
    }

    fn acquire_restore(&self, saved: &Bound<'_, PyAny>) -> PyResult<()> {
        let lock = self.as_any().bind(saved.py());
        match lock.getattr_opt("_acquire_restore")? {
            Some(acquire_restore) => acquire_restore.call1((saved,))?,
            None => lock.call_method0("acquire")?,
        };
        Ok(())
    }
}

#[pymethods]
impl Condition {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(lock=None)")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Condition {
            engine: engine::Condition::new(),
            lock: OnceLock::new(),
            made: Made::new(),
        }
    }

    #[pyo3(signature = (lock = None))]
    fn __init__(&self, py: Python<'_>, lock: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let lock = match lock {
            Some(lock) => AnyLock::new(lock)?,
            None => AnyLock::RLock(Py::new(py, RLock::default())?),
        };
        // A condition that is initialized again keeps its lock, which others may wait for.
        let _ = self.lock.set(lock);
        Ok(())
    }

    /// Wait until notified; whether that happened within `timeout` seconds (None: without limit).
    ///
    /// Releases the lock while it waits, and has it again when it returns or raises. Raises RuntimeError if the calling
    /// thread does not have the lock.
    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let deadline = Timeout::of(timeout).and_then(Timeout::deadline_of_one_wait);
        self.wait_until(py, self.until(py, deadline)?)
    }

    /// Wait until predicate() is true; its last result.
    ///
    /// Calls it with the lock, first at once and then after each notification, until `timeout` seconds (None: without
    /// limit) are over. Raises RuntimeError if the calling thread does not have the lock and has to wait.
    #[pyo3(signature = (predicate, timeout = None))]
    fn wait_for<'py>(
        slf: &Bound<'py, Self>,
        predicate: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut until: Option<Deadline> = None;
        loop {
            let result = predicate.call0()?;
            if result.is_truthy()? || until.is_some_and(Deadline::has_passed) {
                return Ok(result);
            }
            let deadline = match until {
                Some(deadline) => deadline,
                None => slf.get().until(slf.py(), Timeout::of(timeout)?.deadline())?,
            };
            until = Some(deadline);
            if is_derived(slf) {
                slf.call_method1("wait", (deadline.remaining().map(|left| left.as_secs_f64()),))?;
            } else {
                slf.get().wait_until(slf.py(), deadline)?;
            }
        }
    }

    /// Notify `n` threads that wait, or as many as there are. Never blocks.
    ///
    /// They go on when they have the lock, one after the other. Raises RuntimeError if the calling thread does not have
    /// the lock.
    #[pyo3(signature = (n = Count(1)), text_signature = "($self, n=1)")]
    #[inline]
    fn notify(&self, py: Python<'_>, n: Count) -> PyResult<()> {
        let count = n.0.max(0).unsigned_abs();
        match self.lock()? {
            AnyLock::RLock(lock) if lock.get().engine.is_owned() => {
                self.engine.notify_with(&lock.get().engine, count);
            }
            AnyLock::Lock(lock) if lock.get().engine.is_locked() => {
                self.engine.notify_with(&lock.get().engine, count);
            }
            lock if lock.is_owned(py)? => self.engine.notify(count),
            _ => return Err(Failure::NotifyNotHeld.raise(py)),
        }
        Ok(())
    }

    /// Notify all threads that wait. Never blocks.
    ///
    /// Raises RuntimeError if the calling thread does not have the lock.
    fn notify_all(slf: &Bound<'_, Self>) -> PyResult<()> {
        if is_derived(slf) {
            return slf
                .call_method1("notify", (slf.get().engine.waiting(),))
                .map(drop);
        }
        slf.get().notify(slf.py(), Count(isize::MAX))
    }

    /// The old name of notify_all().
    #[pyo3(name = "notifyAll")]
    fn notify_all_by_its_old_name(slf: &Bound<'_, Self>) -> PyResult<()> {
        let warnings = slf.py().import("warnings")?;
        let category = slf.py().get_type::<pyo3::exceptions::PyDeprecationWarning>();
        warnings.call_method1(
            "warn",
            ("notifyAll() is deprecated, use notify_all() instead", category, 1),
        )?;
        slf.call_method0("notify_all").map(drop)
    }

    /// Take the lock, as its own acquire() does: the lock's method.
    #[getter]
    fn acquire<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.lock()?.as_any().bind(py).getattr("acquire")
    }

    /// Release the lock, as its own release() does: the lock's method.
    #[getter]
    fn release<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.lock()?.as_any().bind(py).getattr("release")
    }

    /// Whether some thread has the lock: the lock's method, for locks that have it.
    #[getter]
    fn locked<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.lock()?.as_any().bind(py).getattr("locked")
    }

    /// Take the lock: blocks until it is free.
    #[inline]
    fn __enter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.lock()? {
            AnyLock::RLock(lock) => {
                let taken = lock.get().acquire(py, Truth(true), LockTimeout::UNLIMITED)?;
                Ok(taken.into_pyobject(py)?.to_owned().into_any())
            }
            lock => lock.as_any().bind(py).call_method0("__enter__"),
        }
    }

    /// Release the lock.
    #[inline]
    #[pyo3(signature = (*args))]
    fn __exit__<'py>(&self, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        match self.lock()? {
            AnyLock::RLock(lock) => {
                lock.get().release(py)?;
                Ok(py.None().into_bound(py))
            }
            lock => lock.as_any().bind(py).call_method1("__exit__", args),
        }
    }

    fn _is_owned(&self, py: Python<'_>) -> PyResult<bool> {
        self.lock()?.is_owned(py)
    }

    fn _release_save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.lock()?.release_save(py)
    }

    fn _acquire_restore(&self, saved: &Bound<'_, PyAny>) -> PyResult<()> {
        self.lock()?.acquire_restore(saved)
    }

    #[getter]
    fn _lock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.lock()?.as_any().clone_ref(py))
    }

    /// As many entries as threads wait now; what they are is private to the engine.
    #[getter]
    fn _waiters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, (0..self.engine.waiting()).map(|_| py.None()))
    }

    fn _at_fork_reinit(&self, py: Python<'_>) -> PyResult<()> {
        self.engine.reset();
        self.lock()?
            .as_any()
            .call_method0(py, "_at_fork_reinit")
            .map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let lock = self.made.is_made().then(|| self.lock.get()).flatten();
        lock.map_or(Ok(()), |lock| visit.call(lock.as_any()))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "<Condition({}, {})>",
            self.lock()?.as_any().bind(py).str()?,
            self.engine.waiting()
        ))
    }
}

/// Whether the object's class is derived, and may have other ways to wait and to notify.
fn is_derived(condition: &Bound<'_, Condition>) -> bool {
    !condition.is_exact_instance_of::<Condition>()
}

impl Condition {
    /// A condition on one of our own locks, for the engine's use of it through [`Condition::engine`].
    pub(crate) fn on(lock: Py<Lock>) -> Self {
        Condition {
            engine: engine::Condition::new(),
            lock: OnceLock::from(AnyLock::Lock(lock)),
            made: Made::new(),
        }
    }

    pub(crate) fn engine(&self) -> &engine::Condition {
        &self.engine
    }

    /// Takes the lock if it is a free reentrant lock of ours; whether it did.
    #[inline]
    pub(crate) fn try_enter(&self) -> bool {
        matches!(self.lock.get(), Some(AnyLock::RLock(lock)) if lock.get().engine.try_acquire())
    }

    /// Releases the lock if it is a reentrant lock of ours; whether it did.
    #[inline]
    pub(crate) fn try_exit(&self) -> bool {
        matches!(self.lock.get(), Some(AnyLock::RLock(lock)) if lock.get().engine.release().is_ok())
    }

    /// Notifies one thread if the lock is a reentrant lock of ours, and held; whether it did.
    #[inline]
    pub(crate) fn try_notify(&self) -> bool {
        match self.lock.get() {
            Some(AnyLock::RLock(lock)) if lock.get().engine.is_owned() => {
                self.engine.notify_with(&lock.get().engine, 1);
                true
            }
            _ => false,
        }
    }

    fn lock(&self) -> PyResult<&AnyLock> {
        self.lock
            .get()
            .ok_or_else(|| PyRuntimeError::new_err("Condition.__init__() not called"))
    }

    /// A wait's deadline, if it has one; who does not have the lock hears of that first.
    fn until(&self, py: Python<'_>, deadline: PyResult<Deadline>) -> PyResult<Deadline> {
        match deadline {
            Err(_) if !self.lock()?.is_owned(py)? => Err(Failure::WaitNotHeld.raise(py)),
            deadline => deadline,
        }
    }

    fn wait_until(&self, py: Python<'_>, deadline: Deadline) -> PyResult<bool> {
        let waited = match self.lock()? {
            AnyLock::RLock(lock) => blocking::wait(py, deadline, |patience| {
                self.engine.wait_with(&lock.get().engine, patience)
            })?,
            AnyLock::Lock(lock) => blocking::wait(py, deadline, |patience| {
                self.engine.wait_with(&lock.get().engine, patience)
            })?,
            other => return self.wait_with_other(py, other, deadline),
        };
        waited
            .map(|wake| wake == Wake::Notified)
            .map_err(|_| Failure::WaitNotHeld.raise(py))
    }

    /// Waits with a lock that the engine does not know: it is released and taken back by its own methods.
    fn wait_with_other(&self, py: Python<'_>, lock: &AnyLock, deadline: Deadline) -> PyResult<bool> {
        if !lock.is_owned(py)? {
            return Err(Failure::WaitNotHeld.raise(py));
        }
        let waiter = self.engine.enrol();
        let saved = lock.release_save(py).inspect_err(|_| {
            self.engine.withdraw(&waiter);
        })?;
        let waited = blocking::go_on_waiting(py, deadline, |patience| {
            self.engine.wait_enrolled(&waiter, patience).is_ok()
        });
        lock.acquire_restore(&saved)?;
        waited
    }
}
