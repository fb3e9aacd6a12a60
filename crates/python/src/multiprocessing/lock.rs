//! `multiprocessing.Lock`.

use interlock_shm::{Acquired, Error, Lock, OnOwnerDeath};
use interlock_wait::Deadline;
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::death;
use super::family::{Family, SharedHandle, open};
use super::shared::{LastThread, Shared, deadline, refused};
use crate::blocking;
use crate::convert::Truth;

/// The engine's part of `multiprocessing.Lock`: a lock that one process holds at a time, and any may release.
///
/// `acquire()` blocks until it is free, or its owner dies; Ctrl-C ends the wait. Follows
/// https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Lock.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct SharedLock {
    engine: Shared<Lock>,
    thread: LastThread,
    /// Whether this process is not to be warned of deaths.
    ignores: AtomicBool,
}

#[pymethods]
impl SharedLock {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedLock {
            engine: Shared::new(),
            thread: LastThread::default(),
            ignores: AtomicBool::new(false),
        }
    }

    /// Makes the lock, in the family. `on_owner_death` is "warn", "raise" or "ignore".
    fn _interlock_begin(&self, family: &Family, on_owner_death: &str) -> PyResult<()> {
        let on_death = match on_owner_death {
            "raise" => OnOwnerDeath::Refuse,
            _ => OnOwnerDeath::Tell,
        };
        // Relaxed: the lock is not there yet for others.
        self.ignores.store(on_owner_death == "ignore", Ordering::Relaxed);
        let lock = Lock::new(&family.arena, on_death).map_err(refused)?;
        self.engine.begin(lock)
    }

    /// Makes this object the lock of that number.
    fn _interlock_open(&self, family: &Family, number: u32, ignores: bool) -> PyResult<()> {
        // Relaxed: as above.
        self.ignores.store(ignores, Ordering::Relaxed);
        self.engine.begin(open(family, number, Lock::open)?)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.engine.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    /// Whether the deaths of owners are no matter for this process.
    fn _interlock_ignores(&self) -> bool {
        // Relaxed: it is set with the lock.
        self.ignores.load(Ordering::Relaxed)
    }

    /// Take the lock, and return whether that succeeded.
    ///
    /// Blocks until the lock is free or its owner has died, for at most `timeout` seconds (None: without limit), or not at
    /// all if `block` is false. Warns with OwnerDiedWarning, or raises OwnerDiedError, if the owner has died.
    #[pyo3(signature = (block = Truth(true), timeout = None), text_signature = "($self, block=True, timeout=None)")]
    #[inline]
    fn acquire(&self, py: Python<'_>, block: Truth, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let deadline = deadline(timeout)?;
        match self.engine.get()?.try_acquire() {
            Ok(Acquired::Free) => {
                self.thread.set();
                Ok(true)
            }
            Err(Error::Ended(_)) if !block.0 => Ok(false),
            tried => self.acquire_slow(py, deadline, tried),
        }
    }

    /// Release the lock, whichever thread or process holds it. Never blocks.
    ///
    /// Raises ValueError if nobody holds it.
    #[inline]
    fn release(&self) -> PyResult<()> {
        match self.engine.get()?.release() {
            true => Ok(()),
            false => Err(released_too_often()),
        }
    }

    /// Take the lock: blocks until it is free or its owner has died.
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire(py, Truth(true), None)
    }

    /// Release the lock.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.release()
    }

    /// Say that what the lock guards is in order again after the death of an owner, if the lock was made with
    /// `on_owner_death="raise"`: it can be acquired again. Returns whether it could not. Never blocks.
    fn recover(&self) -> PyResult<bool> {
        Ok(self.engine.get()?.recover())
    }

    /// What `multiprocessing` asks beside: the lock itself.
    #[getter]
    fn _semlock(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn _count(&self) -> PyResult<u32> {
        self.is_of_this_process().map(u32::from)
    }

    fn _is_mine(&self) -> PyResult<bool> {
        Ok(self.is_of_this_process()? && self.thread.is_current())
    }

    fn _get_value(&self) -> PyResult<u32> {
        self._is_zero().map(|is_locked| u32::from(!is_locked))
    }

    fn _is_zero(&self) -> PyResult<bool> {
        Ok(self.engine.get()?.is_locked())
    }

    #[classattr]
    fn maxvalue() -> u32 {
        1
    }

    #[classattr]
    fn kind() -> u32 {
        1
    }

    /// A shared object has no name in the file system.
    #[getter]
    fn name(&self) -> Option<&str> {
        None
    }

    #[getter]
    fn handle(&self) -> PyResult<u32> {
        Ok(self.engine.get()?.object().id().number())
    }

    /// The child of a fork owns none of its parent's locks: nothing is to be done.
    fn _after_fork(&self) {}
}

impl SharedLock {
    fn is_of_this_process(&self) -> PyResult<bool> {
        let lock = self.engine.get()?;
        let owner = lock.owner();
        Ok(!owner.is_none() && owner == lock.object().arena().me())
    }

    /// Goes on after a try that did not get a free lock at once.
    #[cold]
    fn acquire_slow(
        &self,
        py: Python<'_>,
        deadline: Deadline,
        tried: Result<Acquired, Error>,
    ) -> PyResult<bool> {
        let lock = self.engine.get()?;
        let acquired = match tried {
            Err(Error::Ended(_)) => blocking::wait(py, deadline, |context| lock.acquire(context))?,
            tried => tried,
        };
        let arena = lock.object().arena();
        match acquired {
            Ok(Acquired::Free) => {}
            Ok(Acquired::OwnerDied(name)) => {
                if !self._interlock_ignores()
                    && let Err(raised) = death::warn(py, arena, name, "lock")
                {
                    lock.release();
                    return Err(raised);
                }
            }
            Err(Error::Ended(_)) => return Ok(false),
            Err(Error::OwnerDied(name)) => return Err(death::error(py, arena, name, "lock")),
            Err(error) => return Err(refused(error)),
        }
        self.thread.set();
        Ok(true)
    }
}

#[cold]
fn released_too_often() -> PyErr {
    PyValueError::new_err("semaphore or lock released too many times")
}
