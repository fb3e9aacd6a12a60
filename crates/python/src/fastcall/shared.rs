//! The fast functions of locks, values and queues that processes share: the calls with the fewest arguments.

#![expect(unsafe_code, reason = "fast functions are plain C functions")]

use pyo3::ffi::{Py_ssize_t, PyObject};
use pyo3::prelude::*;

use super::call::{none, receiver, truth};
use super::method::{FastMethod, Function, pass_on};
use crate::multiprocessing::{SharedLock, SharedQueue, SharedValue};

/// Defines the fast function of a method that is called with `$nargs` arguments, by position: `$call` is its result.
macro_rules! fast {
    ($fast:ident, $function:ident, $name:literal, $class:ty, $nargs:literal, |$py:ident, $slf:ident, $this:ident, $args:ident| $call:expr) => {
        pub(super) static $fast: FastMethod = FastMethod::new($name, Function::AnyArguments($function));

        unsafe extern "C" fn $function(
            $slf: *mut PyObject,
            $args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            if nargs != $nargs || !kwnames.is_null() {
                // SAFETY: called as a method of the class, by the interpreter, with these arguments.
                return unsafe { pass_on($slf, $args, nargs, kwnames, &$fast) };
            }
            // SAFETY: called as a method of the class, by the interpreter.
            let ($py, $this) = unsafe { receiver::<$class>($slf) };
            let result: PyResult<*mut PyObject> = $call;
            result.unwrap_or_else(|error| {
                error.restore($py);
                std::ptr::null_mut()
            })
        }
    };
}

fast!(
    LOCK_ACQUIRE,
    lock_acquire,
    "acquire",
    SharedLock,
    0,
    |py, slf, this, args| this.acquire_now(py).map(truth)
);
fast!(
    LOCK_ENTER,
    lock_enter,
    "__enter__",
    SharedLock,
    0,
    |py, slf, this, args| this.enter(py).map(truth)
);
/// Passes a call of a wrapper's method on, unless the wrapper's lock is one of ours.
macro_rules! fast_if_own {
    ($fast:ident, $function:ident, $name:literal, $nargs:literal, |$py:ident, $lock:ident| $call:expr) => {
        fast!(
            $fast,
            $function,
            $name,
            SharedValue,
            $nargs,
            |$py, slf, this, args| match this.own_lock() {
                Some($lock) => $call,
                None => {
                    // SAFETY: the arguments are those of this call.
                    return unsafe { pass_on(slf, args, $nargs, std::ptr::null_mut(), &$fast) };
                }
            }
        );
    };
}

fast_if_own!(VALUE_ACQUIRE, value_acquire, "acquire", 0, |py, lock| {
    lock.acquire_now(py).map(truth)
});
fast_if_own!(VALUE_RELEASE, value_release, "release", 0, |py, lock| {
    lock.release().map(|()| none())
});
fast_if_own!(VALUE_ENTER, value_enter, "__enter__", 0, |py, lock| {
    lock.enter(py).map(truth)
});
fast_if_own!(VALUE_EXIT, value_exit, "__exit__", 3, |py, lock| {
    lock.exit().map(|()| none())
});

pub(super) static VALUE_GET_LOCK: FastMethod =
    FastMethod::new("get_lock", Function::NoArguments(value_get_lock));

unsafe extern "C" fn value_get_lock(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a method of the class, by the interpreter.
    let (py, this) = unsafe { receiver::<SharedValue>(slf) };
    match this.get_lock(py) {
        Ok(lock) => lock.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

pub(super) static LOCK_RELEASE: FastMethod = FastMethod::new("release", Function::NoArguments(lock_release));

unsafe extern "C" fn lock_release(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a method of the class, by the interpreter.
    let (py, this) = unsafe { receiver::<SharedLock>(slf) };
    match this.release() {
        Ok(()) => none(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

fast!(
    LOCK_EXIT,
    lock_exit,
    "__exit__",
    SharedLock,
    3,
    |py, slf, this, args| this.exit().map(|()| none())
);

fast!(
    QUEUE_GET,
    queue_get,
    "get",
    SharedQueue,
    0,
    |py, slf, this, args| {
        // SAFETY: the caller of the method holds the receiver.
        let slf = unsafe { Borrowed::from_ptr(py, slf) };
        this.get_now(slf).map(Bound::into_ptr)
    }
);
fast!(
    QUEUE_PUT,
    queue_put,
    "put",
    SharedQueue,
    1,
    |py, slf, this, args| {
        // SAFETY: the caller of the method holds the receiver.
        let slf = unsafe { Borrowed::from_ptr(py, slf) };
        // SAFETY: there is one argument.
        let object = unsafe { *args };
        // SAFETY: the caller holds it.
        let object = unsafe { Borrowed::from_ptr(py, object) };
        this.put_now(slf, object).map(|()| none())
    }
);
