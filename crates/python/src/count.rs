//! Numbers of things as Python gives them. The standard library takes whatever compares with 0 and looks at it later.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

/// An argument just as it was given, or none.
#[derive(Default)]
pub(crate) struct Given(pub(crate) Option<Py<PyAny>>);

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Given(Some(object.to_owned().unbind())))
    }
}

/// How many of something, at most: a fraction counts as the next integer, a number beyond the machine's as its last.
pub(crate) struct Count(pub(crate) isize);

impl<'py> FromPyObject<'_, 'py> for Count {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(float) = object.cast::<PyFloat>() {
            return Ok(Count(round_up(float.value())));
        }
        match object.extract() {
            Ok(count) => Ok(Count(count)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                Ok(Count(if object.lt(0)? { isize::MIN } else { isize::MAX }))
            }
            Err(error) => Err(error),
        }
    }
}

/// The smallest integer that is not less, as far as the machine has one; 0 for what is not a number.
#[expect(clippy::cast_possible_truncation, reason = "as it saturates, which is meant")]
fn round_up(number: f64) -> isize {
    number.ceil() as isize
}

/// The value of an integer, not of a derived class, that the machine has.
#[inline]
pub(crate) fn plain(object: &Bound<'_, PyAny>) -> Option<isize> {
    object.cast_exact::<PyInt>().ok()?.extract().ok()
}

/// How many things an upper limit lets in; `None` for what does not compare with a number, of which the comparison tells.
///
/// # Errors
/// It compares, and is no number for all that.
pub(crate) fn limit(object: &Bound<'_, PyAny>) -> PyResult<Option<isize>> {
    if object.is_instance_of::<PyInt>() || object.is_instance_of::<PyFloat>() {
        return Ok(Some(object.extract::<Count>()?.0));
    }
    match object.gt(0) {
        Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => return Ok(None),
        compared => compared?,
    };
    let up = object.py().import("math")?.call_method1("ceil", (object,))?;
    Ok(Some(up.extract::<Count>()?.0))
}

/// Permits of which there is an end, but not in the lifetime of a machine.
const NO_END: usize = usize::MAX / 2;

/// The permits that a semaphore begins with, and those that it may have at most if it is bounded.
pub(crate) struct Permits {
    pub(crate) first: usize,
    pub(crate) most: usize,
}

impl Permits {
    /// The permits that a number stands for. As in the standard library, one that never comes to 0 by counting down
    /// (1.5, infinity) stands for permits without end.
    ///
    /// # Errors
    /// The number is negative, or is none.
    pub(crate) fn of(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.lt(0)? {
            return Err(PyValueError::new_err("semaphore initial value must be >= 0"));
        }
        let first = whole(value)?.unwrap_or(NO_END);
        let most = if value.add(1)?.gt(value)? {
            first
        } else {
            usize::MAX
        };
        Ok(Permits { first, most })
    }
}

/// A number as an integer of the machine, if it is one.
fn whole(value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    match value.py().get_type::<PyInt>().call1((value,)) {
        Ok(integer) if integer.eq(value)? => Ok(integer.extract().ok().filter(|&count| count < NO_END)),
        Ok(_) => Ok(None),
        Err(error)
            if error.is_instance_of::<PyOverflowError>(value.py())
                || error.is_instance_of::<PyValueError>(value.py()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// How many threads meet: an integer, if need be one that is written as a float.
pub(crate) struct Parties(pub(crate) isize);

impl<'py> FromPyObject<'_, 'py> for Parties {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyFloat>() {
            Ok(float) if float.value().fract() == 0.0 => Ok(Parties(round_up(float.value()))),
            _ => object.extract().map(Parties),
        }
    }
}
