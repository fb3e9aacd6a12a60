//! Calls of Python code on a thread that the interpreter may end meanwhile.

use interlock_wait::sleep_for_ever;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyTuple};

/// Ends the thread's way up the stack: see [`call`].
struct StopUnwinding;

impl Drop for StopUnwinding {
    fn drop(&mut self) {
        sleep_for_ever();
    }
}

/// Calls a function of the interpreter that may run Python code.
///
/// A daemon thread that comes back to an interpreter that is being finalized is ended by pthread_exit, up to 3.13. That
/// unwinds the stack through here, and must not go on into frames that do not expect it: the thread sleeps until the
/// process ends, as it would from 3.14 on.
///
/// # Safety
/// As that of the function.
unsafe fn call<A, R>(function: unsafe extern "C" fn(A) -> R, argument: A) -> R {
    type Unwinding<A, R> = unsafe extern "C-unwind" fn(A) -> R;
    // SAFETY: the two types of the function differ in what they promise about unwinding, and this one promises less.
    let function: Unwinding<A, R> = unsafe { std::mem::transmute(function) };
    // Behind a black box, so that the compiler does not find out which function it is, and that it can't unwind.
    let function = std::hint::black_box(function);
    let guard = StopUnwinding;
    // SAFETY: the caller answers for it.
    let result = unsafe { function(argument) };
    std::mem::forget(guard);
    result
}

/// The result of a function that is called with one argument, by a thread that may be ended meanwhile: see [`call`].
///
/// (It is also the shortest way. PyO3's makes five calls of it up to 3.11.)
#[inline]
pub(crate) fn call_one<'py>(
    function: &Bound<'py, PyAny>,
    argument: Borrowed<'_, 'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    type C =
        unsafe extern "C" fn(*mut ffi::PyObject, Arguments, usize, *mut ffi::PyObject) -> *mut ffi::PyObject;
    type Unwinding = unsafe extern "C-unwind" fn(
        *mut ffi::PyObject,
        Arguments,
        usize,
        *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    type Arguments = *const *mut ffi::PyObject;
    // SAFETY: as in `call`.
    let vectorcall: Unwinding = unsafe { std::mem::transmute(ffi::PyObject_Vectorcall as C) };
    let vectorcall = std::hint::black_box(vectorcall);
    // The place before the argument is the callee's to use.
    let mut arguments = [std::ptr::null_mut(), argument.as_ptr()];
    let first = arguments.as_mut_ptr().wrapping_add(1);
    let count = 1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    let guard = StopUnwinding;
    // SAFETY: function and argument are alive during the call, and the thread is attached, as the borrows show.
    let result = unsafe { vectorcall(function.as_ptr(), first, count, std::ptr::null_mut()) };
    std::mem::forget(guard);
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), result) }
}

/// The result of a function that is called with some arguments, by a thread that may be ended meanwhile: see [`call`].
pub(crate) fn call_with<'py>(
    function: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    named: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    type C = unsafe extern "C" fn(Object, Object, Object) -> Object;
    type Unwinding = unsafe extern "C-unwind" fn(Object, Object, Object) -> Object;
    type Object = *mut ffi::PyObject;
    // SAFETY: as in `call`.
    let function_call: Unwinding = unsafe { std::mem::transmute(ffi::PyObject_Call as C) };
    let function_call = std::hint::black_box(function_call);
    let named = named.map_or(std::ptr::null_mut(), Bound::as_ptr);
    let guard = StopUnwinding;
    // SAFETY: what is passed is alive during the call, and the thread is attached, as the borrows show.
    let result = unsafe { function_call(function.as_ptr(), arguments.as_ptr(), named) };
    std::mem::forget(guard);
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), result) }
}

/// The next item of an iterator, taken by a thread that may be ended meanwhile: see [`call`].
pub(crate) fn next_item<'py>(iterator: &Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    // SAFETY: the iterator is one, and alive during the call; the thread is attached, as the borrow shows.
    let item = unsafe { call(ffi::PyIter_Next, iterator.as_ptr()) };
    // SAFETY: the call returned a new reference, or null: then an exception is set, or there is no more item.
    match unsafe { Bound::from_owned_ptr_or_opt(py, item) } {
        Some(item) => Ok(Some(item)),
        None => PyErr::take(py).map_or(Ok(None), Err),
    }
}
