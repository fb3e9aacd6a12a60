//! `threading.Event`.

use interlock_sync::host::{LetThrough, Reset};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::blocking;
use crate::convert::Timeout;
use crate::engine;
use crate::engine_waiter::{self, WaitsInside};
use crate::materialize::{Exported, Native, native, standard};
use crate::raw::{Attached, intern};

/// The engine's part of `threading.Event`: a flag that threads wait for.
///
/// `wait()` blocks until `set()`; Ctrl-C ends the wait. All threads that wait when the event is set get through, even
/// if it is cleared at once. Follows https://docs.python.org/3/library/threading.html#event-objects.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct Event {
    pub(crate) engine: Attached<engine::Event>,
}

#[pymethods]
impl Event {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let engine = Attached::new(engine::Event::new_in());
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(Event { engine }))
    }

    #[pyo3(signature = ())]
    fn __init__(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |event| event.engine.get(slf.py()).clear())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "__init__"), (slf,)).map(drop),
        }
    }

    /// Return whether the event is set. Never blocks.
    #[inline]
    fn is_set<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |event| event.engine.get(py).is_set())? {
            Some(set) => Ok(set.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "is_set"), (slf,)),
        }
    }

    /// Set the event, and wake all threads that wait for it. Never blocks.
    #[inline]
    fn set(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |event| event.engine.get(slf.py()).set())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "set"), (slf,)).map(drop),
        }
    }

    /// Clear the event. Never blocks.
    #[inline]
    fn clear(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |event| event.engine.get(slf.py()).clear())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "clear"), (slf,)).map(drop),
        }
    }

    /// Wait until the event is set, and return whether it was within `timeout` seconds (None: without limit).
    #[pyo3(signature = (timeout = None))]
    #[inline]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let waited = native(slf, |event| {
            if event.engine.get(py).is_set() {
                return Ok(true);
            }
            let deadline = Timeout::of(timeout)?.deadline_of_one_wait()?;
            blocking::wait(py, deadline, |context| {
                event.engine.get(py).wait_with(context).is_ok()
            })
        })?;
        match waited {
            Some(set) => Ok(set?.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "wait"), (slf, timeout)),
        }
    }

    fn _at_fork_reinit(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |event| event.engine.get(slf.py()).reset())? {
            Some(()) => Ok(()),
            None => standard(slf, intern!(slf.py(), "_at_fork_reinit"), (slf,)).map(drop),
        }
    }

    /// Return whether the event is set, if it is native.
    fn _interlock_flag(&self, py: Python<'_>) -> bool {
        self.engine.get(py).is_set()
    }
}

impl WaitsInside for Event {
    fn waiting(&self, py: Python<'_>) -> usize {
        self.engine.get(py).waiting()
    }

    fn let_one_through(&self, py: Python<'_>) -> bool {
        self.engine.get(py).let_one_through()
    }
}

/// Waiting threads go on waiting in the engine. The condition among the attributes gets an `EngineWaiter` for each.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let event = object.cast::<Event>()?;
    if !engine_waiter::put_into(event, attributes.get_item("_cond")?)? {
        return Ok(Exported::Outdated);
    }
    attributes.set_item("_flag", event.get().engine.get(object.py()).is_set())?;
    Ok(Exported::Moved(Vec::new()))
}
