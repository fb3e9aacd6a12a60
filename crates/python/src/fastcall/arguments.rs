//! Reads the arguments of a call that may wait.

#![expect(unsafe_code, reason = "the interpreter passes arguments as an array in C")]

use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use crate::convert::plain_timeout;
use crate::raw::intern;

/// What the arguments of a call ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To wait if the call cannot succeed at once: no arguments, or plain ones that say so.
    ToWait,
    /// Not to wait: `False`, or a timeout of 0.
    ToTry,
    /// Arguments that the general method must check.
    SomethingElse,
}

/// What a call is asked for. `blocking` returns the name of its first parameter; the second is `timeout`.
///
/// # Safety
/// - The thread is attached.
/// - The arguments are those of a fast function's call.
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
    // SAFETY: the caller answers for the arguments.
    let Some([blocks, timeout]) = (unsafe { given(py, args, nargs, kwnames, blocking(py)) }) else {
        return Asked::SomethingElse;
    };
    let blocks = match blocks.map(|blocks| blocks.cast::<PyBool>().map(|blocks| blocks.is_true())) {
        None => true,
        Some(Ok(blocks)) => blocks,
        Some(Err(_)) => return Asked::SomethingElse,
    };
    match timeout.map(|timeout| plain_timeout(&timeout)) {
        None if blocks => Asked::ToWait,
        None => Asked::ToTry,
        Some(Some(seconds)) if blocks && seconds > 0.0 => Asked::ToWait,
        Some(Some(_)) if blocks => Asked::ToTry,
        Some(_) => Asked::SomethingElse,
    }
}

/// The arguments `blocking` and `timeout`, in this order. `None` if there are any others.
///
/// # Safety
/// The same as for [`asked`].
#[inline]
unsafe fn given<'a, 'py>(
    py: Python<'py>,
    args: *const *mut PyObject,
    nargs: Py_ssize_t,
    kwnames: *mut PyObject,
    blocking: &Bound<'_, PyString>,
) -> Option<[Option<Borrowed<'a, 'py, PyAny>>; 2]> {
    let positional = nargs.unsigned_abs();
    // SAFETY: the caller answers for the arguments.
    let args = unsafe { all_arguments(args, positional, kwnames) };
    let mut given = [None; 2];
    if args.len() > given.len() {
        return None;
    }
    for (index, value) in args.iter().enumerate() {
        let parameter = if index < positional {
            index
        } else {
            // SAFETY: the tuple has a name for each named argument.
            let name = unsafe { ffi::PyTuple_GET_ITEM(kwnames, (index - positional).cast_signed()) };
            [blocking.as_ptr(), intern!(py, "timeout").as_ptr()]
                .iter()
                .position(|known| *known == name)?
        };
        // SAFETY: the caller of the method holds its arguments.
        let value = unsafe { Borrowed::from_ptr(py, *value) };
        if given[parameter].replace(value).is_some() {
            return None;
        }
    }
    Some(given)
}

/// All arguments of a call, the named ones last.
///
/// # Safety
/// The arguments are those of a vectorcall, and the slice is used only during the call.
#[inline]
pub(super) unsafe fn all_arguments<'a>(
    args: *const *mut PyObject,
    positional: usize,
    kwnames: *mut PyObject,
) -> &'a [*mut PyObject] {
    let named = if kwnames.is_null() {
        0
    } else {
        // SAFETY: it is not null, so it is a tuple.
        unsafe { ffi::PyTuple_GET_SIZE(kwnames) }.unsigned_abs()
    };
    if positional + named == 0 {
        return &[]; // `args` may be null then
    }
    // SAFETY: `args` points to that many arguments.
    unsafe { std::slice::from_raw_parts(args, positional + named) }
}
