//! The parts of every fast function: its receiver, its arguments, and its result. Also a plain call, and the
//! creation of callable types.

#![expect(unsafe_code, reason = "the interpreter passes arguments as an array in C")]

use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::ptr::null_mut;

use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyBool, PyString, PyType};
use pyo3::{PyClass, PyTypeInfo};

use crate::convert::plain_timeout;
use crate::materialize::Native;
use crate::raw::intern;

/// Returns the engine's side of a receiver, and the proof that the thread is attached.
///
/// # Safety
/// - `slf` is an instance of `T` or of a class derived from it; a method descriptor checks that before it calls.
/// - Both are used only during the call, while the caller of the method holds the receiver.
pub(super) unsafe fn receiver<'a, T: PyClass<Frozen = True> + PyTypeInfo + Sync>(
    slf: *mut PyObject,
) -> (Python<'a>, &'a T) {
    // SAFETY: a thread that calls a method is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: it is an instance.
    unsafe { std::hint::assert_unchecked(!slf.is_null()) };
    // SAFETY: the caller answers for how long the receiver lives.
    let slf = unsafe { Borrowed::from_ptr(py, slf) };
    // SAFETY: the caller answers for the type.
    let slf = unsafe { slf.cast_unchecked::<T>() };
    let this: *const T = slf.get();
    // SAFETY: the receiver outlives the use of the reference, and a frozen class is never borrowed mutably.
    (py, unsafe { &*this })
}

/// Returns whether an object that can be materialized is native, as far as one comparison tells. Always false
/// on a free-threaded build: there, the check and the operation after it are one step only in methods that
/// take the object's critical section.
///
/// # Safety
/// `slf` is an instance of a class derived from [`Native`].
#[inline(always)]
pub(super) unsafe fn is_surely_native(slf: *mut PyObject) -> bool {
    if cfg!(Py_GIL_DISABLED) {
        return false;
    }
    // SAFETY: the caller answers for the class, and holds the object.
    let (_, native) = unsafe { receiver::<Native>(slf) };
    // SAFETY: as above.
    native.is_native_for(unsafe { ffi::Py_TYPE(slf) })
}

/// Returns whether a call has the one argument `False`, as the calls of polling loops do.
///
/// # Safety
/// The arguments are those of a fast function's call, of a thread that is attached.
#[inline]
pub(super) unsafe fn is_false(args: *const *mut PyObject, nargs: Py_ssize_t, kwnames: *mut PyObject) -> bool {
    // SAFETY: the caller is attached.
    let constant = unsafe { ffi::Py_False() };
    // SAFETY: there is one argument.
    nargs == 1 && kwnames.is_null() && unsafe { *args } == constant
}

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

/// Returns what a call is asked to do. `blocking` returns the name of its first parameter; the second is `timeout`.
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

/// Returns the arguments `blocking` and `timeout`, in this order. `None` if there are any others.
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

/// Returns all arguments of a call, the named ones last.
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

/// # Safety
/// There is an argument, and it is used only during the call.
pub(super) unsafe fn first_argument<'a, 'py>(
    py: Python<'py>,
    args: *const *mut PyObject,
) -> Borrowed<'a, 'py, PyAny> {
    // SAFETY: there is one.
    let first = unsafe { *args };
    // SAFETY: the caller of the method holds it.
    unsafe { Borrowed::from_ptr(py, first) }
}

/// Returns a new reference to None.
#[inline]
pub(super) fn none() -> *mut PyObject {
    // SAFETY: a thread that calls a method is attached.
    new_reference(unsafe { ffi::Py_None() })
}

/// Returns a new reference to True.
#[inline]
pub(super) fn yes() -> *mut PyObject {
    // SAFETY: a thread that calls a method is attached.
    new_reference(unsafe { ffi::Py_True() })
}

/// Returns a new reference to False.
#[inline]
pub(super) fn no() -> *mut PyObject {
    // SAFETY: a thread that calls a method is attached.
    new_reference(unsafe { ffi::Py_False() })
}

/// Returns a new reference to True or False.
#[inline]
pub(super) fn truth(value: bool) -> *mut PyObject {
    if value { yes() } else { no() }
}

/// Returns a new `int`; null, with an exception set, if there is no memory for it.
#[inline]
pub(super) fn number(value: usize) -> *mut PyObject {
    // SAFETY: a thread that calls a method is attached.
    unsafe { ffi::PyLong_FromSize_t(value) }
}

/// Returns the result of a call that raises an exception, which `raise` sets.
#[inline]
pub(super) fn raised(py: Python<'_>, raise: impl FnOnce(Python<'_>)) -> *mut PyObject {
    raise(py);
    null_mut()
}

/// Returns a new reference to an object that lives as long as the interpreter. From 3.12 on it is immortal, and its
/// references are not counted.
#[inline]
fn new_reference(constant: *mut PyObject) -> *mut PyObject {
    if cfg!(Py_3_12) {
        return constant;
    }
    // SAFETY: the object is always there.
    unsafe { ffi::Py_NewRef(constant) }
}

/// Calls a function with one argument. (Up to 3.11, PyO3's way takes five calls.)
#[inline]
pub(crate) fn call_one<'py>(
    function: &Bound<'py, PyAny>,
    argument: Borrowed<'_, 'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // The callee may use the place before the argument.
    let mut arguments = [null_mut(), argument.as_ptr()];
    let first = arguments.as_mut_ptr().wrapping_add(1);
    let count = 1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: function and argument are alive during the call, and the thread is attached, as the borrows show.
    let result = unsafe { ffi::PyObject_Vectorcall(function.as_ptr(), first, count, null_mut()) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), result) }
}

/// The properties of a new type.
pub(super) struct NewType {
    pub(super) name: &'static CStr,
    pub(super) size: usize,
    /// The offset of an object's function for vectorcalls, if it can be called.
    pub(super) vectorcall: Option<usize>,
    pub(super) flags: c_ulong,
}

impl NewType {
    /// Creates the type.
    pub(super) fn create(self, py: Python<'_>, mut slots: Vec<ffi::PyType_Slot>) -> PyResult<Py<PyType>> {
        let mut flags = self.flags | ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        let mut members = [ffi::PyMemberDef::default(), ffi::PyMemberDef::default()];
        if let Some(offset) = self.vectorcall {
            flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
            members[0] = ffi::PyMemberDef {
                name: c"__vectorcalloffset__".as_ptr(),
                type_code: ffi::Py_T_PYSSIZET,
                offset: offset.cast_signed(),
                flags: ffi::Py_READONLY,
                ..ffi::PyMemberDef::default()
            };
            slots.push(slot(ffi::Py_tp_members, members.as_mut_ptr().cast()));
        }
        slots.push(ffi::PyType_Slot::default());
        let mut spec = ffi::PyType_Spec {
            name: self.name.as_ptr(),
            basicsize: c_int::try_from(self.size)?,
            itemsize: 0,
            flags: u32::try_from(flags)?,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: the name is static, members and slots end with a zero, and the caller answers for the functions.
        let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
        // SAFETY: the call returned a new reference, or null with an exception set.
        let class = unsafe { Bound::from_owned_ptr_or_err(py, class) }?;
        Ok(class.cast_into::<PyType>()?.unbind())
    }
}

pub(super) fn slot(slot: c_int, pfunc: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc }
}
