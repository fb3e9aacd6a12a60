//! What a call that may wait is asked for, told from its arguments.

use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use crate::convert::plain_timeout;
use crate::raw::intern;

/// What a call that may wait is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To wait if there is nothing to have: no arguments, or one that says so.
    ToWait,
    /// Not to wait: `False`, or a timeout of 0.
    ToTry,
    /// More arguments than one, or one that is looked at by the method itself.
    SomethingElse,
}

/// What a call is asked for; `blocking` is the name of its first parameter, the second is `timeout`.
///
/// # Safety
/// - The thread is attached.
/// - The arguments are those of a hot function's call.
#[inline]
pub(super) unsafe fn asked(
    args: *const *mut PyObject,
    nargs: Py_ssize_t,
    kwnames: *mut PyObject,
    blocking: impl FnOnce(Python<'_>) -> &Bound<'_, PyString>,
) -> Asked {
    if nargs == 0 && kwnames.is_null() {
        return Asked::ToWait;
    }
    // SAFETY: the caller is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: if it is not null, it is a tuple.
    let names = (!kwnames.is_null()).then(|| unsafe { ffi::PyTuple_GET_SIZE(kwnames) });
    let blocking = blocking(py).as_ptr();
    let name = match (nargs, names) {
        (1, None) => blocking,
        // SAFETY: the tuple has an item.
        (0, Some(1)) => unsafe { ffi::PyTuple_GET_ITEM(kwnames, 0) },
        _ => return Asked::SomethingElse,
    };
    // SAFETY: there is one argument.
    let value = unsafe { *args };
    // SAFETY: the caller of the method holds its arguments.
    let value = unsafe { Borrowed::from_ptr(py, value) };
    let waits = if name == intern!(py, "timeout").as_ptr() {
        plain_timeout(&value).map(|seconds| seconds > 0.0)
    } else if name == blocking {
        value.cast::<PyBool>().ok().map(|waits| waits.is_true())
    } else {
        None
    };
    match waits {
        Some(true) => Asked::ToWait,
        Some(false) => Asked::ToTry,
        None => Asked::SomethingElse,
    }
}
