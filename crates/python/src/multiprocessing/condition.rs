//! `multiprocessing.Condition`.

use interlock_shm::{Acquired, Condition};
use interlock_wait::Wake;
use pyo3::prelude::*;

use super::family::{Family, SharedHandle, open};
use super::lock::SharedLock;
use super::shared::{Shared, deadline_of_wait, refused};

/// The engine's part of `multiprocessing.Condition`, but for its lock.
///
/// Follows https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Condition.
#[pyclass(frozen, subclass, name = "Condition", module = "interlock._interlock")]
pub(crate) struct SharedCondition {
    engine: Shared<Condition>,
}

#[pymethods]
impl SharedCondition {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedCondition {
            engine: Shared::new(),
        }
    }

    /// Makes the condition, in the family.
    fn _interlock_begin(&self, family: &Family) -> PyResult<()> {
        self.engine.begin(Condition::new(&family.arena).map_err(refused)?)
    }

    /// Makes this the condition of that number.
    fn _interlock_open(&self, family: &Family, number: u32) -> PyResult<()> {
        self.engine.begin(open(family, number, Condition::open)?)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.engine.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    /// Releases the lock, which the calling thread holds, waits for a notification, and acquires the lock again.
    /// Returns whether it was notified.
    fn _interlock_wait(
        &self,
        py: Python<'_>,
        lock: &SharedLock,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let waited = lock.wait_for(py, self.engine.get()?, deadline_of_wait(timeout)?)?;
        if let Acquired::OwnerDied(name) = waited.acquired {
            lock.warn_of_death(py, name)?;
        }
        Ok(waited.wake == Wake::Notified)
    }

    /// Notifies the first `most` waiting threads.
    fn _interlock_notify(&self, most: usize) -> PyResult<()> {
        self.engine.get()?.notify(most);
        Ok(())
    }

    /// Return how many wait.
    fn _interlock_waiting(&self) -> PyResult<usize> {
        self.engine.get().map(Condition::waiting)
    }
}
