//! The class attributes `__enter__` and `__exit__` of locks, and their bound methods, as objects.
//!
//! They look like the ordinary method behind them: attributes, representation and equality are those of the method.

#![expect(unsafe_code, reason = "these objects are classes made in C")]

use std::ffi::c_int;
use std::ptr::null_mut;

use pyo3::ffi::{self, PyObject, PyTypeObject};
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::PyString;

/// The class attribute.
#[repr(C)]
pub(super) struct Special {
    pub(super) head: PyObject,
    pub(super) function: ffi::PyCFunctionFastWithKeywords,
    pub(super) class: *mut PyTypeObject,
    /// The ordinary method descriptor.
    pub(super) method: *mut PyObject,
    /// Binds the ordinary method to a receiver.
    pub(super) bind: ffi::descrgetfunc,
}

/// The bound method that a lookup in an instance gives.
#[repr(C)]
pub(super) struct BoundSpecial {
    pub(super) head: PyObject,
    pub(super) vectorcall: ffi::vectorcallfunc,
    /// The class attribute, which is never freed.
    pub(super) special: *mut PyObject,
    pub(super) receiver: *mut PyObject,
}

/// Returns the descriptor's contents.
///
/// # Safety
/// `slf` is a descriptor; it is never freed.
#[inline]
pub(super) unsafe fn descriptor<'a>(slf: *mut PyObject) -> &'a Special {
    // SAFETY: the caller answers for the type.
    unsafe { &*slf.cast::<Special>() }
}

/// Returns the bound method's contents.
///
/// # Safety
/// `slf` is a bound method, and the reference is used only while the caller holds it.
#[inline]
pub(super) unsafe fn bound<'a>(slf: *mut PyObject) -> &'a BoundSpecial {
    // SAFETY: the caller answers for the type.
    unsafe { &*slf.cast::<BoundSpecial>() }
}

/// Returns the result of the ordinary descriptor for a receiver, or this descriptor itself for a lookup in
/// the class.
///
/// # Safety
/// The same as for a `tp_descr_get`.
#[cold]
pub(super) unsafe fn bind_ordinarily(
    slf: *mut PyObject,
    receiver: *mut PyObject,
    class: *mut PyObject,
) -> *mut PyObject {
    if receiver.is_null() {
        // SAFETY: the descriptor is never freed.
        return unsafe { ffi::Py_NewRef(slf) };
    }
    // SAFETY: the caller answers for it.
    let this = unsafe { descriptor(slf) };
    // SAFETY: the caller answers for the arguments, and the ordinary descriptor is alive.
    unsafe { (this.bind)(this.method, receiver, class) }
}

/// Returns the ordinary bound method of the same receiver.
///
/// # Safety
/// `slf` is a bound method that the caller, who is attached, holds.
unsafe fn ordinary<'py>(slf: *mut PyObject) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the caller answers for it.
    let this = unsafe { bound(slf) };
    // SAFETY: the receiver is alive as long as the bound method.
    let class = unsafe { ffi::Py_TYPE(this.receiver) };
    // SAFETY: the receiver is an instance of the class.
    let ordinary = unsafe { bind_ordinarily(this.special, this.receiver, class.cast()) };
    // SAFETY: the caller is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ordinary) }
}

/// Returns a result for the interpreter: the object, or null with the exception set.
fn answer(py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> *mut PyObject {
    result.map_or_else(
        |error| {
            error.restore(py);
            null_mut()
        },
        Bound::into_ptr,
    )
}

/// # Safety
/// Called as a slot of the type.
pub(super) unsafe extern "C" fn special_call(
    slf: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as a slot of the type.
    let method = unsafe { descriptor(slf) }.method;
    // SAFETY: the arguments are the caller's.
    unsafe { ffi::PyObject_Call(method, args, kwargs) }
}

/// # Safety
/// Called as a slot of the type.
pub(super) unsafe extern "C" fn special_attribute(slf: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a slot of the type.
    let method = unsafe { descriptor(slf) }.method;
    // SAFETY: the name is the caller's.
    unsafe { ffi::PyObject_GetAttr(method, name) }
}

/// # Safety
/// Called as a slot of the type.
pub(super) unsafe extern "C" fn special_repr(slf: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a slot of the type.
    let method = unsafe { descriptor(slf) }.method;
    // SAFETY: the ordinary descriptor is alive.
    unsafe { ffi::PyObject_Repr(method) }
}

/// # Safety
/// Called as a slot of the type.
pub(super) unsafe extern "C" fn bound_attribute(slf: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by the interpreter, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the name is the caller's.
    let name = unsafe { Bound::from_borrowed_ptr(py, name) };
    // SAFETY: called as a slot of the type.
    let ordinary = unsafe { ordinary(slf) };
    answer(
        py,
        ordinary.and_then(|it| it.getattr(name.cast_into::<PyString>()?)),
    )
}

/// # Safety
/// Called as a slot of the type.
pub(super) unsafe extern "C" fn bound_repr(slf: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by the interpreter, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: called as a slot of the type.
    let ordinary = unsafe { ordinary(slf) };
    answer(py, ordinary.and_then(|it| Ok(it.repr()?.into_any())))
}

/// # Safety
/// Called as a slot of the type.
pub(super) unsafe extern "C" fn bound_hash(slf: *mut PyObject) -> ffi::Py_hash_t {
    // SAFETY: called by the interpreter, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: called as a slot of the type.
    let ordinary = unsafe { ordinary(slf) };
    ordinary.and_then(|it| it.hash()).unwrap_or_else(|error| {
        error.restore(py);
        -1
    })
}

/// # Safety
/// Called as a slot of the type.
pub(super) unsafe extern "C" fn bound_compare(
    slf: *mut PyObject,
    other: *mut PyObject,
    how: c_int,
) -> *mut PyObject {
    // SAFETY: called by the interpreter, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: both are the caller's.
    let [mine, its] = [slf, other].map(|it| unsafe { Bound::from_borrowed_ptr(py, it) });
    let other = if its.get_type().is(mine.get_type()) {
        // SAFETY: the other side is a bound method, too, as its type shows.
        unsafe { ordinary(its.as_ptr()) }
    } else {
        Ok(its)
    };
    // SAFETY: called as a slot of the type.
    let ordinary = unsafe { ordinary(slf) };
    let how = CompareOp::from_raw(how).unwrap_or(CompareOp::Eq);
    answer(py, ordinary.and_then(|it| it.rich_compare(other?, how)))
}
