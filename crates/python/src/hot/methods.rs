//! Taking and releasing a lock that nobody else wants, putting an item where there is room, getting one that is there.

#![expect(unsafe_code, reason = "hot functions are plain C functions")]

use interlock_queue::{GetError, PutError};
use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;

use super::asked::{Asked, asked};
use super::{Hot, is_surely_closed, making, no, none, receiver, yes};
use crate::condition::Condition;
use crate::errors;
use crate::lock::Lock;
use crate::queue::{Queue, SimpleQueue};
use crate::raw::intern;
use crate::rlock::RLock;

/// Whether the common case may be tried for an object at all.
trait ForHot {
    /// # Safety
    /// The object is an instance of the class.
    unsafe fn is_for_hot(slf: *mut PyObject) -> bool;
}

/// Objects of these classes have nothing inside to look at.
macro_rules! always {
    ($($class:ty),*) => {$(
        impl ForHot for $class {
            #[inline(always)]
            unsafe fn is_for_hot(_slf: *mut PyObject) -> bool {
                true
            }
        }
    )*};
}

/// Objects of these classes can be opened, and are for others then.
macro_rules! if_closed {
    ($($class:ty),*) => {$(
        impl ForHot for $class {
            #[inline(always)]
            unsafe fn is_for_hot(slf: *mut PyObject) -> bool {
                // SAFETY: the caller answers for the class, which is derived from `Openable`.
                unsafe { is_surely_closed(slf) }
            }
        }
    )*};
}

always!(Lock, RLock, SimpleQueue);
if_closed!(Condition, Queue);

/// Defines the hot function of one method: its name, its class, how many arguments the common case has, and the common
/// case itself, an expression of the engine object that gives the result, or nothing if it does not apply.
macro_rules! hot {
    ($hot:ident, $function:ident, $name:literal, $class:ty, $nargs:literal, |$this:ident| $common:expr) => {
        static $hot: Hot = Hot::new($name, $function);

        unsafe extern "C" fn $function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            let $this = unsafe { receiver::<$class>(slf) };
            // SAFETY: as above.
            if nargs == $nargs && kwnames.is_null() && unsafe { <$class>::is_for_hot(slf) } {
                if let Some(result) = $common {
                    return result;
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $hot.pass_on(slf, args, nargs, kwnames) }
        }
    };
}

/// Defines the hot `acquire` of a class.
macro_rules! hot_acquire {
    ($hot:ident, $function:ident, $class:ty) => {
        static $hot: Hot = Hot::new("acquire", $function);

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
            unsafe { $hot.pass_on(slf, args, nargs, kwnames) }
        }
    };
}

hot_acquire!(LOCK_ACQUIRE, lock_acquire, Lock);
hot!(LOCK_ENTER, lock_enter, "__enter__", Lock, 0, |this| this
    .engine
    .try_acquire()
    .then(yes));
hot!(LOCK_RELEASE, lock_release, "release", Lock, 0, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));
hot!(LOCK_LOCKED, lock_locked, "locked", Lock, 0, |this| {
    Some(match this.engine.is_locked() {
        true => yes(),
        false => no(),
    })
});
hot!(LOCK_EXIT, lock_exit, "__exit__", Lock, 3, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));

hot_acquire!(RLOCK_ACQUIRE, rlock_acquire, RLock);
hot!(RLOCK_ENTER, rlock_enter, "__enter__", RLock, 0, |this| this
    .engine
    .try_acquire()
    .then(yes));
hot!(RLOCK_RELEASE, rlock_release, "release", RLock, 0, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));
hot!(RLOCK_EXIT, rlock_exit, "__exit__", RLock, 3, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));

hot!(
    CONDITION_ENTER,
    condition_enter,
    "__enter__",
    Condition,
    0,
    |this| this.try_enter().then(yes)
);
hot!(CONDITION_EXIT, condition_exit, "__exit__", Condition, 3, |this| {
    this.try_exit().then(none)
});
hot!(
    CONDITION_NOTIFY,
    condition_notify,
    "notify",
    Condition,
    0,
    |this| this.try_notify().then(none)
);

/// Defines the hot `put` and `get` of a class.
macro_rules! hot_queue {
    ($class:ty, $put:ident, $put_function:ident, $get:ident, $get_function:ident, $raise_empty:path) => {
        static $put: Hot = Hot::new("put", $put_function);
        static $get: Hot = Hot::new("get", $get_function);

        unsafe extern "C" fn $put_function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            if nargs == 1 && kwnames.is_null() && unsafe { <$class>::is_for_hot(slf) } {
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
            if asked != Asked::SomethingElse && unsafe { <$class>::is_for_hot(slf) } {
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

hot_queue!(
    Queue,
    QUEUE_PUT,
    queue_put,
    QUEUE_GET,
    queue_get,
    errors::raise_empty
);
hot_queue!(
    SimpleQueue,
    SIMPLE_PUT,
    simple_put,
    SIMPLE_GET,
    simple_get,
    errors::raise_simply_empty
);

hot!(
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

/// The result of a call that raises what a queue without items raises.
fn empty(raise: fn(Python<'_>)) -> *mut PyObject {
    // SAFETY: a thread that calls a method is attached.
    raise(unsafe { Python::assume_attached() });
    std::ptr::null_mut()
}

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

/// Puts the hot functions before the methods of the classes.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    for hot in [&LOCK_ACQUIRE, &LOCK_RELEASE, &LOCK_LOCKED] {
        hot.install(&py.get_type::<Lock>())?;
    }
    for hot in [&LOCK_ENTER, &LOCK_EXIT] {
        hot.install_special(&py.get_type::<Lock>())?;
    }
    for hot in [&RLOCK_ACQUIRE, &RLOCK_RELEASE] {
        hot.install(&py.get_type::<RLock>())?;
    }
    for hot in [&RLOCK_ENTER, &RLOCK_EXIT] {
        hot.install_special(&py.get_type::<RLock>())?;
    }
    for hot in [&CONDITION_ENTER, &CONDITION_EXIT, &CONDITION_NOTIFY] {
        hot.install(&py.get_type::<Condition>())?;
    }
    for hot in [&QUEUE_PUT, &QUEUE_GET] {
        hot.install(&py.get_type::<Queue>())?;
    }
    for hot in [&SIMPLE_PUT, &SIMPLE_GET, &SIMPLE_GET_NOWAIT] {
        hot.install(&py.get_type::<SimpleQueue>())?;
    }
    making::install(py)
}
