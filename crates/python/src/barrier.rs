//! `threading.Barrier`.

use std::sync::OnceLock;

use interlock_sync as engine;
use interlock_sync::{Arrival, Broken};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::blocking;
use crate::convert::{Timeout, is_plain, plain_number};
use crate::errors;
use crate::native::{Exported, Native, begin_materialized, function, native, standard};
use crate::raw::intern;

/// What `threading.Barrier` consists of: a point that a number of threads pass together, again and again.
///
/// Blocks in `wait()` until as many threads wait as there are parties; Ctrl-C, a timeout, `abort()` and `reset()` end the
/// wait. Follows https://docs.python.org/3/library/threading.html#barrier-objects.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct Barrier {
    engine: engine::Barrier,
    /// Of each wait that has none of its own: a plain number, of which the garbage collector need not know. Not set before
    /// `__init__`.
    timeout: OnceLock<Option<Py<PyAny>>>,
}

/// How a wait at a closed barrier ended.
enum Waited {
    Through(usize),
    /// The barrier was opened meanwhile; the party has this index, and so many seconds left.
    GoesOn(usize, Option<f64>, PyResult<()>),
}

#[pymethods]
impl Barrier {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(parties, action=None, timeout=None)")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let barrier = Barrier {
            engine: engine::Barrier::new(1),
            timeout: OnceLock::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(barrier))
    }

    /// A barrier with an action is open: the action is Python code that runs under its lock.
    #[pyo3(signature = (parties, action = None, timeout = None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        parties: &Bound<'_, PyAny>,
        action: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let plain = match plain_number(parties) {
            Some(parties @ 1..) if action.is_none() && timeout.is_none_or(is_plain) => {
                Some(parties.unsigned_abs())
            }
            _ => None,
        };
        let own = timeout.map(|timeout| timeout.clone().unbind());
        let begun = native(slf, |barrier| match plain {
            Some(parties) if barrier.timeout.set(own).is_ok() => {
                barrier.engine.begin_with(parties);
                true
            }
            _ => {
                begin_materialized(slf);
                false
            }
        })?;
        if begun == Some(true) {
            return Ok(());
        }
        standard(
            slf,
            intern!(slf.py(), "__init__"),
            (slf, parties, action, timeout),
        )
        .map(drop)
    }

    /// Wait for the other parties; the index of arrival, from 0 to parties - 1.
    ///
    /// Blocks until all are there, for at most `timeout` seconds (None: those given to Barrier, if any). Raises
    /// BrokenBarrierError if the barrier is or was broken or reset meanwhile; a timeout and an interruption break it.
    #[pyo3(signature = (timeout = None))]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |barrier| barrier.wait_closed(py, timeout))?.transpose()? {
            None => standard(slf, intern!(py, "wait"), (slf, timeout)),
            Some(Waited::Through(index)) => Ok(index.into_pyobject(py)?.into_any()),
            Some(Waited::GoesOn(index, left, raised)) => {
                let go_on = function(slf, intern!(py, "go_on"))?;
                match raised {
                    Ok(()) => go_on.call1((slf, index, left)),
                    Err(error) => {
                        function(slf, intern!(py, "leave"))?.call1((slf,))?;
                        Err(error)
                    }
                }
            }
        }
    }

    /// Make the barrier empty and whole; threads that wait get BrokenBarrierError. Never blocks.
    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |barrier| barrier.engine.reset())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "reset"), (slf,)).map(drop),
        }
    }

    /// Break the barrier: threads that wait, and that come, get BrokenBarrierError until reset(). Never blocks.
    fn abort(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |barrier| barrier.engine.abort())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "abort"), (slf,)).map(drop),
        }
    }

    /// What the attributes of these names are, if the barrier is closed.
    fn _interlock_parties(&self) -> usize {
        self.engine.parties()
    }

    fn _interlock_count(&self) -> usize {
        self.engine.waiting()
    }

    fn _interlock_state(&self) -> i32 {
        if self.engine.is_broken() { BROKEN } else { FILLING }
    }

    fn _interlock_timeout(&self) -> Option<&Py<PyAny>> {
        self.timeout.get().and_then(Option::as_ref)
    }
}

/// What the standard library's `_state` is of a barrier that fills up.
const FILLING: i32 = 0;
/// What it is of one that is broken.
const BROKEN: i32 = -2;

impl Barrier {
    fn wait_closed(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Waited> {
        let own = self._interlock_timeout().map(|own| own.bind(py));
        let deadline = Timeout::of(timeout.or(own))?.deadline()?;
        let mut retired = None;
        let arrived = blocking::wait(py, deadline, |context| {
            let arrived = self.engine.arrive_with(context);
            if let Err(Broken::Retired(index)) = arrived {
                retired = Some(index);
            }
            arrived
        });
        if let Some(index) = retired {
            let left = deadline.remaining().map(|left| left.as_secs_f64());
            return Ok(Waited::GoesOn(index, left, arrived.map(drop)));
        }
        match arrived?.map_err(errors::broken(py))? {
            Arrival::Through(index) => Ok(Waited::Through(index)),
            Arrival::Leads(index) => {
                self.engine.open().map_err(errors::broken(py))?;
                Ok(Waited::Through(index))
            }
        }
    }
}

/// The parties that wait go on with the second half of the standard library's `wait()`, which counts on `_count` and `_state`.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let barrier = object.cast::<Barrier>()?;
    let (retired, wakeups) = barrier.get().engine.retire();
    attributes.set_item("_count", retired.waiting)?;
    attributes.set_item("_state", if retired.broken { BROKEN } else { FILLING })?;
    Ok(Exported::Moved(vec![wakeups]))
}
