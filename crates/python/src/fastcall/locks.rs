//! The fast functions of locks: take and release an uncontended lock.

#![expect(unsafe_code, reason = "fast functions are plain C functions")]

use pyo3::ffi::{Py_ssize_t, PyObject};
use pyo3::prelude::*;

use super::call::{Asked, asked, is_false, no, none, raised, receiver, truth, yes};
use super::method::{FastMethod, Function, pass_on};
use crate::errors;
use crate::lock::Lock;
use crate::raw::intern;
use crate::rlock::RLock;

/// Defines the fast function of a method without parameters of a class whose objects cannot be materialized: `$fast_try`
/// is the part of the common case that calls nothing, so that its function saves no registers; `$try` is the rest of it.
/// If that fails, `$raise` sets the exception; if it is `None`, the general method decides.
macro_rules! fast_without_arguments {
    ($fast:ident, $function:ident, $rest:ident, $name:literal, $class:ty, |$py:ident, $this:ident| $fast_try:expr, $try:expr, $result:ident, $raise:expr) => {
        pub(super) static $fast: FastMethod = FastMethod::new($name, Function::NoArguments($function));

        unsafe extern "C" fn $function(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            let ($py, $this) = unsafe { receiver::<$class>(slf) };
            if $fast_try {
                return $result();
            }
            // SAFETY: as above.
            unsafe { $rest(slf) }
        }

        #[inline(never)]
        unsafe extern "C" fn $rest(slf: *mut PyObject) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            let ($py, $this) = unsafe { receiver::<$class>(slf) };
            if $try {
                return $result();
            }
            if let Some(raise) = $raise {
                return raised($py, raise);
            }
            // SAFETY: called as a method of the class, by the interpreter, without arguments.
            unsafe { pass_on(slf, std::ptr::null(), 0, std::ptr::null_mut(), &$fast) }
        }
    };
}

/// The same for a method that ignores its arguments in the common case, in which there are `$nargs` of them.
macro_rules! fast_with_arguments {
    ($fast:ident, $function:ident, $rest:ident, $name:literal, $class:ty, $nargs:literal, |$py:ident, $this:ident| $fast_try:expr, $try:expr, $result:ident, $raise:expr) => {
        pub(super) static $fast: FastMethod = FastMethod::new($name, Function::AnyArguments($function));

        unsafe extern "C" fn $function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            let ($py, $this) = unsafe { receiver::<$class>(slf) };
            if nargs == $nargs && kwnames.is_null() && $fast_try {
                return $result();
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $rest(slf, args, nargs, kwnames) }
        }

        #[inline(never)]
        unsafe extern "C" fn $rest(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            let ($py, $this) = unsafe { receiver::<$class>(slf) };
            if nargs == $nargs && kwnames.is_null() {
                if $try {
                    return $result();
                }
                if let Some(raise) = $raise {
                    return raised($py, raise);
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { pass_on(slf, args, nargs, kwnames, &$fast) }
        }
    };
}

/// Defines the fast methods of a class of locks: for each a static, the function, and the function for the rest.
macro_rules! fast_lock {
    ($class:ty, $raise:path, $acquire:ident $acquire_function:ident $acquire_asked:ident, $enter:ident $enter_function:ident $enter_rest:ident,
     $release:ident $release_function:ident $release_rest:ident, $exit:ident $exit_function:ident $exit_rest:ident) => {
        pub(super) static $acquire: FastMethod =
            FastMethod::new("acquire", Function::AnyArguments($acquire_function));

        unsafe extern "C" fn $acquire_function(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter.
            let (py, this) = unsafe { receiver::<$class>(slf) };
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            let polls = unsafe { is_false(args, nargs, kwnames) };
            if (polls || nargs == 0 && kwnames.is_null()) && this.engine.get(py).try_acquire_fast() {
                return yes();
            }
            if polls && this.engine.get(py).is_locked() {
                return no();
            }
            // SAFETY: as above.
            unsafe { $acquire_asked(slf, args, nargs, kwnames) }
        }

        #[inline(never)]
        unsafe extern "C" fn $acquire_asked(
            slf: *mut PyObject,
            args: *const *mut PyObject,
            nargs: Py_ssize_t,
            kwnames: *mut PyObject,
        ) -> *mut PyObject {
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            let asked = unsafe { asked(args, nargs, kwnames, |py| intern!(py, "blocking")) };
            if asked != Asked::SomethingElse {
                // SAFETY: called as a method of the class, by the interpreter.
                let (py, this) = unsafe { receiver::<$class>(slf) };
                if this.engine.get(py).try_acquire().is_ok() {
                    return yes();
                }
                if asked == Asked::ToTry {
                    return no();
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { pass_on(slf, args, nargs, kwnames, &$acquire) }
        }

        // Up to 3.14 the method takes the arguments of acquire().
        #[cfg(not(Py_3_15))]
        fast_with_arguments!(
            $enter,
            $enter_function,
            $enter_rest,
            "__enter__",
            $class,
            0,
            |py, this| this.engine.get(py).try_acquire_fast(),
            this.engine.get(py).try_acquire().is_ok(),
            yes,
            None::<fn(Python<'_>)>
        );
        #[cfg(Py_3_15)]
        fast_without_arguments!(
            $enter,
            $enter_function,
            $enter_rest,
            "__enter__",
            $class,
            |py, this| this.engine.get(py).try_acquire_fast(),
            this.engine.get(py).try_acquire().is_ok(),
            yes,
            None::<fn(Python<'_>)>
        );
        fast_without_arguments!(
            $release,
            $release_function,
            $release_rest,
            "release",
            $class,
            |py, this| this.engine.get(py).try_release_fast(),
            this.engine.get(py).release().is_ok(),
            none,
            Some($raise)
        );
        fast_with_arguments!(
            $exit,
            $exit_function,
            $exit_rest,
            "__exit__",
            $class,
            3,
            |py, this| this.engine.get(py).try_release_fast(),
            this.engine.get(py).release().is_ok(),
            none,
            Some($raise)
        );
    };
}

fast_lock!(
    Lock,
    errors::raise_not_held,
    LOCK_ACQUIRE lock_acquire lock_acquire_asked,
    LOCK_ENTER lock_enter lock_enter_rest,
    LOCK_RELEASE lock_release lock_release_rest,
    LOCK_EXIT lock_exit lock_exit_rest
);
fast_lock!(
    RLock,
    errors::raise_not_owned,
    RLOCK_ACQUIRE rlock_acquire rlock_acquire_asked,
    RLOCK_ENTER rlock_enter rlock_enter_rest,
    RLOCK_RELEASE rlock_release rlock_release_rest,
    RLOCK_EXIT rlock_exit rlock_exit_rest
);

pub(super) static LOCK_LOCKED: FastMethod = FastMethod::new("locked", Function::NoArguments(lock_locked));

unsafe extern "C" fn lock_locked(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: called as a method of the class, by the interpreter.
    let (py, lock) = unsafe { receiver::<Lock>(slf) };
    truth(lock.engine.get(py).is_locked())
}
