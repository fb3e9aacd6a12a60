//! The class attributes `acquire` and `release` of conditions.
//!
//! In the standard library a condition has its lock's bound methods under these names. A native condition has none until
//! it is asked: reading such an attribute gives the lock's own bound method. A call makes no bound method: the interpreter
//! calls the class attribute with the condition, as it does with every method.

#![expect(unsafe_code, reason = "the class attribute is an object made in C")]

use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::ptr::null_mut;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::call::{is_surely_native, none, receiver, yes};
use super::new_type::{NewType, slot};
use crate::condition::Condition;
use crate::materialize::Internal;

/// The class attribute. It is never freed.
#[repr(C)]
struct LockMethod {
    head: PyObject,
    vectorcall: ffi::vectorcallfunc,
    /// Reads the lock's bound method.
    internal: *mut PyObject,
}

/// Return a class attribute that is called as a method of a condition and read as `internal` is. Its name is "acquire" or
/// "release".
#[pyfunction]
#[pyo3(signature = (internal, /))]
pub(crate) fn method_of_lock<'py>(internal: &Bound<'py, Internal>) -> PyResult<Bound<'py, PyAny>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = internal.py();
    let vectorcall = match internal.get().name(py).to_str()? {
        "acquire" => call::<true>,
        "release" => call::<false>,
        name => {
            return Err(PyTypeError::new_err(format!(
                "a condition's {name} is not called by its lock"
            )));
        }
    };
    let class = TYPE.get_or_try_init(py, || new_type(py))?;
    // SAFETY: the type allocates its instances in this way.
    let object = unsafe { ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: the type's basic size is that of `LockMethod`, and no other code has seen the object.
    let this = unsafe { &mut *object.as_ptr().cast::<LockMethod>() };
    this.vectorcall = vectorcall;
    this.internal = internal.clone().into_ptr();
    // Never freed: it belongs to a class that is never unloaded.
    std::mem::forget(object.clone());
    Ok(object)
}

fn new_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    NewType {
        name: c"interlock._interlock.lock_method",
        size: size_of::<LockMethod>(),
        vectorcall: Some(offset_of!(LockMethod, vectorcall)),
        // The interpreter calls such an attribute with the receiver only if its type cannot change.
        flags: ffi::Py_TPFLAGS_METHOD_DESCRIPTOR | ffi::Py_TPFLAGS_IMMUTABLETYPE,
    }
    .create(
        py,
        vec![
            slot(ffi::Py_tp_descr_get, read as *mut c_void),
            slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        ],
    )
}

/// The result of a lookup in `receiver`, or in the class if there is no receiver.
///
/// # Safety
/// Called as a slot of the type.
unsafe extern "C" fn read(
    slf: *mut PyObject,
    receiver: *mut PyObject,
    class: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as a slot of the type.
    let internal = unsafe { (*slf.cast::<LockMethod>()).internal };
    // SAFETY: the object is never freed.
    let kind = unsafe { ffi::Py_TYPE(internal) };
    // SAFETY: a type outlives its objects.
    match unsafe { (*kind).tp_descr_get } {
        // SAFETY: the arguments are those of this call.
        Some(read) => unsafe { read(internal, receiver, class) },
        None => null_mut(),
    }
}

/// Takes or releases the lock of the condition, which is the first argument.
///
/// # Safety
/// Called by the interpreter, with the arguments of a vectorcall.
unsafe extern "C" fn call<const ACQUIRES: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: a thread that calls an object is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: this only reads the number.
    let nargs = unsafe { ffi::PyVectorcall_NARGS(nargsf) };
    if nargs == 0 {
        PyTypeError::new_err("unbound method needs an argument").restore(py);
        return null_mut();
    }
    // SAFETY: there is one argument, which the caller holds.
    let condition = unsafe { Borrowed::from_ptr(py, *args) };
    // SAFETY: the receiver is an instance of a class derived from `Native` where that is asked.
    if nargs == 1
        && kwnames.is_null()
        && condition.is_instance_of::<Condition>()
        && unsafe { is_surely_native(condition.as_ptr()) }
    {
        // SAFETY: it is an instance of the class.
        let (_, this) = unsafe { receiver::<Condition>(condition.as_ptr()) };
        if ACQUIRES && this.try_enter(py) {
            return yes();
        }
        if !ACQUIRES && this.try_exit(py) {
            return none();
        }
    }
    // SAFETY: the arguments are those of this call, and there is one.
    unsafe { call_bound(slf, args, nargs, kwnames) }
}

/// Calls the lock's bound method with all arguments but the first.
///
/// # Safety
/// The arguments are those of a vectorcall of a [`LockMethod`], with one positional argument at least.
#[cold]
unsafe fn call_bound(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: there is one argument.
    let condition = unsafe { *args };
    // SAFETY: the caller holds it.
    let class = unsafe { ffi::Py_TYPE(condition) };
    // SAFETY: the object is a `LockMethod`.
    let bound = unsafe { read(slf, condition, class.cast()) };
    if bound.is_null() {
        return null_mut();
    }
    // SAFETY: the arguments are the caller's.
    let result = unsafe { ffi::PyObject_Vectorcall(bound, args.add(1), nargs.unsigned_abs() - 1, kwnames) };
    // SAFETY: the reference is ours.
    unsafe { ffi::Py_DECREF(bound) };
    result
}
