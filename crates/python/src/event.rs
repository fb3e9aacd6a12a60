//! `threading.Event`.

use interlock_sync as engine;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::{Timeout, class_name};

/// A flag that threads wait for.
///
/// Blocks in `wait()` until `set()`; Ctrl-C ends the wait. Whoever waits when it is set gets through, even if it is cleared
/// at once. Follows https://docs.python.org/3/library/threading.html#event-objects.
#[pyclass(frozen, weakref, subclass, dict, module = "threading")]
pub(crate) struct Event {
    engine: engine::Event,
}

#[pymethods]
impl Event {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Event {
            engine: engine::Event::new(),
        }
    }

    /// What `__new__` lets pass, for the sake of derived classes, is refused here, which they may override.
    #[pyo3(signature = ())]
    fn __init__(&self) {}

    /// Whether the event is set. Never blocks.
    #[inline]
    fn is_set(&self) -> bool {
        self.engine.is_set()
    }

    /// The old name of is_set().
    #[pyo3(name = "isSet")]
    fn is_set_by_its_old_name(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let warnings = slf.py().import("warnings")?;
        let category = slf.py().get_type::<pyo3::exceptions::PyDeprecationWarning>();
        warnings.call_method1(
            "warn",
            ("isSet() is deprecated, use is_set() instead", category, 1),
        )?;
        slf.call_method0("is_set")?.extract()
    }

    /// Set the event, and wake all threads that wait for it. Never blocks.
    #[inline]
    fn set(&self) {
        self.engine.set();
    }

    /// Unset the event. Never blocks.
    #[inline]
    fn clear(&self) {
        self.engine.clear();
    }

    /// Wait until the event is set; whether it was, within `timeout` seconds (None: without limit).
    #[pyo3(signature = (timeout = None))]
    #[inline]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        if self.engine.is_set() {
            return Ok(true);
        }
        let deadline = Timeout::of(timeout)?.deadline_of_one_wait()?;
        blocking::wait(py, deadline, |patience| self.engine.wait_with(patience).is_ok())
    }

    fn _at_fork_reinit(&self) {
        self.engine.reset();
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = if slf.get().engine.is_set() { "set" } else { "unset" };
        Ok(format!("<{} at {:p}: {state}>", class_name(slf)?, slf.as_ptr()))
    }
}
