//! The shortest way to call a Python function.

use pyo3::ffi;
use pyo3::prelude::*;

/// The result of a function that is called with one argument. (PyO3's way makes five calls of it up to 3.11.)
#[inline]
pub(crate) fn call_one<'py>(
    function: &Bound<'py, PyAny>,
    argument: Borrowed<'_, 'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // The place before the argument is the callee's to use.
    let mut arguments = [std::ptr::null_mut(), argument.as_ptr()];
    let first = arguments.as_mut_ptr().wrapping_add(1);
    let count = 1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: function and argument are alive during the call, and the thread is attached, as the borrows show.
    let result = unsafe { ffi::PyObject_Vectorcall(function.as_ptr(), first, count, std::ptr::null_mut()) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), result) }
}
