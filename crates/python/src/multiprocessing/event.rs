//! `multiprocessing.Event`.

use interlock_shm::Event;
use pyo3::prelude::*;

use super::family::{Family, SharedHandle, open};
use super::shared::{Shared, deadline_of_wait, refused};
use crate::blocking;

/// The engine's part of `multiprocessing.Event`: a flag that processes wait for.
///
/// `wait()` blocks until `set()`; Ctrl-C ends the wait. Follows
/// https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Event.
#[pyclass(frozen, subclass, name = "Event", module = "interlock._interlock")]
pub(crate) struct SharedEvent {
    engine: Shared<Event>,
}

#[pymethods]
impl SharedEvent {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedEvent {
            engine: Shared::new(),
        }
    }

    /// Makes the event, in the family.
    fn _interlock_begin(&self, family: &Family) -> PyResult<()> {
        self.engine.begin(Event::new(&family.arena).map_err(refused)?)
    }

    /// Makes this the event of that number.
    fn _interlock_open(&self, family: &Family, number: u32) -> PyResult<()> {
        self.engine.begin(open(family, number, Event::open)?)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.engine.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    /// Return whether the flag is set. Never blocks.
    #[inline]
    fn is_set(&self) -> PyResult<bool> {
        self.engine.get().map(Event::is_set)
    }

    /// Set the flag: all threads and processes that wait go on. Never blocks.
    #[inline]
    fn set(&self) -> PyResult<()> {
        self.engine.get().map(Event::set)
    }

    /// Clear the flag. Never blocks.
    #[inline]
    fn clear(&self) -> PyResult<()> {
        self.engine.get().map(Event::clear)
    }

    /// Block until the flag is set, for at most `timeout` seconds (None: without limit). Returns whether it was set.
    #[pyo3(signature = (timeout = None))]
    #[inline]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let event = self.engine.get()?;
        if event.is_set() {
            return Ok(true);
        }
        blocking::wait(py, deadline_of_wait(timeout)?, |context| {
            event.wait(context).is_ok()
        })
    }
}
