//! The fast functions of queues: put an item if there is room, and get an item if there is one.

#![expect(unsafe_code, reason = "fast functions are plain C functions")]

use interlock_queue::GetError;
use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;

use super::call::{Asked, asked, is_false, is_surely_native, none, number, raised, receiver, truth};
use super::method::{FastMethod, Function, pass_on};
use crate::errors;
use crate::queue::{Queue, SimpleQueue};
use crate::raw::intern;

/// Whether a fast function may try the common case for an object.
trait FastFor {
    /// # Safety
    /// The object is an instance of the class.
    unsafe fn is_fast_for(slf: *mut PyObject) -> bool;
}

/// It cannot be materialized.
impl FastFor for SimpleQueue {
    #[inline(always)]
    unsafe fn is_fast_for(_slf: *mut PyObject) -> bool {
        true
    }
}

/// When it is materialized, the general method must handle it.
impl FastFor for Queue {
    #[inline(always)]
    unsafe fn is_fast_for(slf: *mut PyObject) -> bool {
        // SAFETY: the caller answers for the class, which is derived from `Native`.
        unsafe { is_surely_native(slf) }
    }
}

/// Defines the fast `put` and `get` of a class.
macro_rules! fast_queue {
    ($class:ty, $raise_empty:path, $put:ident $put_function:ident $put_refused:ident,
     $get:ident $get_function:ident $get_polled:ident $get_asked:ident) => {
        pub(super) static $put: FastMethod = FastMethod::new("put", Function::AnyArguments($put_function));
        pub(super) static $get: FastMethod = FastMethod::new("get", Function::AnyArguments($get_function));

        unsafe extern "C" fn $put_function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            if nargs == 1 && kwnames.is_null() && unsafe { <$class>::is_fast_for(slf) } {
                // SAFETY: as above.
                let (py, this) = unsafe { receiver::<$class>(slf) };
                // SAFETY: there is one argument, which the caller holds.
                let item = unsafe { owned(*args) };
                return match this.try_put(py, item) {
                    Ok(()) => none(),
                    Err(refusal) => {
                        std::mem::forget(refusal.into_inner());
                        // SAFETY: called as a method of the class, by the interpreter, with these arguments.
                        unsafe { $put_refused(slf, args, nargs, kwnames) }
                    }
                };
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { pass_on(slf, args, nargs, kwnames, &$put) }
        }

        /// Continues with an item that was not put. Its reference is dropped here, not where the common case would save
        /// registers for it.
        #[cold]
        #[inline(never)]
        unsafe extern "C" fn $put_refused(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: there is one argument.
            let item = unsafe { *args };
            // SAFETY: the reference is ours, and the thread, in a method call, is attached.
            unsafe { ffi::Py_DECREF(item) };
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { pass_on(slf, args, nargs, kwnames, &$put) }
        }

        unsafe extern "C" fn $get_function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            if nargs == 0 && kwnames.is_null() && unsafe { <$class>::is_fast_for(slf) } {
                // SAFETY: as above.
                let (py, this) = unsafe { receiver::<$class>(slf) };
                if let Ok(item) = this.try_get(py) {
                    return item.into_ptr();
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $get_polled(slf, args, nargs, kwnames) }
        }

        /// Takes the calls of polling loops out of the rest.
        #[inline(never)]
        unsafe extern "C" fn $get_polled(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            if unsafe { is_false(args, nargs, kwnames) } && unsafe { <$class>::is_fast_for(slf) } {
                // SAFETY: as above.
                let (py, this) = unsafe { receiver::<$class>(slf) };
                match this.try_get(py) {
                    Ok(item) => return item.into_ptr(),
                    Err(GetError::Empty) => return raised(py, $raise_empty),
                    Err(_) => {}
                }
            }
            // SAFETY: as above.
            unsafe { $get_asked(slf, args, nargs, kwnames) }
        }

        #[inline(never)]
        unsafe extern "C" fn $get_asked(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            let asked = unsafe { asked(args, nargs, kwnames, |py| intern!(py, "block")) };
            // SAFETY: as above.
            if asked != Asked::SomethingElse && unsafe { <$class>::is_fast_for(slf) } {
                // SAFETY: as above.
                let (py, this) = unsafe { receiver::<$class>(slf) };
                match this.try_get(py) {
                    Ok(item) => return item.into_ptr(),
                    Err(GetError::Empty) if asked == Asked::ToTry => return raised(py, $raise_empty),
                    Err(_) => {}
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { pass_on(slf, args, nargs, kwnames, &$get) }
        }
    };
}

fast_queue!(Queue, errors::raise_empty, QUEUE_PUT queue_put queue_put_refused, QUEUE_GET queue_get queue_get_polled queue_get_asked);
fast_queue!(SimpleQueue, errors::raise_simply_empty, SIMPLE_PUT simple_put simple_put_refused,
            SIMPLE_GET simple_get simple_get_polled simple_get_asked);

pub(super) static SIMPLE_GET_NOWAIT: FastMethod =
    FastMethod::new("get_nowait", Function::NoArguments(simple_get_nowait));

unsafe extern "C" fn simple_get_nowait(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a method of the class, by the interpreter.
    let (py, queue) = unsafe { receiver::<SimpleQueue>(slf) };
    let got = queue.try_get(py);
    got.map_or_else(|_| raised(py, errors::raise_simply_empty), Py::into_ptr)
}

pub(super) static SIMPLE_PUT_NOWAIT: FastMethod =
    FastMethod::new("put_nowait", Function::AnyArguments(simple_put_nowait));

unsafe extern "C" fn simple_put_nowait(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    if nargs == 1 && kwnames.is_null() {
        // SAFETY: there is one argument.
        let item = unsafe { *args };
        // SAFETY: the caller holds it.
        let item = unsafe { owned(item) };
        // SAFETY: called as a method of the class, by the interpreter.
        let (py, queue) = unsafe { receiver::<SimpleQueue>(slf) };
        let put = queue.try_put(py, item);
        // No item comes back: the queue has no bound and is never shut down.
        debug_assert!(put.is_ok());
        return none();
    }
    // SAFETY: called as a method of the class, by the interpreter, with these arguments.
    unsafe { pass_on(slf, args, nargs, kwnames, &SIMPLE_PUT_NOWAIT) }
}

pub(super) static SIMPLE_QSIZE: FastMethod = FastMethod::new("qsize", Function::NoArguments(simple_qsize));

unsafe extern "C" fn simple_qsize(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a method of the class, by the interpreter.
    let (py, queue) = unsafe { receiver::<SimpleQueue>(slf) };
    number(queue.qsize(py))
}

pub(super) static SIMPLE_EMPTY: FastMethod = FastMethod::new("empty", Function::NoArguments(simple_empty));

unsafe extern "C" fn simple_empty(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a method of the class, by the interpreter.
    let (py, queue) = unsafe { receiver::<SimpleQueue>(slf) };
    truth(queue.qsize(py) == 0)
}

/// Returns a new reference to an argument.
///
/// # Safety
/// The thread is attached, and another reference keeps the object alive.
#[inline]
unsafe fn owned(item: *mut PyObject) -> Py<PyAny> {
    // SAFETY: the caller is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: another reference keeps the object alive.
    let item = unsafe { ffi::Py_NewRef(item) };
    // SAFETY: the new reference is ours.
    unsafe { Bound::from_owned_ptr(py, item) }.unbind()
}
