//! The fast functions: take and release an uncontended lock, put an item if there is room, and get an item if there is
//! one.

#![expect(unsafe_code, reason = "fast functions are plain C functions")]

use interlock_queue::{GetError, PutError};
use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;

use super::arguments::{Asked, asked};
use super::{FastMethod, is_surely_native, no, none, receiver, yes};
use crate::condition::Condition;
use crate::errors;
use crate::lock::Lock;
use crate::queue::{Queue, SimpleQueue};
use crate::raw::intern;
use crate::rlock::RLock;

/// Whether a fast function may try the common case for an object.
trait FastFor {
    /// # Safety
    /// The object is an instance of the class.
    unsafe fn is_fast_for(slf: *mut PyObject) -> bool;
}

/// Objects of these classes cannot be materialized.
macro_rules! always {
    ($($class:ty),*) => {$(
        impl FastFor for $class {
            #[inline(always)]
            unsafe fn is_fast_for(_slf: *mut PyObject) -> bool {
                true
            }
        }
    )*};
}

/// Objects of these classes can be materialized. Then the general method must handle them.
macro_rules! if_native {
    ($($class:ty),*) => {$(
        impl FastFor for $class {
            #[inline(always)]
            unsafe fn is_fast_for(slf: *mut PyObject) -> bool {
                // SAFETY: the caller answers for the class, which is derived from `Native`.
                unsafe { is_surely_native(slf) }
            }
        }
    )*};
}

always!(Lock, RLock, SimpleQueue);
if_native!(Condition, Queue);

/// Defines the fast function of one method from its name, its class, the number of arguments in the common case, and
/// the common case itself: an expression of the engine object that gives the result, or `None` if it does not apply.
macro_rules! fast {
    ($fast:ident, $function:ident, $name:literal, $class:ty, $nargs:literal, |$this:ident| $common:expr) => {
        pub(super) static $fast: FastMethod = FastMethod::new($name, $function);

        unsafe extern "C" fn $function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            let $this = unsafe { receiver::<$class>(slf) };
            // SAFETY: as above.
            if nargs == $nargs && kwnames.is_null() && unsafe { <$class>::is_fast_for(slf) } {
                if let Some(result) = $common {
                    return result;
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $fast.pass_on(slf, args, nargs, kwnames) }
        }
    };
}

/// Defines the fast `acquire` of a class.
macro_rules! fast_acquire {
    ($fast:ident, $function:ident, $class:ty) => {
        pub(super) static $fast: FastMethod = FastMethod::new("acquire", $function);

        unsafe extern "C" fn $function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            let asked = unsafe { asked(args, nargs, kwnames, |py| intern!(py, "blocking")) };
            if asked != Asked::SomethingElse {
                // SAFETY: called as a method of the class, by the interpreter.
                let this = unsafe { receiver::<$class>(slf) };
                if this.engine.try_acquire() {
                    return yes();
                }
                if asked == Asked::ToTry {
                    return no();
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $fast.pass_on(slf, args, nargs, kwnames) }
        }
    };
}

fast_acquire!(LOCK_ACQUIRE, lock_acquire, Lock);
fast!(LOCK_ENTER, lock_enter, "__enter__", Lock, 0, |this| this
    .engine
    .try_acquire()
    .then(yes));
fast!(LOCK_RELEASE, lock_release, "release", Lock, 0, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));
fast!(LOCK_LOCKED, lock_locked, "locked", Lock, 0, |this| {
    Some(match this.engine.is_locked() {
        true => yes(),
        false => no(),
    })
});
fast!(LOCK_EXIT, lock_exit, "__exit__", Lock, 3, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));

fast_acquire!(RLOCK_ACQUIRE, rlock_acquire, RLock);
fast!(RLOCK_ENTER, rlock_enter, "__enter__", RLock, 0, |this| this
    .engine
    .try_acquire()
    .then(yes));
fast!(RLOCK_RELEASE, rlock_release, "release", RLock, 0, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));
fast!(RLOCK_EXIT, rlock_exit, "__exit__", RLock, 3, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));

fast!(
    CONDITION_ENTER,
    condition_enter,
    "__enter__",
    Condition,
    0,
    |this| this.try_enter().then(yes)
);
fast!(CONDITION_EXIT, condition_exit, "__exit__", Condition, 3, |this| {
    this.try_exit().then(none)
});
fast!(
    CONDITION_NOTIFY,
    condition_notify,
    "notify",
    Condition,
    0,
    |this| this.try_notify().then(none)
);

/// Defines the fast `put` and `get` of a class.
macro_rules! fast_queue {
    ($class:ty, $put:ident, $put_function:ident, $get:ident, $get_function:ident, $raise_empty:path) => {
        pub(super) static $put: FastMethod = FastMethod::new("put", $put_function);
        pub(super) static $get: FastMethod = FastMethod::new("get", $get_function);

        unsafe extern "C" fn $put_function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            if nargs == 1 && kwnames.is_null() && unsafe { <$class>::is_fast_for(slf) } {
                // SAFETY: as above.
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
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            let asked = unsafe { asked(args, nargs, kwnames, |py| intern!(py, "block")) };
            // SAFETY: as above.
            if asked != Asked::SomethingElse && unsafe { <$class>::is_fast_for(slf) } {
                // SAFETY: as above.
                let this = unsafe { receiver::<$class>(slf) };
                match this.try_get() {
                    Ok(item) => return item.into_ptr(),
                    Err(GetError::Empty) if asked == Asked::ToTry => return empty($raise_empty),
                    Err(_) => {}
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $get.pass_on(slf, args, nargs, kwnames) }
        }
    };
}

fast_queue!(
    Queue,
    QUEUE_PUT,
    queue_put,
    QUEUE_GET,
    queue_get,
    errors::raise_empty
);
fast_queue!(
    SimpleQueue,
    SIMPLE_PUT,
    simple_put,
    SIMPLE_GET,
    simple_get,
    errors::raise_simply_empty
);

fast!(
    SIMPLE_GET_NOWAIT,
    simple_get_nowait,
    "get_nowait",
    SimpleQueue,
    0,
    |this| Some(
        this.try_get()
            .map_or_else(|_| empty(errors::raise_simply_empty), Py::into_ptr)
    )
);

/// The result of a call on an empty queue: raises its exception.
fn empty(raise: fn(Python<'_>)) -> *mut PyObject {
    // SAFETY: a thread that calls a method is attached.
    raise(unsafe { Python::assume_attached() });
    std::ptr::null_mut()
}

/// A new reference to an argument.
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

/// Drops our reference to an item that was not put. The caller of the method still holds the item.
#[cold]
fn give_up(refusal: PutError<Py<PyAny>>) {
    // SAFETY: the reference is ours, and the thread, in a method call, is attached. (Dropping it would do the same, but
    // later: PyO3 does not know that the thread is attached, and would defer it.)
    unsafe { ffi::Py_DECREF(refusal.into_inner().into_ptr()) };
}
