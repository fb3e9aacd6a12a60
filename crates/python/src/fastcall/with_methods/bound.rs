//! The free list of bound methods, and the descriptor that takes them from it.
//!
//! The garbage collector does not track such a bound method. So only receivers that refer to no other object get one:
//! direct instances of the class. Instances of derived classes get the ordinary bound method. (A lock of `multiprocessing` that a
//! program gives its own bound `__enter__` as an attribute is not collected.)

#![expect(unsafe_code, reason = "bound methods come from a free list")]

use std::ffi::{CStr, c_void};
use std::mem::{offset_of, size_of};
use std::ptr::null_mut;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::engine::StateLock;
use crate::once::Once;
use crate::raw::Attached;

use super::super::call::{NewType, slot};
use super::descriptor::{self as special, BoundSpecial, Special, bind_ordinarily};

/// The most unused bound methods in the free list.
const MOST_KEPT: usize = 64;

/// Memory for [`BoundSpecial`]s.
struct Kept([*mut c_void; MOST_KEPT], usize);

// SAFETY: the memory belongs to the list alone.
unsafe impl Send for Kept {}

static KEPT: Attached<StateLock<Kept>> = Attached::new(StateLock::new(Kept([null_mut(); MOST_KEPT], 0)));

/// The types of the descriptors and of the bound methods.
struct Types {
    special: Py<PyType>,
    bound: Py<PyType>,
}

static TYPES: Once<Types> = Once::new();

/// Returns a descriptor that puts `function` before `method`, for instances of `class`.
pub(crate) fn descriptor<'py>(
    class: &Bound<'py, PyType>,
    method: Bound<'py, PyAny>,
    function: ffi::PyCFunctionFastWithKeywords,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // SAFETY: the method is alive, and its type with it.
    let bind = unsafe { (*method.get_type_ptr()).tp_descr_get };
    let bind = bind.ok_or_else(|| PyTypeError::new_err("a method can be bound"))?;
    let special = TYPES.get_or_make(py, || Types::new(py))?.special.bind(py);
    // SAFETY: the type allocates its instances in this way.
    let object = unsafe { ffi::PyType_GenericAlloc(special.as_type_ptr(), 0) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: the type's basic size is that of `Special`, and no other code has seen the object.
    let this = unsafe { &mut *object.as_ptr().cast::<Special>() };
    this.function = function;
    this.class = class.as_type_ptr();
    this.bind = bind;
    this.method = method.into_ptr();
    // Never freed, because bound methods point to it.
    std::mem::forget(object.clone());
    Ok(object)
}

/// Returns the descriptor of a method `own`: the one above for `__enter__` and `__exit__` that take any
/// arguments, else itself.
///
/// # Safety
/// `own` is the method of `class` with this definition, which is never freed.
pub(crate) unsafe fn for_with<'py>(
    class: &Bound<'py, PyType>,
    own: Bound<'py, PyAny>,
    definition: *const ffi::PyMethodDef,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the caller answers for it.
    let definition = unsafe { &*definition };
    // SAFETY: a name is a string in C.
    let name = unsafe { CStr::from_ptr(definition.ml_name) };
    let takes_any = definition.ml_flags == ffi::METH_FASTCALL | ffi::METH_KEYWORDS;
    if !takes_any || ![c"__enter__", c"__exit__"].contains(&name) {
        return Ok(own);
    }
    // SAFETY: it has the signature of its flags.
    let function = unsafe { definition.ml_meth.PyCFunctionFastWithKeywords };
    descriptor(class, own, function)
}

impl Types {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let special = NewType {
            name: c"interlock._interlock.special_method",
            size: size_of::<Special>(),
            vectorcall: None,
            flags: 0,
        };
        let special = special.create(
            py,
            vec![
                slot(ffi::Py_tp_descr_get, bind as *mut c_void),
                slot(ffi::Py_tp_call, special::special_call as *mut c_void),
                slot(ffi::Py_tp_getattro, special::special_attribute as *mut c_void),
                slot(ffi::Py_tp_repr, special::special_repr as *mut c_void),
            ],
        )?;
        let bound = NewType {
            name: c"interlock._interlock.bound_special_method",
            size: size_of::<BoundSpecial>(),
            vectorcall: Some(offset_of!(BoundSpecial, vectorcall)),
            flags: 0,
        };
        let bound = bound.create(
            py,
            vec![
                slot(ffi::Py_tp_dealloc, give_back as *mut c_void),
                slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
                slot(ffi::Py_tp_getattro, special::bound_attribute as *mut c_void),
                slot(ffi::Py_tp_repr, special::bound_repr as *mut c_void),
                slot(ffi::Py_tp_hash, special::bound_hash as *mut c_void),
                slot(ffi::Py_tp_richcompare, special::bound_compare as *mut c_void),
            ],
        )?;
        Ok(Types { special, bound })
    }
}

/// Returns the result of a lookup in `receiver`, or in the class if there is no receiver.
///
/// # Safety
/// Called as a slot of the type.
unsafe extern "C" fn bind(
    slf: *mut PyObject,
    receiver: *mut PyObject,
    class: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as a slot of the type.
    let this = unsafe { special::descriptor(slf) };
    // SAFETY: the receiver, if there is one, is an object that the caller holds.
    if receiver.is_null() || unsafe { ffi::Py_TYPE(receiver) } != this.class {
        // SAFETY: the arguments are those of this call. A lookup in the class gives the descriptor itself.
        return unsafe { bind_ordinarily(slf, receiver, class) };
    }
    // SAFETY: called by the interpreter, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    let types = TYPES.get(py);
    // The descriptor is an instance of one of the types, so the types exist.
    let class = types.map_or(null_mut(), |types| types.bound.as_ptr().cast());
    let Some(memory) = memory(py) else {
        // SAFETY: the thread is attached.
        return unsafe { ffi::PyErr_NoMemory() };
    };
    // SAFETY: the memory has the size of an instance.
    unsafe { ffi::PyObject_Init(memory.cast(), class) };
    // SAFETY: the caller holds the receiver.
    let receiver = unsafe { ffi::Py_NewRef(receiver) };
    let object = memory.cast::<BoundSpecial>();
    // SAFETY: the head is written.
    let head = unsafe { object.cast::<PyObject>().read() };
    // SAFETY: no other code has seen the object.
    unsafe {
        object.write(BoundSpecial {
            head,
            vectorcall: call,
            special: slf,
            receiver,
        });
    }
    object.cast()
}

/// Memory for a bound method, from the free list or newly allocated.
#[inline]
fn memory(py: Python<'_>) -> Option<*mut c_void> {
    let mut kept = KEPT.get(py).lock();
    if let Some(last) = kept.1.checked_sub(1) {
        kept.1 = last;
        return Some(kept.0[last]);
    }
    drop(kept);
    // SAFETY: the thread is attached; all callers are slots of the types.
    let memory = unsafe { ffi::PyObject_Malloc(size_of::<BoundSpecial>()) };
    (!memory.is_null()).then_some(memory)
}

/// Deallocates a bound method: keeps its memory for the next one if the free list has room.
///
/// # Safety
/// Called as a slot of the type.
unsafe extern "C" fn give_back(slf: *mut PyObject) {
    // SAFETY: called as a slot of the type, at the end of the object.
    let receiver = unsafe { special::bound(slf) }.receiver;
    // SAFETY: as above.
    let class = unsafe { ffi::Py_TYPE(slf) };
    // SAFETY: called by the interpreter, so the thread is attached.
    let mut kept = KEPT.get(unsafe { Python::assume_attached() }).lock();
    let place = kept.1;
    if place < MOST_KEPT {
        kept.0[place] = slf.cast();
        kept.1 += 1;
        drop(kept);
    } else {
        drop(kept);
        // SAFETY: `memory` allocated it, and no reference to the object is left.
        unsafe { ffi::PyObject_Free(slf.cast()) };
    }
    // SAFETY: the reference was the object's. This may free the receiver, so it comes last but for the type.
    unsafe { ffi::Py_DECREF(receiver) };
    // SAFETY: an instance of a type that was created at run time holds a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

/// # Safety
/// Called as the function of a bound method.
unsafe extern "C" fn call(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as the function of a bound method, which the caller holds.
    let this = unsafe { special::bound(slf) };
    // SAFETY: nothing but arithmetic.
    let nargs = unsafe { ffi::PyVectorcall_NARGS(nargsf) };
    // SAFETY: the descriptor is never freed.
    let function = unsafe { special::descriptor(this.special) }.function;
    // SAFETY: the receiver is an instance of the function's class, and the arguments are the caller's.
    unsafe { function(this.receiver, args, nargs, kwnames) }
}
