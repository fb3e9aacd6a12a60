//! Putting an item where there is room, and getting one that is there.

use interlock_queue::PutError;
use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;

use super::{Hot, none, receiver};
use crate::queue::{Queue, SimpleQueue};

/// Defines the hot `put` and `get` of a class.
macro_rules! hot {
    ($class:ty, $put:ident, $put_function:ident, $get:ident, $get_function:ident) => {
        static $put: Hot = Hot::new("put", $put_function);
        static $get: Hot = Hot::new("get", $get_function);

        unsafe extern "C" fn $put_function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            if nargs == 1 && kwnames.is_null() {
                // SAFETY: called as a method of the class, by the interpreter.
                let this = unsafe { receiver::<$class>(slf) };
                // SAFETY: there is one argument, which the caller holds.
                let item = unsafe { owned(*args) };
                match this.try_put(item) {
                    Ok(()) => return none(),
                    Err(refusal) => give_up(refusal),
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $put.pass_on(slf, args, nargs, kwnames) }
        }

        unsafe extern "C" fn $get_function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            if nargs == 0 && kwnames.is_null() {
                // SAFETY: called as a method of the class, by the interpreter.
                let this = unsafe { receiver::<$class>(slf) };
                if let Ok(item) = this.try_get() {
                    return item.into_ptr();
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $get.pass_on(slf, args, nargs, kwnames) }
        }
    };
}

hot!(Queue, QUEUE_PUT, queue_put, QUEUE_GET, queue_get);
hot!(SimpleQueue, SIMPLE_PUT, simple_put, SIMPLE_GET, simple_get);

/// A reference of our own to an argument.
///
/// # Safety
/// The thread is attached, and somebody holds the object.
#[inline]
unsafe fn owned(item: *mut PyObject) -> Py<PyAny> {
    // SAFETY: the caller is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: somebody holds the object, so it is alive.
    let item = unsafe { ffi::Py_NewRef(item) };
    // SAFETY: the new reference is ours.
    unsafe { Bound::from_owned_ptr(py, item) }.unbind()
}

/// Gives back the reference to an item that was not put: the caller of the method still holds the item.
#[cold]
fn give_up(refusal: PutError<Py<PyAny>>) {
    // SAFETY: the reference is ours, and the thread, in a method call, is attached. (Dropping it would do the same, but
    // PyO3, which does not know of this call, would put it off.)
    unsafe { ffi::Py_DECREF(refusal.into_inner().into_ptr()) };
}

/// Puts the hot functions before the methods of the queues.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    for hot in [&QUEUE_PUT, &QUEUE_GET] {
        hot.install(&py.get_type::<Queue>())?;
    }
    for hot in [&SIMPLE_PUT, &SIMPLE_GET] {
        hot.install(&py.get_type::<SimpleQueue>())?;
    }
    Ok(())
}
