//! `threading.Barrier`.

use std::sync::OnceLock;

use interlock_sync as engine;
use interlock_sync::Arrival;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::{Timeout, class_name};
use crate::count::Parties;
use crate::errors;
use crate::made::Made;

/// A point that a number of threads pass together, again and again.
///
/// Blocks in `wait()` until as many threads wait as there are parties; Ctrl-C, a timeout, `abort()` and `reset()` end the
/// wait. Follows https://docs.python.org/3/library/threading.html#barrier-objects.
#[pyclass(frozen, weakref, subclass, dict, module = "threading")]
pub(crate) struct Barrier {
    engine: engine::Barrier,
    settings: OnceLock<Settings>,
    made: Made,
}

/// What was given when the barrier was made.
struct Settings {
    action: Option<Py<PyAny>>,
    /// Looked at by each wait that has none of its own.
    timeout: Option<Py<PyAny>>,
}

#[pymethods]
impl Barrier {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(parties, action=None, timeout=None)")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Barrier {
            engine: engine::Barrier::new(1),
            settings: OnceLock::new(),
            made: Made::new(),
        }
    }

    #[pyo3(signature = (parties, action = None, timeout = None))]
    fn __init__(
        &self,
        parties: Parties,
        action: Option<Py<PyAny>>,
        timeout: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let parties = usize::try_from(parties.0).ok().filter(|&parties| parties > 0);
        let parties = parties.ok_or_else(|| PyValueError::new_err("parties must be > 0"))?;
        self.engine.begin_with(parties);
        // A barrier that is initialized again keeps what it was given first.
        let _ = self.settings.set(Settings { action, timeout });
        Ok(())
    }

    /// Wait for the other parties; the index of arrival, from 0 to parties - 1.
    ///
    /// Blocks until all are there, for at most `timeout` seconds (None: those given to Barrier, if any). One of them runs
    /// `action` before they go on. Raises BrokenBarrierError if the barrier is or was broken or reset meanwhile; a
    /// timeout, an interruption and an action that raises break it.
    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
        let settings = self.settings.get();
        let own = settings.and_then(|settings| settings.timeout.as_ref());
        let deadline = Timeout::of(timeout.or(own.map(|own| own.bind(py))))?.deadline()?;
        let arrival = blocking::wait(py, deadline, |patience| self.engine.arrive_with(patience))?;
        match arrival.map_err(errors::broken(py))? {
            Arrival::Through(index) => Ok(index),
            Arrival::Leads(index) => {
                if let Some(action) = settings.and_then(|settings| settings.action.as_ref()) {
                    action.call0(py).inspect_err(|_| self.engine.abort())?;
                }
                self.engine.open().map_err(errors::broken(py))?;
                Ok(index)
            }
        }
    }

    /// Make the barrier empty and whole; threads that wait get BrokenBarrierError. Never blocks.
    fn reset(&self) {
        self.engine.reset();
    }

    /// Break the barrier: threads that wait, and that come, get BrokenBarrierError until reset(). Never blocks.
    fn abort(&self) {
        self.engine.abort();
    }

    /// How many threads have to wait to get through.
    #[getter]
    fn parties(&self) -> usize {
        self.engine.parties()
    }

    /// How many threads wait now.
    #[getter]
    fn n_waiting(&self) -> usize {
        self.engine.waiting()
    }

    /// Whether the barrier is broken.
    #[getter]
    fn broken(&self) -> bool {
        self.engine.is_broken()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let settings = self.made.is_made().then(|| self.settings.get()).flatten();
        settings.map_or(Ok(()), |settings| {
            visit.call(&settings.action)?;
            visit.call(&settings.timeout)
        })
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = class_name(slf)?;
        let engine = &slf.get().engine;
        if engine.is_broken() {
            return Ok(format!("<{class} at {:p}: broken>", slf.as_ptr()));
        }
        Ok(format!(
            "<{class} at {:p}: waiters={}/{}>",
            slf.as_ptr(),
            engine.waiting(),
            engine.parties()
        ))
    }
}
