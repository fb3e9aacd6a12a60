//! `multiprocessing.Lock`, `RLock`, `Semaphore`, `BoundedSemaphore`: one class of the extension, as `_multiprocessing.SemLock` is.

use interlock_shm::{Acquired, Condition, Error, Lock, Name, Object, OnOwnerDeath, RLock, Semaphore, Waited};
use interlock_wait::primitive::global::{AtomicBool, AtomicU32, Ordering};
use interlock_wait::{Deadline, WaitContext};
use pyo3::exceptions::{PyAssertionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::death;
use super::family::{Family, SharedHandle, open};
use super::shared::{LastThread, Shared, deadline, is_nan, not_a_time, refused};
use crate::blocking;
use crate::convert::Truth;

/// The engine's object behind one of these classes.
enum Engine {
    Lock(Lock),
    RLock(RLock),
    Semaphore { semaphore: Semaphore, most: u32 },
}

/// What happens to a permit when the process that took it dies.
#[derive(Clone, Copy)]
enum Permit {
    /// It stays taken: another process may give it back.
    Lasting,
    /// It comes back: a `with` statement took it.
    Guarded,
}

impl Engine {
    fn object(&self) -> &Object {
        match self {
            Engine::Lock(lock) => lock.object(),
            Engine::RLock(lock) => lock.object(),
            Engine::Semaphore { semaphore, .. } => semaphore.object(),
        }
    }

    #[inline]
    fn acquire(&self, permit: Permit, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
        match self {
            Engine::Lock(lock) => lock.acquire(context),
            Engine::RLock(lock) => lock.acquire(context),
            Engine::Semaphore { semaphore, .. } => match permit {
                Permit::Lasting => semaphore.acquire(context),
                Permit::Guarded => semaphore.acquire_guarded(context),
            }
            .map(|()| Acquired::Free),
        }
    }

    /// Acquires it if that takes a single access. `false` says nothing about the object: the caller then calls
    /// `acquire`.
    #[inline(always)]
    fn acquire_free(&self, permit: Permit) -> bool {
        match self {
            Engine::Lock(lock) => lock.acquire_free(),
            Engine::RLock(lock) => lock.acquire_free(),
            Engine::Semaphore { semaphore, .. } => {
                matches!(permit, Permit::Lasting) && semaphore.acquire_free()
            }
        }
    }

    #[inline(always)]
    fn release(&self, permit: Permit) -> PyResult<()> {
        match self {
            Engine::Lock(lock) => match lock.release() {
                true => Ok(()),
                false => Err(released_too_often()),
            },
            Engine::RLock(lock) => lock.release().map_err(not_owned),
            Engine::Semaphore { semaphore, .. } => match permit {
                Permit::Lasting => semaphore.release(1),
                Permit::Guarded => semaphore.release_guarded(),
            }
            .map_err(|_| released_too_often()),
        }
    }

    fn value(&self) -> u32 {
        match self {
            Engine::Lock(lock) => u32::from(!lock.is_locked()),
            Engine::RLock(lock) => u32::from(!lock.is_locked()),
            Engine::Semaphore { semaphore, .. } => semaphore.value(),
        }
    }

    fn owner(&self) -> Name {
        match self {
            Engine::Lock(lock) => lock.owner(),
            Engine::RLock(lock) => lock.owner(),
            Engine::Semaphore { .. } => Name::NONE,
        }
    }

    /// Returns whether the calling process holds the lock.
    fn is_of_this_process(&self) -> bool {
        let owner = self.owner();
        !owner.is_none() && owner == self.object().arena().me()
    }
}

/// The engine's part of `multiprocessing.Lock`, `RLock`, `Semaphore` and `BoundedSemaphore`.
///
/// `acquire()` blocks until it is free, or its owner dies; Ctrl-C ends the wait. Follows
/// https://docs.python.org/3/library/multiprocessing.html#synchronization-primitives.
#[pyclass(frozen, subclass, name = "SemLock", module = "interlock._interlock")]
pub(crate) struct SharedLock {
    engine: Shared<Engine>,
    thread: LastThread,
    /// Whether this process gets no warnings of deaths.
    ignores: AtomicBool,
    /// The number of lost permits that this process has warned of.
    lost: AtomicU32,
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
            lost: AtomicU32::new(0),
        }
    }

    /// Makes this a lock, in the family. `on_owner_death` is "warn", "raise" or "ignore".
    fn _interlock_begin_lock(&self, family: &Family, on_owner_death: &str) -> PyResult<()> {
        let lock = Lock::new(&family.arena, self.policy(on_owner_death)).map_err(refused)?;
        self.engine.begin(Engine::Lock(lock))
    }

    /// Makes this a recursive lock.
    fn _interlock_begin_rlock(&self, family: &Family, on_owner_death: &str) -> PyResult<()> {
        let lock = RLock::new(&family.arena, self.policy(on_owner_death)).map_err(refused)?;
        self.engine.begin(Engine::RLock(lock))
    }

    /// Makes this a semaphore with `permits` permits, and at most `most`, which is not less.
    fn _interlock_begin_semaphore(&self, family: &Family, permits: u32, most: u32) -> PyResult<()> {
        let most = most.clamp(permits.min(Semaphore::MOST), Semaphore::MOST);
        let semaphore = Semaphore::new(&family.arena, permits.min(most), most).map_err(refused)?;
        self.engine.begin(Engine::Semaphore { semaphore, most })
    }

    /// Makes this the object of that number.
    fn _interlock_open(&self, family: &Family, number: u32, most: u32, ignores: bool) -> PyResult<()> {
        // Relaxed: the object is not there yet for other threads.
        self.ignores.store(ignores, Ordering::Relaxed);
        let engine = open(family, number, |arena, id| {
            Lock::open(arena, id)
                .map(Engine::Lock)
                .or_else(|| RLock::open(arena, id).map(Engine::RLock))
                .or_else(|| Semaphore::open(arena, id).map(|semaphore| Engine::Semaphore { semaphore, most }))
        })?;
        self.engine.begin(engine)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.engine.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    /// Return whether this process ignores the deaths of owners.
    fn _interlock_ignores(&self) -> bool {
        // Relaxed: it is set with the lock.
        self.ignores.load(Ordering::Relaxed)
    }

    /// Acquire it, and return whether that succeeded.
    ///
    /// Blocks until it is free or its owner has died, for at most `timeout` seconds (None: without limit), or not at
    /// all if `block` is false. Warns with OwnerDiedWarning, or raises OwnerDiedError, if the owner has died.
    #[pyo3(signature = (block = Truth(true), timeout = None), text_signature = "($self, block=True, timeout=None)")]
    #[inline]
    fn acquire(&self, py: Python<'_>, block: Truth, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let deadline = match block.0 {
            true => deadline(timeout)?,
            false => deadline(timeout).map(|_| Deadline::PASSED)?,
        };
        match self.acquire_by(py, Permit::Lasting, deadline)? {
            false if block.0 && is_nan(timeout) => Err(not_a_time()),
            acquired => Ok(acquired),
        }
    }

    /// Release it, whichever process holds it, and wake one that waits for it. Never blocks.
    ///
    /// Raises ValueError if it is free, AssertionError if it is an RLock of which the calling thread is not the owner.
    #[inline(always)]
    pub(crate) fn release(&self) -> PyResult<()> {
        self.engine.get()?.release(Permit::Lasting)
    }

    /// Acquire it: blocks until it is free or its owner has died.
    #[inline]
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.enter(py)
    }

    /// Release it.
    #[pyo3(signature = (*_exception))]
    #[inline]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.exit()
    }

    fn _interlock_recover(&self) -> PyResult<bool> {
        Ok(match self.engine.get()? {
            Engine::Lock(lock) => lock.recover(),
            Engine::RLock(lock) => lock.recover(),
            Engine::Semaphore { .. } => false,
        })
    }

    fn _interlock_lost_permits(&self) -> PyResult<u32> {
        Ok(match self.engine.get()? {
            Engine::Semaphore { semaphore, .. } => semaphore.lost_permits(),
            _ => 0,
        })
    }

    // The attributes of a standard lock's inner object. (`_locks.SemLock`)

    fn _count(&self) -> PyResult<u32> {
        let engine = self.engine.get()?;
        Ok(match engine {
            Engine::RLock(lock) if lock.is_mine() => lock.count(),
            engine => u32::from(engine.is_of_this_process()),
        })
    }

    fn _is_mine(&self) -> PyResult<bool> {
        Ok(match self.engine.get()? {
            Engine::Lock(lock) => {
                let owner = lock.owner();
                !owner.is_none() && owner == lock.object().arena().me() && self.thread.is_current()
            }
            Engine::RLock(lock) => lock.is_mine(),
            Engine::Semaphore { .. } => self.thread.is_current(),
        })
    }

    fn _get_value(&self) -> PyResult<u32> {
        self.engine.get().map(Engine::value)
    }

    fn _is_zero(&self) -> PyResult<bool> {
        self.engine.get().map(|engine| engine.value() == 0)
    }

    /// The most permits that it can have.
    fn _interlock_most(&self) -> PyResult<u32> {
        Ok(match self.engine.get()? {
            Engine::Semaphore { most, .. } => *most,
            _ => 1,
        })
    }

    /// Like `SemLock.kind`: 0 for an RLock, 1 for the others.
    fn _interlock_kind(&self) -> PyResult<u32> {
        let engine = self.engine.get()?;
        Ok(u32::from(!matches!(engine, Engine::RLock(_))))
    }

    /// Does nothing: the child of a fork owns none of its parent's locks.
    fn _after_fork(&self) {}
}

impl SharedLock {
    #[inline(always)]
    pub(crate) fn acquire_now(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire_by(py, Permit::Lasting, Deadline::NEVER)
    }

    #[inline(always)]
    pub(crate) fn enter(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire_by(py, Permit::Guarded, Deadline::NEVER)
    }

    #[inline(always)]
    pub(crate) fn exit(&self) -> PyResult<()> {
        self.engine.get()?.release(Permit::Guarded)
    }

    /// Waits for a condition that belongs to this lock.
    pub(super) fn wait_for(
        &self,
        py: Python<'_>,
        condition: &Condition,
        deadline: Deadline,
    ) -> PyResult<Waited> {
        let engine = self.engine.get()?;
        let waited = blocking::wait(py, deadline, |context| {
            let waited = match engine {
                Engine::Lock(lock) => condition.wait(lock, context),
                Engine::RLock(lock) => condition.wait(lock, context),
                Engine::Semaphore { .. } => Err(Error::NotOwner),
            };
            self.thread.set();
            waited
        })?;
        waited.map_err(|error| match error {
            Error::OwnerDied(name) => death::error(py, engine.object().arena(), name, "lock"),
            error => refused(error),
        })
    }

    /// Warns that the lock was acquired after `name` died, unless this process ignores deaths.
    pub(super) fn warn_of_death(&self, py: Python<'_>, name: Name) -> PyResult<()> {
        match self._interlock_ignores() {
            true => Ok(()),
            false => death::warn(py, self.engine.get()?.object().arena(), name, "lock"),
        }
    }

    fn policy(&self, on_owner_death: &str) -> OnOwnerDeath {
        // Relaxed: the object is not there yet for other threads.
        self.ignores.store(on_owner_death == "ignore", Ordering::Relaxed);
        match on_owner_death {
            "raise" => OnOwnerDeath::Refuse,
            _ => OnOwnerDeath::Tell,
        }
    }

    #[inline(always)]
    fn acquire_by(&self, py: Python<'_>, permit: Permit, deadline: Deadline) -> PyResult<bool> {
        if self.engine.get()?.acquire_free(permit) {
            self.thread.set();
            return Ok(true);
        }
        self.acquire_slow(py, permit, deadline)
    }

    /// Goes on after an attempt by a single access has failed.
    #[inline(never)]
    fn acquire_slow(&self, py: Python<'_>, permit: Permit, deadline: Deadline) -> PyResult<bool> {
        let engine = self.engine.get()?;
        let acquired = match engine.acquire(permit, &mut WaitContext::until(Deadline::PASSED)) {
            Ok(Acquired::Free) => {
                self.thread.set();
                return Ok(true);
            }
            Err(Error::Ended(_)) if deadline != Deadline::PASSED => {
                blocking::wait(py, deadline, |context| engine.acquire(permit, context))?
            }
            tried => tried,
        };
        let arena = engine.object().arena();
        let warned = match acquired {
            Ok(Acquired::OwnerDied(name)) => self.warn_of_death(py, name),
            Ok(_) => self.warn_of_lost_permits(py, engine),
            Err(Error::Ended(_)) => return self.warn_of_lost_permits(py, engine).map(|()| false),
            Err(Error::OwnerDied(name)) => return Err(death::error(py, arena, name, "lock")),
            Err(error) => return Err(refused(error)),
        };
        if let Err(raised) = warned {
            engine.release(permit)?;
            return Err(raised);
        }
        self.thread.set();
        Ok(true)
    }

    fn warn_of_lost_permits(&self, py: Python<'_>, engine: &Engine) -> PyResult<()> {
        let Engine::Semaphore { semaphore, .. } = engine else {
            return Ok(());
        };
        let lost = semaphore.lost_permits();
        // Relaxed: two threads may both warn.
        let before = self.lost.swap(lost, Ordering::Relaxed);
        match lost > before {
            true => death::warn_of_lost_permits(py, lost),
            false => Ok(()),
        }
    }
}

#[cold]
#[inline(never)]
fn released_too_often() -> PyErr {
    PyValueError::new_err("semaphore or lock released too many times")
}

#[cold]
#[inline(never)]
fn not_owned(_: Error) -> PyErr {
    PyAssertionError::new_err("attempt to release recursive lock not owned by thread")
}
