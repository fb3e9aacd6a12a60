//! The rank of an object in a `PriorityQueue`, from the values that Python would compare.

use interlock_shm::Rank;
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::raw::intern;

/// Tuples and lists deeper than this do not count.
const DEEPEST: usize = 16;
/// Beyond this, integers and floating-point numbers are too far apart for a difference of 64 bits.
const LARGEST: i128 = 1 << 115;

/// Returns the rank of an object.
///
/// # Errors
/// The object is neither a number, text or bytes, nor a tuple or list that begins with such an object.
pub(super) fn rank_of(object: &Bound<'_, PyAny>) -> PyResult<Rank> {
    let mut rank = Rank::new();
    let counts = append(&mut rank, object, 0)?;
    let begins_with_nothing = || {
        let first = first_of(object);
        first.is_some_and(|first| !matches!(append(&mut Rank::new(), &first, 1), Ok(true)))
    };
    if object.is_none() || (!counts && (first_of(object).is_none() || begins_with_nothing())) {
        return Err(PyTypeError::new_err(format!(
            "a PriorityQueue of processes takes numbers, texts, bytes, and tuples and lists that begin with these, not {}",
            object.get_type().name()?
        )));
    }
    match rank.bytes().len() {
        0..=Rank::MOST => Ok(rank),
        _ => Err(PyValueError::new_err("the tuple is too long to be ordered")),
    }
}

fn first_of<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    match object.cast::<PyTuple>() {
        Ok(tuple) => tuple.get_item(0).ok(),
        Err(_) => object.cast::<PyList>().ok()?.get_item(0).ok(),
    }
}

/// Appends the part of an object that counts. Returns whether all of it does.
fn append(rank: &mut Rank, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    if object.is_none() {
        rank.nothing();
    } else if let Some(number) = of_kind::<PyInt>(object)? {
        let number: i128 = number.extract().unwrap_or(i128::MAX);
        if !(-LARGEST..LARGEST).contains(&number) {
            return Err(PyOverflowError::new_err("the number is too large to be ordered"));
        }
        let closest = number as f64;
        rank.number(closest, (number - closest as i128) as i64);
    } else if let Some(number) = of_kind::<PyFloat>(object)? {
        if number.value().is_nan() {
            return Err(PyValueError::new_err("nan has no order"));
        }
        rank.number(number.value(), 0);
    } else if let Some(text) = of_kind::<PyString>(object)? {
        return Ok(rank.text(text.to_str()?));
    } else if let Some(bytes) = of_kind::<PyBytes>(object)? {
        return Ok(rank.string_of_bytes(bytes.as_bytes()));
    } else if let (Some(tuple), true) = (of_kind::<PyTuple>(object)?, depth < DEEPEST) {
        rank.tuple();
        return append_all(rank, tuple.iter(), depth);
    } else if let (Some(list), true) = (of_kind::<PyList>(object)?, depth < DEEPEST) {
        rank.list();
        return append_all(rank, list.iter(), depth);
    } else {
        rank.opaque();
        return Ok(false);
    }
    Ok(true)
}

fn append_all<'py>(
    rank: &mut Rank,
    parts: impl Iterator<Item = Bound<'py, PyAny>>,
    depth: usize,
) -> PyResult<bool> {
    for part in parts {
        if rank.bytes().len() > Rank::MOST || !append(rank, &part, depth + 1)? {
            return Ok(false);
        }
    }
    rank.end();
    Ok(true)
}

/// Returns the object if its type is `T`, or is derived from `T` and compares as `T` does.
fn of_kind<'a, 'py, T: PyTypeInfo>(object: &'a Bound<'py, PyAny>) -> PyResult<Option<&'a Bound<'py, T>>> {
    let py = object.py();
    let Ok(kind) = object.cast::<T>() else {
        return Ok(None);
    };
    if object.cast_exact::<T>().is_err() {
        let less = intern!(py, "__lt__");
        if !object
            .get_type()
            .getattr(less)?
            .is(&T::type_object(py).getattr(less)?)
        {
            return Ok(None);
        }
    }
    Ok(Some(kind))
}
