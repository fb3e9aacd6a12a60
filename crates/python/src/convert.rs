//! Conversion of Python arguments.

use std::time::Duration;

use interlock_wait::Deadline;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
#[cfg(Py_3_15)]
use pyo3::types::PyTuple;
use pyo3::types::{PyBool, PyFloat, PyInt, PyType};

use crate::raw;

/// The longest timeout, in seconds: `threading.TIMEOUT_MAX` plus the fraction of a second by which the clock goes
/// beyond it.
const TIMEOUT_MAX_SECONDS: f64 = i64::MAX as f64 / 1e9;

/// An argument of which only the truth value matters, such as `blocking`.
pub(crate) struct Truth(pub(crate) bool);

impl<'py> FromPyObject<'_, 'py> for Truth {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyBool>() {
            Ok(exact) => Ok(Truth(exact.is_true())),
            Err(_) => object.is_truthy().map(Truth),
        }
    }
}

/// An argument just as the caller passed it, or nothing if it was left out. Python's None is an argument like any
/// other.
#[derive(Default)]
pub(crate) struct Given<'py>(pub(crate) Option<Bound<'py, PyAny>>);

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = PyErr;

    #[inline]
    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Given(Some(object.to_owned())))
    }
}

/// How long a wait may last.
#[derive(Clone, Copy)]
pub(crate) enum Timeout {
    /// For ever.
    Never,
    /// This many seconds; may be negative.
    Seconds(f64),
}

impl Timeout {
    /// Reads a timeout argument. Like the standard library, call this only once there is something to wait for.
    ///
    /// # Errors
    /// The argument is not a number.
    #[inline]
    pub(crate) fn of(given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        given.map_or(Ok(Timeout::Never), PyAnyMethods::extract)
    }

    /// Returns the deadline of the wait. A negative time has already passed.
    ///
    /// # Errors
    /// The time is not a number, or too large for the clock.
    pub(crate) fn deadline(self) -> PyResult<Deadline> {
        self.check()?;
        Ok(match self {
            Timeout::Never => Deadline::NEVER,
            // Without reading the clock, which is a large part of the cost of a wait with a zero timeout.
            Timeout::Seconds(seconds) if seconds <= 0.0 => Deadline::PASSED,
            Timeout::Seconds(seconds) => Deadline::after(Duration::from_secs_f64(seconds)),
        })
    }

    /// # Errors
    /// The time is not a number, or too large for the clock.
    #[inline]
    fn check(self) -> PyResult<()> {
        match self {
            Timeout::Seconds(seconds) if seconds.is_nan() => {
                Err(PyValueError::new_err("Invalid value NaN (not a number)"))
            }
            Timeout::Seconds(seconds) if seconds > TIMEOUT_MAX_SECONDS => {
                Err(PyOverflowError::new_err("timeout value is too large"))
            }
            _ => Ok(()),
        }
    }

    /// Like [`Timeout::deadline`], for a single wait. Up to 3.13, such a wait treats NaN as a time that has already
    /// passed.
    pub(crate) fn deadline_of_one_wait(self) -> PyResult<Deadline> {
        match self {
            Timeout::Seconds(seconds) if cfg!(not(Py_3_14)) && seconds.is_nan() => Ok(Deadline::PASSED),
            timeout => timeout.deadline(),
        }
    }

    /// Like [`Timeout::deadline`], but a negative time is an error.
    pub(crate) fn non_negative_deadline(self) -> PyResult<Deadline> {
        self.refuse_negative()?;
        self.deadline()
    }

    /// Makes the checks of [`Timeout::non_negative_deadline`] for a timeout that may turn out to be unneeded.
    ///
    /// # Errors
    /// The time is negative, not a number, or too large for the clock.
    #[inline]
    pub(crate) fn check_non_negative(self) -> PyResult<()> {
        self.refuse_negative()?;
        self.check()
    }

    /// # Errors
    /// The time is negative.
    #[inline]
    pub(crate) fn refuse_negative(self) -> PyResult<()> {
        match self {
            Timeout::Seconds(seconds) if seconds < 0.0 => {
                Err(PyValueError::new_err("'timeout' must be a non-negative number"))
            }
            _ => Ok(()),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Timeout {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            Ok(Timeout::Never)
        } else {
            seconds(object).map(Timeout::Seconds)
        }
    }
}

/// Returns a number of seconds. None is an error here.
///
/// # Errors
/// It is not a number.
pub(crate) fn seconds_of(given: &Bound<'_, PyAny>) -> PyResult<f64> {
    seconds(given.as_borrowed())
}

/// Returns the seconds of a timeout that is valid everywhere: a number, not negative and not too large.
#[inline]
pub(crate) fn plain_timeout(object: &Bound<'_, PyAny>) -> Option<f64> {
    let seconds = match raw::small_int(object) {
        Some(seconds) => i32::try_from(seconds).ok().map(f64::from),
        None => object.cast_exact::<PyFloat>().ok().map(PyFloatMethods::value),
    };
    seconds.filter(|seconds| (0.0..=TIMEOUT_MAX_SECONDS).contains(seconds))
}

/// Returns a number of seconds: a float, an integer, or an object that converts to one of them.
fn seconds(object: Borrowed<'_, '_, PyAny>) -> PyResult<f64> {
    if let Ok(float) = object.cast::<PyFloat>() {
        return Ok(float.value());
    }
    if let Ok(int) = object.cast::<PyInt>() {
        return int
            .extract::<f64>()
            .map_err(|_| PyOverflowError::new_err("timeout value is too large"));
    }
    let kind = object.get_type();
    if !kind.hasattr("__index__")? && !kind.hasattr("__float__")? {
        let name = kind.name()?;
        return Err(PyTypeError::new_err(if cfg!(Py_3_15) {
            format!("must be real number, not {name}")
        } else if cfg!(Py_3_14) {
            format!("'{name}' object cannot be interpreted as an integer or float")
        } else {
            format!("'{name}' object cannot be interpreted as an integer")
        }));
    }
    object.extract()
}

/// The `timeout` of a lock's `acquire`: seconds, of which -1 means no limit.
#[derive(Clone, Copy)]
pub(crate) struct LockTimeout(f64);

impl LockTimeout {
    pub(crate) const UNLIMITED: LockTimeout = LockTimeout(-1.0);

    /// Returns how long to wait; `None` if the call must not block.
    ///
    /// # Errors
    /// There is a timeout although the call does not block, or it is negative or too large for the clock.
    #[cold]
    pub(crate) fn checked(self, blocking: bool) -> PyResult<Option<Timeout>> {
        match (blocking, self.0) {
            (true, -1.0) => Ok(Some(Timeout::Never)),
            (false, -1.0) => Ok(None),
            (_, seconds) if seconds.is_nan() || seconds.abs() > TIMEOUT_MAX_SECONDS => {
                let timeout = Timeout::Seconds(seconds.abs());
                timeout.check().map(|()| Some(timeout))
            }
            (false, _) => Err(PyValueError::new_err(
                "can't specify a timeout for a non-blocking call",
            )),
            (true, seconds) if seconds < 0.0 => {
                let words = match cfg!(Py_3_13) {
                    true => "a non-negative number",
                    false => "positive",
                };
                Err(PyValueError::new_err(format!("timeout value must be {words}")))
            }
            (true, seconds) => Ok(Some(Timeout::Seconds(seconds))),
        }
    }

    /// Returns whether there is no limit, so that a blocking call needs no check.
    #[inline]
    pub(crate) fn is_unlimited(self) -> bool {
        self.0 == -1.0
    }
}

impl<'py> FromPyObject<'_, 'py> for LockTimeout {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        seconds(object).map(LockTimeout)
    }
}

/// Returns the value of an exact `int` that fits into a machine word.
#[inline]
pub(crate) fn plain_number(object: &Bound<'_, PyAny>) -> Option<isize> {
    object.cast_exact::<PyInt>().ok()?.extract().ok()
}

/// Returns whether an object is an exact `float` or `int`: it refers to no other object and runs no user
/// code.
pub(crate) fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PyFloat>() || object.is_exact_instance_of::<PyInt>()
}

/// Returns whether a class derived from one of ours has no `__init__` of its own, so that it takes no
/// arguments.
#[cold]
pub(crate) fn takes_no_arguments(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let init = class.py().get_type::<PyAny>().getattr("__init__")?;
    Ok(class.getattr("__init__")?.is(&init))
}

/// Checks the arguments of a lock's `__exit__`: from 3.15 on there must be three. Before, their number does not matter.
///
/// # Errors
/// There are more or fewer than three.
#[cfg(Py_3_15)]
pub(crate) fn check_exception(given: &Bound<'_, PyTuple>) -> PyResult<()> {
    match given.len() {
        3 => Ok(()),
        number => Err(PyTypeError::new_err(format!(
            "__exit__ expected 3 arguments, got {number}"
        ))),
    }
}

/// Return the engine's clock, in seconds. A program may have stopped `time.monotonic()`, as tools for tests
/// do.
#[pyfunction]
pub(crate) fn monotonic() -> f64 {
    Duration::from_nanos(interlock_os::clock::monotonic_nanos()).as_secs_f64()
}
