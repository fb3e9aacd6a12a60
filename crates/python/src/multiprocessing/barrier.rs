//! `multiprocessing.Barrier`.

use std::sync::Arc;

use interlock_shm::{Arena, Barrier, Error};
use interlock_wait::Deadline;
use pyo3::prelude::*;

use super::death;
use super::family::{Family, SharedHandle, open};
use super::shared::{Shared, deadline_of_wait, refused};
use crate::blocking;
use crate::errors::{self, Failure};

/// The engine's part of `multiprocessing.Barrier`: a point that several threads, in any processes, pass together.
///
/// Follows https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Barrier.
#[pyclass(frozen, subclass, name = "Barrier", module = "interlock._interlock")]
pub(crate) struct SharedBarrier {
    engine: Shared<Barrier>,
}

#[pymethods]
impl SharedBarrier {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedBarrier {
            engine: Shared::new(),
        }
    }

    /// Makes the barrier, in the family.
    fn _interlock_begin(&self, family: &Family, parties: u32) -> PyResult<()> {
        let barrier = Barrier::new(&family.arena, parties.max(1)).map_err(refused)?;
        self.engine.begin(barrier)
    }

    /// Makes this the barrier of that number.
    fn _interlock_open(&self, family: &Family, number: u32) -> PyResult<()> {
        self.engine.begin(open(family, number, Barrier::open)?)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.engine.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    /// Waits for the other parties. The last party to come calls `action` first. Returns the caller's number.
    fn _interlock_wait(
        &self,
        py: Python<'_>,
        action: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u32> {
        let barrier = self.engine.get()?;
        let deadline = deadline_of_wait(timeout)?;
        let broken = |error| broken(py, barrier.object().arena(), error);
        let party = blocking::wait(py, Deadline::NEVER, |context| barrier.enter(context))?.map_err(broken)?;
        if !party.is_last() {
            return blocking::wait(py, deadline, |context| party.wait(context))?.map_err(broken);
        }
        if let Some(action) = action {
            action.call0()?; // if it raises, the party leaves, and the barrier breaks
        }
        party.release().map_err(broken)
    }

    /// Put the barrier back into its first state. Parties that wait get BrokenBarrierError. Never blocks.
    fn reset(&self) -> PyResult<()> {
        self.engine.get().map(Barrier::reset)
    }

    /// Break the barrier: parties that wait get BrokenBarrierError, and all that come, until reset(). Never blocks.
    fn abort(&self) -> PyResult<()> {
        self.engine.get().map(Barrier::abort)
    }

    /// How many threads wait for the others at this moment.
    #[getter]
    fn n_waiting(&self) -> PyResult<u32> {
        self.engine.get().map(Barrier::waiting)
    }

    /// Whether the barrier is broken.
    #[getter]
    fn broken(&self) -> PyResult<bool> {
        self.engine.get().map(Barrier::is_broken)
    }
}

#[cold]
fn broken(py: Python<'_>, arena: &Arc<Arena>, error: Error) -> PyErr {
    match error {
        Error::Broken(name) if !name.is_none() => match death::barrier_message(py, arena, name) {
            Ok(message) => errors::broken_barrier(py, message),
            Err(error) => error,
        },
        Error::Broken(_) | Error::Ended(_) => Failure::BrokenBarrier.raise(py),
        error => refused(error),
    }
}
