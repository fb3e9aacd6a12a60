//! `threading.Barrier`.

use std::sync::OnceLock;

use interlock_sync::host::{Hosted, Stepwise};
use interlock_sync::{Arrival, Broken};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::blocking;
use crate::convert::{Timeout, is_plain, plain_number};
use crate::engine;
use crate::errors;
use crate::materialize::{Exported, Native, begin_materialized, function, native, standard};
use crate::raw::{Attached, intern};

/// The engine's part of `threading.Barrier`: a point that several threads pass together, again and again.
///
/// `wait()` blocks until all parties have arrived; Ctrl-C, a timeout, `abort()` and `reset()` end the wait. Follows
/// https://docs.python.org/3/library/threading.html#barrier-objects.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct Barrier {
    engine: Attached<engine::Barrier>,
    /// The default timeout of a wait: a plain number, which the garbage collector need not visit. Not set before
    /// `__init__`.
    timeout: OnceLock<Option<Py<PyAny>>>,
}

/// How a wait at a native barrier ended.
enum Waited {
    Through(usize),
    /// The barrier was materialized during the wait. The party has this index and this many seconds left, and a signal
    /// handler may have raised.
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
            engine: Attached::new(engine::Barrier::new_in(1)),
            timeout: OnceLock::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(barrier))
    }

    /// A barrier with an action is materialized: the action is Python code that runs under its lock.
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
                barrier.engine.get(slf.py()).begin_with(parties);
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

    /// Wait for the other parties, and return the index of arrival, from 0 to parties - 1.
    ///
    /// Blocks until all have arrived, for at most `timeout` seconds (None: the timeout of the barrier, if any). Raises
    /// BrokenBarrierError if the barrier is broken, or is broken or reset during the wait. A timeout breaks it. An
    /// exception of a signal handler does not: the others wait on for another thread.
    #[pyo3(signature = (timeout = None))]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |barrier| barrier.wait_native(py, timeout))?.transpose()? {
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

    /// Make the barrier empty and unbroken. Waiting threads get BrokenBarrierError. Never blocks.
    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |barrier| barrier.engine.get(slf.py()).reset())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "reset"), (slf,)).map(drop),
        }
    }

    /// Break the barrier: until reset(), threads that wait or arrive get BrokenBarrierError. Never blocks.
    fn abort(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |barrier| barrier.engine.get(slf.py()).abort())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "abort"), (slf,)).map(drop),
        }
    }

    /// The getter of the property `parties`; the next two belong to `n_waiting` and `broken`.
    fn _interlock_get_parties<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |barrier| barrier.parties(py))? {
            Some(parties) => Ok(parties.into_pyobject(py)?.into_any()),
            None => standard(slf, intern!(py, "_interlock_get_parties"), (slf,)),
        }
    }

    fn _interlock_get_n_waiting<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |barrier| barrier.waiting(py))? {
            Some(waiting) => Ok(waiting.into_pyobject(py)?.into_any()),
            None => standard(slf, intern!(py, "_interlock_get_n_waiting"), (slf,)),
        }
    }

    fn _interlock_get_broken<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |barrier| barrier.is_broken(py))? {
            Some(broken) => Ok(broken.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "_interlock_get_broken"), (slf,)),
        }
    }

    /// The attributes of these names, if the barrier is native.
    fn _interlock_parties(&self, py: Python<'_>) -> usize {
        self.parties(py)
    }

    fn _interlock_count(&self, py: Python<'_>) -> usize {
        self.waiting(py)
    }

    fn _interlock_state(&self, py: Python<'_>) -> i32 {
        if self.is_broken(py) { BROKEN } else { FILLING }
    }

    fn _interlock_timeout(&self) -> Option<&Py<PyAny>> {
        self.timeout.get().and_then(Option::as_ref)
    }
}

/// The standard library's `_state` of a barrier that is filling.
const FILLING: i32 = 0;
/// The standard library's `_state` of a broken barrier.
const BROKEN: i32 = -2;

impl Barrier {
    pub(crate) fn parties(&self, py: Python<'_>) -> usize {
        self.engine.get(py).parties()
    }

    /// Returns how many parties wait. The caller knows that the barrier is native.
    pub(crate) fn waiting(&self, py: Python<'_>) -> usize {
        self.engine.get(py).waiting()
    }

    pub(crate) fn is_broken(&self, py: Python<'_>) -> bool {
        self.engine.get(py).is_broken()
    }

    fn wait_native(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Waited> {
        let own = self._interlock_timeout().map(|own| own.bind(py));
        let deadline = Timeout::of(timeout.or(own))?.deadline()?;
        let mut retired = None;
        let arrived = blocking::wait(py, deadline, |context| {
            let arrived = self.engine.get(py).arrive_with(context);
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
                self.engine.get(py).open().map_err(errors::broken(py))?;
                Ok(Waited::Through(index))
            }
        }
    }
}

/// Waiting parties continue with the second half of the standard library's `wait()`, which relies on `_count` and
/// `_state`.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let barrier = object.cast::<Barrier>()?;
    let (retired, wakeups) = barrier.get().engine.get(object.py()).retire();
    attributes.set_item("_count", retired.waiting)?;
    attributes.set_item("_state", if retired.broken { BROKEN } else { FILLING })?;
    Ok(Exported::Moved(vec![wakeups]))
}
