//! `threading.Semaphore` and `threading.BoundedSemaphore`.

use interlock_sync::WaitError;
use interlock_sync::host::Hosted;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::blocking;
use crate::convert::{Given, Timeout, Truth, plain_number};
use crate::engine;
use crate::errors;
use crate::materialize::{
    Exported, Native, begin_materialized, function, goes_own_way, materialize, native, standard,
};
use crate::raw::{Attached, intern};

/// The engine's part of `threading.Semaphore` and `threading.BoundedSemaphore`: a counter of permits.
///
/// `acquire()` blocks while there is no permit, until `release()`; Ctrl-C ends the wait. Follows
/// https://docs.python.org/3/library/threading.html#semaphore-objects.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct Semaphore {
    pub(crate) engine: Attached<engine::Semaphore>,
}

#[pymethods]
impl Semaphore {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=1)")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let engine = Attached::new(engine::Semaphore::new_in(1));
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(Semaphore { engine }))
    }

    #[pyo3(signature = (value = Given::default()))]
    fn __init__<'py>(slf: &Bound<'py, Self>, value: Given<'py>) -> PyResult<()> {
        begin(slf, value.0.as_ref(), false)
    }

    /// `__init__` of a bounded semaphore.
    fn _interlock_init_bounded(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        begin(slf, Some(value), true)
    }

    /// Take a permit, and return whether that succeeded.
    ///
    /// Blocks while there is none, for at most `timeout` seconds (None: without limit), or not at all if `blocking` is
    /// false. Raises ValueError for a timeout without blocking.
    #[pyo3(signature = (blocking = Truth(true), timeout = None), text_signature = "($self, blocking=True, timeout=None)")]
    #[inline]
    fn acquire<'py>(
        slf: &Bound<'py, Self>,
        blocking: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let mut left = None;
        let acquired = native(slf, |semaphore| {
            semaphore.acquire_native(py, blocking.0, timeout, &mut left)
        })?;
        let acquired = acquired.transpose()?.unwrap_or(Err(WaitError::Retired));
        match acquired {
            Ok(acquired) => Ok(acquired.into_pyobject(py)?.to_owned().into_any()),
            Err(_) => {
                let acquire = function(slf, intern!(py, "acquire"))?;
                match left {
                    Some(left) => acquire.call1((slf, true, left)),
                    None => acquire.call1((slf, blocking.0, timeout)),
                }
            }
        }
    }

    /// Take a permit, as acquire() does.
    #[pyo3(signature = (blocking = Truth(true), timeout = None), text_signature = "($self, blocking=True, timeout=None)")]
    #[inline]
    fn __enter__<'py>(
        slf: &Bound<'py, Self>,
        blocking: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::acquire(slf, blocking, timeout)
    }

    /// Give back `n` permits, and wake as many waiting threads. Never blocks.
    ///
    /// Raises ValueError if n is less than 1, or if there would be more permits than a BoundedSemaphore began with.
    #[pyo3(signature = (n = Given::default()), text_signature = "($self, n=1)")]
    #[inline]
    fn release<'py>(slf: &Bound<'py, Self>, n: Given<'py>) -> PyResult<()> {
        let py = slf.py();
        let Some(count) = n.0.as_ref().map_or(Some(1), plain_number) else {
            // Not an exact `int`, or a very large one: the standard library decides what it means.
            materialize(slf)?;
            return standard(slf, intern!(py, "release"), (slf, n.0)).map(drop);
        };
        let released = native(slf, |semaphore| match count {
            1 => semaphore.engine.get(py).release().map_err(errors::too_many(py)),
            2.. => semaphore
                .engine
                .get(py)
                .release_many(count.unsigned_abs())
                .map_err(errors::too_many(py)),
            _ => Err(PyValueError::new_err("n must be one or more")),
        })?;
        released.unwrap_or_else(|| standard(slf, intern!(py, "release"), (slf, count)).map(drop))
    }

    /// Give back one permit.
    #[inline]
    #[pyo3(signature = (t, v, tb))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        t: &Bound<'_, PyAny>,
        v: &Bound<'_, PyAny>,
        tb: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = (t, v, tb);
        if goes_own_way(slf)? {
            Self::release(slf, Given::default())
        } else {
            slf.call_method0(intern!(slf.py(), "release")).map(drop)
        }
    }

    /// Return how many permits there are, if the semaphore is native.
    fn _interlock_permits(&self, py: Python<'_>) -> usize {
        self.engine.get(py).permits()
    }

    /// The most permits that there may be, if the semaphore is native.
    fn _interlock_bound(&self, py: Python<'_>) -> usize {
        self.engine.get(py).bound()
    }
}

impl Semaphore {
    /// [`WaitError::Retired`] if the semaphore was materialized during the wait. `left` is then the rest of the
    /// timeout, in seconds.
    #[inline]
    fn acquire_native(
        &self,
        py: Python<'_>,
        blocking: bool,
        timeout: Option<&Bound<'_, PyAny>>,
        left: &mut Option<Option<f64>>,
    ) -> PyResult<Result<bool, WaitError>> {
        if !blocking && timeout.is_some() {
            let message = "can't specify timeout for non-blocking acquire";
            return Err(PyValueError::new_err(message));
        }
        if self.engine.get(py).try_acquire().is_ok() {
            return Ok(Ok(true));
        }
        if !blocking {
            return Ok(Ok(false));
        }
        let deadline = Timeout::of(timeout)?.deadline()?;
        Ok(
            match blocking::wait(py, deadline, |context| self.engine.get(py).acquire_with(context))? {
                Ok(()) => Ok(true),
                Err(WaitError::Retired) => {
                    *left = Some(deadline.remaining().map(|left| left.as_secs_f64()));
                    Err(WaitError::Retired)
                }
                Err(_) => Ok(false),
            },
        )
    }
}

/// Initializes a semaphore with `value` permits, 1 if the caller passed none. The standard library handles any value
/// but a plain number.
fn begin(slf: &Bound<'_, Semaphore>, value: Option<&Bound<'_, PyAny>>, bounded: bool) -> PyResult<()> {
    let py = slf.py();
    let permits = match value {
        None => Some(1),
        Some(value) => plain_number(value).and_then(|value| usize::try_from(value).ok()),
    };
    let begun = native(slf, |semaphore| {
        let is_new =
            semaphore.engine.get(py).permits() == 1 && semaphore.engine.get(py).bound() == usize::MAX;
        match permits.filter(|_| is_new) {
            Some(permits) => {
                let bound = if bounded { permits } else { usize::MAX };
                semaphore.engine.get(py).begin_with((permits, bound));
                true
            }
            None => {
                begin_materialized(slf);
                false
            }
        }
    })?;
    if begun == Some(true) {
        return Ok(());
    }
    // Up to 3.11, the `__init__` of a bounded semaphore calls that of `Semaphore` by its name, which is ours after
    // `install()`.
    let own = if bounded {
        None
    } else {
        function(slf, intern!(py, "unbounded")).ok()
    };
    let init = own.map_or_else(|| function(slf, intern!(py, "__init__")), Ok)?;
    match value {
        Some(value) => init.call1((slf, value)).map(drop),
        None => init.call1((slf,)).map(drop),
    }
}

fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let semaphore = object.cast::<Semaphore>()?;
    let (permits, wakeups) = semaphore.get().engine.get(object.py()).retire();
    attributes.set_item("_value", permits)?;
    Ok(Exported::Moved(vec![wakeups]))
}
