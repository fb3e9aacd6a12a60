//! `threading.Condition`.

use std::sync::OnceLock;

use interlock_sync::host::{NotifiesWith, Reset};
use interlock_wait::{Deadline, ThreadIdent, Wake};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::blocking;
use crate::convert::{Given, LockTimeout, Timeout, Truth, plain_number};
use crate::engine;
use crate::engine_waiter::{WaitsInside, append_engine_waiters};
use crate::errors::Failure;
use crate::initialized::Initialized;
use crate::lock::Lock;
use crate::materialize::{Exported, Native, begin_materialized, materialize, native, standard};
use crate::raw::{Attached, intern};
use crate::rlock::RLock;
use crate::standard_class::Standard;

/// The engine's part of `threading.Condition`: lets threads wait until another one notifies them.
///
/// `wait()` releases the lock and blocks until `notify()`. Ctrl-C ends the wait once the lock is taken back. Follows
/// https://docs.python.org/3/library/threading.html#condition-objects.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct Condition {
    engine: Attached<engine::Condition>,
    lock: OnceLock<OwnLock>,
    initialized: Initialized,
}

/// The lock of a native condition: one of ours, which the engine can release and take back in one step. A condition
/// over any other lock is materialized.
enum OwnLock {
    Lock(Py<Lock>),
    RLock(Py<RLock>),
}

/// Return the identity of the thread that holds a lock, or the lock of a native condition. None if no thread holds
/// it, if its owner waits for it itself, so that another thread is to release it, or if the object is something else.
#[pyfunction]
#[pyo3(signature = (lock, /))]
pub(crate) fn owner_of(lock: &Bound<'_, PyAny>) -> Option<u64> {
    let py = lock.py();
    let owner = match lock.cast::<Condition>() {
        Ok(condition) => condition.get().lock.get()?.owner(py),
        Err(_) => OwnLock::of(lock)?.owner(py),
    };
    owner.map(ThreadIdent::get)
}

impl OwnLock {
    fn of(lock: &Bound<'_, PyAny>) -> Option<Self> {
        if let Ok(lock) = lock.cast_exact::<RLock>() {
            Some(OwnLock::RLock(lock.clone().unbind()))
        } else {
            lock.cast_exact::<Lock>()
                .ok()
                .map(|lock| OwnLock::Lock(lock.clone().unbind()))
        }
    }

    fn as_any(&self) -> &Py<PyAny> {
        match self {
            OwnLock::Lock(lock) => lock.as_any(),
            OwnLock::RLock(lock) => lock.as_any(),
        }
    }

    fn owner(&self, py: Python<'_>) -> Option<ThreadIdent> {
        match self {
            OwnLock::Lock(lock) => {
                let lock = lock.get().engine.get(py);
                lock.owner().filter(|_| !lock.is_awaited_by_owner())
            }
            OwnLock::RLock(lock) => lock.get().engine.get(py).owner().map(|(owner, _)| owner),
        }
    }

    /// Returns whether the calling thread holds the lock, as far as that kind of lock can tell.
    #[inline]
    fn is_owned(&self, py: Python<'_>) -> bool {
        match self {
            OwnLock::RLock(lock) => lock.get().engine.get(py).is_owned(),
            OwnLock::Lock(lock) => lock.get().engine.get(py).is_locked(),
        }
    }

    #[inline]
    fn try_enter(&self, py: Python<'_>) -> bool {
        match self {
            OwnLock::RLock(lock) => lock.get().engine.get(py).try_acquire().is_ok(),
            OwnLock::Lock(lock) => lock.get().engine.get(py).try_acquire().is_ok(),
        }
    }

    #[inline]
    fn try_exit(&self, py: Python<'_>) -> bool {
        match self {
            OwnLock::RLock(lock) => lock.get().engine.get(py).release().is_ok(),
            OwnLock::Lock(lock) => lock.get().engine.get(py).release().is_ok(),
        }
    }
}

#[pymethods]
impl Condition {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(lock=None)")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let condition = Condition {
            engine: Attached::new(engine::Condition::new_in()),
            lock: OnceLock::new(),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(condition))
    }

    #[pyo3(signature = (lock = None))]
    fn __init__(slf: &Bound<'_, Self>, lock: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let py = slf.py();
        let own = match lock {
            Some(lock) => OwnLock::of(lock),
            None => Some(OwnLock::RLock(Py::new(py, RLock::default())?)),
        };
        let begun = native(slf, |condition| {
            let begun = own.is_some_and(|own| condition.lock.set(own).is_ok());
            if !begun {
                begin_materialized(slf);
            }
            begun
        })?;
        if begun == Some(true) {
            return Ok(());
        }
        standard(slf, intern!(py, "__init__"), (slf, lock)).map(drop)
    }

    /// Wait until notified, and return whether that happened within `timeout` seconds (None: without limit).
    ///
    /// Releases the lock while it waits, and takes it back before it returns or raises. Raises RuntimeError if the
    /// calling thread does not hold the lock.
    #[pyo3(signature = (timeout = None))]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let waited = native(slf, |condition| {
            if !condition.lock(py)?.is_owned(py) {
                return Err(Failure::WaitNotHeld.raise(py));
            }
            condition.wait_until(py, Timeout::of(timeout)?.deadline_of_one_wait()?)
        })?;
        match waited {
            Some(notified) => Ok(notified?.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "wait"), (slf, timeout)),
        }
    }

    /// Notify `n` threads that wait, or as many as there are. Never blocks.
    ///
    /// They continue one after the other, each once it has the lock. Raises RuntimeError if the calling thread does not
    /// hold the lock.
    #[pyo3(signature = (n = Given::default()), text_signature = "($self, n=1)")]
    #[inline]
    fn notify<'py>(slf: &Bound<'py, Self>, n: Given<'py>) -> PyResult<()> {
        let py = slf.py();
        let Some(count) = n.0.as_ref().map_or(Some(1), plain_number) else {
            // Not an exact `int`, or a very large one: the standard library decides what it means.
            materialize(slf)?;
            return standard(slf, intern!(py, "notify"), (slf, n.0)).map(drop);
        };
        let notified = native(slf, |condition| {
            condition.notify_native(py, count.max(0).unsigned_abs())
        })?;
        notified.unwrap_or_else(|| standard(slf, intern!(py, "notify"), (slf, count)).map(drop))
    }

    /// Notify all threads that wait. Never blocks.
    ///
    /// Raises RuntimeError if the calling thread does not hold the lock.
    fn notify_all(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        if !Standard::is_ours(&slf.get_type())?
            && let Some(waiting) = native(slf, |condition| condition.engine.get(py).waiting())?
        {
            return slf.call_method1(intern!(py, "notify"), (waiting,)).map(drop);
        }
        match native(slf, |condition| condition.notify_native(py, usize::MAX))? {
            Some(result) => result,
            None => standard(slf, intern!(py, "notify_all"), (slf,)).map(drop),
        }
    }

    /// Take the lock: blocks until it is free.
    #[inline]
    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let entered = native(slf, |condition| {
            let taken = match condition.lock(py)? {
                OwnLock::RLock(lock) => lock.get().acquire(py, Truth(true), LockTimeout::UNLIMITED)?,
                OwnLock::Lock(lock) => lock.get().acquire(py, Truth(true), LockTimeout::UNLIMITED)?,
            };
            PyResult::Ok(taken.into_pyobject(py)?.to_owned().into_any())
        })?;
        match entered {
            Some(result) => result,
            None => standard(slf, intern!(py, "__enter__"), (slf,)),
        }
    }

    /// Release the lock.
    #[inline]
    #[pyo3(signature = (*args))]
    fn __exit__<'py>(slf: &Bound<'py, Self>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let exited = native(slf, |condition| {
            match condition.lock(py)? {
                OwnLock::RLock(lock) => lock.get().release(py)?,
                OwnLock::Lock(lock) => lock.get().release(py)?,
            }
            PyResult::Ok(py.None().into_bound(py))
        })?;
        match exited {
            Some(result) => result,
            None => {
                let all = (slf,)
                    .into_pyobject(py)?
                    .into_sequence()
                    .concat(args.as_sequence())?
                    .to_tuple()?;
                standard(slf, intern!(py, "__exit__"), all)
            }
        }
    }

    fn _at_fork_reinit(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let reset = native(slf, |condition| {
            condition.engine.get(py).reset();
            condition.lock(py)?.as_any().call_method0(py, "_at_fork_reinit")
        })?;
        match reset {
            Some(result) => result.map(drop),
            None => standard(slf, intern!(py, "_at_fork_reinit"), (slf,)).map(drop),
        }
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |condition| {
            (condition.lock(py), condition.engine.get(py).waiting())
        })? {
            Some((lock, waiting)) => {
                let lock = lock?.as_any().bind(py).str()?;
                Ok(format!("<Condition({lock}, {waiting})>")
                    .into_pyobject(py)?
                    .into_any())
            }
            None => standard(slf, intern!(py, "__repr__"), (slf,)),
        }
    }

    /// The lock, if the condition is native.
    fn _interlock_lock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.lock(py)?.as_any().clone_ref(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let lock = self.initialized.is_set().then(|| self.lock.get()).flatten();
        lock.map_or(Ok(()), |lock| visit.call(lock.as_any()))
    }
}

impl Condition {
    /// Takes the lock if it is free, and returns whether it did.
    #[inline]
    pub(crate) fn try_enter(&self, py: Python<'_>) -> bool {
        self.lock.get().is_some_and(|lock| lock.try_enter(py))
    }

    /// Releases the lock if it is held, and returns whether it did.
    #[inline]
    pub(crate) fn try_exit(&self, py: Python<'_>) -> bool {
        self.lock.get().is_some_and(|lock| lock.try_exit(py))
    }

    /// Notifies one thread if the lock is held, and returns whether it was.
    #[inline]
    pub(crate) fn try_notify(&self, py: Python<'_>) -> bool {
        self.lock.get().is_some_and(|lock| {
            let owned = lock.is_owned(py);
            if owned {
                self.notify_with(py, lock, 1);
            }
            owned
        })
    }

    #[inline]
    fn notify_with(&self, py: Python<'_>, lock: &OwnLock, count: usize) {
        match lock {
            OwnLock::RLock(lock) => self.engine.get(py).notify_with(lock.get().engine.get(py), count),
            OwnLock::Lock(lock) => self.engine.get(py).notify_with(lock.get().engine.get(py), count),
        }
    }

    fn notify_native(&self, py: Python<'_>, count: usize) -> PyResult<()> {
        let lock = self.lock(py)?;
        if !lock.is_owned(py) {
            return Err(Failure::NotifyNotHeld.raise(py));
        }
        self.notify_with(py, lock, count);
        Ok(())
    }

    fn lock(&self, py: Python<'_>) -> PyResult<&OwnLock> {
        self.lock.get().ok_or_else(|| Failure::NotInitialized.raise(py))
    }

    fn wait_until(&self, py: Python<'_>, deadline: Deadline) -> PyResult<bool> {
        let waited = blocking::wait(py, deadline, |context| match self.lock(py) {
            Ok(OwnLock::RLock(lock)) => Ok(self.engine.get(py).wait_with(lock.get().engine.get(py), context)),
            Ok(OwnLock::Lock(lock)) => Ok(self.engine.get(py).wait_with(lock.get().engine.get(py), context)),
            Err(error) => Err(error),
        })??;
        waited
            .map(|wake| wake == Wake::Notified)
            .map_err(|_| Failure::WaitNotHeld.raise(py))
    }
}

impl WaitsInside for Condition {
    fn waiting(&self, py: Python<'_>) -> usize {
        self.engine.get(py).waiting()
    }

    /// The caller holds the lock, as in the standard library's `notify()`.
    fn let_one_through(&self, py: Python<'_>) -> bool {
        let waited = self.engine.get(py).waiting() > 0;
        if let Some(lock) = self.lock.get() {
            self.notify_with(py, lock, 1);
        }
        waited
    }
}

/// Waiting threads go on waiting in the engine, and `_waiters` gets an `EngineWaiter` for each.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let condition = object.cast::<Condition>()?;
    if let Some(line) = attributes.get_item("_waiters")? {
        append_engine_waiters(
            condition,
            condition.get().engine.get(object.py()).waiting(),
            &line,
        )?;
    }
    Ok(Exported::Moved(Vec::new()))
}
