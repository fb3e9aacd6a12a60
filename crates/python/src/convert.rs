//! Arguments as Python gives them.

use std::time::Duration;

use interlock_wait::Deadline;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
#[cfg(Py_3_15)]
use pyo3::types::PyTuple;
use pyo3::types::{PyBool, PyFloat, PyInt, PyType};

/// The longest timeout, in seconds: `threading.TIMEOUT_MAX`, and the fraction of a second that the clock has beyond it.
const TIMEOUT_MAX_SECONDS: f64 = i64::MAX as f64 / 1e9;

/// An argument of which only the truth matters, such as `blocking`.
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

/// An argument just as it was given, or none: here None is an argument like any other.
#[derive(Default)]
pub(crate) struct Given<'py>(pub(crate) Option<Bound<'py, PyAny>>);

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = PyErr;

    #[inline]
    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Given(Some(object.to_owned())))
    }
}

/// How long the caller is willing to wait.
#[derive(Clone, Copy)]
pub(crate) enum Timeout {
    /// For ever.
    Never,
    /// So many seconds; may be negative.
    Seconds(f64),
}

impl Timeout {
    /// A timeout as it was given, which the standard library looks at only where there is something to wait for.
    ///
    /// # Errors
    /// It is no number.
    #[inline]
    pub(crate) fn of(given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        given.map_or(Ok(Timeout::Never), PyAnyMethods::extract)
    }

    /// The point in time at which the wait ends; a negative time is over already.
    ///
    /// # Errors
    /// The time is not a number, or too large for the clock.
    pub(crate) fn deadline(self) -> PyResult<Deadline> {
        self.check()?;
        Ok(match self {
            Timeout::Never => Deadline::NEVER,
            // Without a look at the clock: that is a good part of what a wait without time costs.
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

    /// As [`Timeout::deadline`], for a single wait: there, up to 3.13, what is not more than 0 is over already, also what is NaN.
    pub(crate) fn deadline_of_one_wait(self) -> PyResult<Deadline> {
        match self {
            Timeout::Seconds(seconds) if cfg!(not(Py_3_14)) && seconds.is_nan() => Ok(Deadline::PASSED),
            timeout => timeout.deadline(),
        }
    }

    /// As [`Timeout::deadline`], but a negative time is an error.
    pub(crate) fn non_negative_deadline(self) -> PyResult<Deadline> {
        self.refuse_negative()?;
        self.deadline()
    }

    /// What [`Timeout::non_negative_deadline`] says to a time that there may be no use for.
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

/// The seconds of a timeout that is right wherever one is asked for: a number, not negative, not too large.
#[inline]
pub(crate) fn plain_timeout(object: &Bound<'_, PyAny>) -> Option<f64> {
    let seconds = match object.cast_exact::<PyFloat>() {
        Ok(float) => Some(float.value()),
        Err(_) => object
            .cast_exact::<PyInt>()
            .ok()
            .and_then(|int| int.extract().ok()),
    };
    seconds.filter(|seconds| (0.0..=TIMEOUT_MAX_SECONDS).contains(seconds))
}

/// A number of seconds: a float, an integer, or what turns itself into one of them.
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

    /// Whether and how long to wait; `None` not at all.
    ///
    /// # Errors
    /// A timeout for a call that does not block, or one that is negative, or too large for the clock.
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

    /// Whether this is the plain blocking call that needs no check.
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

/// The value of an integer, not of a derived class, that the machine has.
#[inline]
pub(crate) fn plain_number(object: &Bound<'_, PyAny>) -> Option<isize> {
    object.cast_exact::<PyInt>().ok()?.extract().ok()
}

/// Whether an object is a number of the interpreter's own: one that refers to nothing, and runs no code of anybody's.
pub(crate) fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PyFloat>() || object.is_exact_instance_of::<PyInt>()
}

/// Whether a class derived from one of ours leaves its arguments to that, which takes none.
#[cold]
pub(crate) fn takes_no_arguments(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let init = class.py().get_type::<PyAny>().getattr("__init__")?;
    Ok(class.getattr("__init__")?.is(&init))
}

/// The arguments of a lock's `__exit__`, of which there are three from 3.15 on; before, their number does not matter.
///
/// # Errors
/// There are more or fewer.
#[cfg(Py_3_15)]
pub(crate) fn check_exception(given: &Bound<'_, PyTuple>) -> PyResult<()> {
    match given.len() {
        3 => Ok(()),
        number => Err(PyTypeError::new_err(format!(
            "__exit__ expected 3 arguments, got {number}"
        ))),
    }
}
