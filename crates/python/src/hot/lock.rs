//! Taking and releasing a lock that nobody else wants.

use pyo3::ffi::{Py_ssize_t, PyObject};
use pyo3::prelude::*;

use super::{Hot, none, receiver, yes};
use crate::condition::Condition;
use crate::lock::Lock;
use crate::rlock::RLock;

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
            if nargs == $nargs && kwnames.is_null() {
                if let Some(result) = $common {
                    return result;
                }
            }
            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
            unsafe { $hot.pass_on(slf, args, nargs, kwnames) }
        }
    };
}

hot!(LOCK_ACQUIRE, lock_acquire, "acquire", Lock, 0, |this| this
    .engine
    .try_acquire()
    .then(yes));
hot!(LOCK_ENTER, lock_enter, "__enter__", Lock, 0, |this| this
    .engine
    .try_acquire()
    .then(yes));
hot!(LOCK_RELEASE, lock_release, "release", Lock, 0, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));
hot!(LOCK_EXIT, lock_exit, "__exit__", Lock, 3, |this| this
    .engine
    .release()
    .is_ok()
    .then(none));

hot!(RLOCK_ACQUIRE, rlock_acquire, "acquire", RLock, 0, |this| this
    .engine
    .try_acquire()
    .then(yes));
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

/// Puts the hot functions before the methods of the locks and conditions.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    for hot in [&LOCK_ACQUIRE, &LOCK_ENTER, &LOCK_RELEASE, &LOCK_EXIT] {
        hot.install(&py.get_type::<Lock>())?;
    }
    for hot in [&RLOCK_ACQUIRE, &RLOCK_ENTER, &RLOCK_RELEASE, &RLOCK_EXIT] {
        hot.install(&py.get_type::<RLock>())?;
    }
    for hot in [&CONDITION_ENTER, &CONDITION_EXIT, &CONDITION_NOTIFY] {
        hot.install(&py.get_type::<Condition>())?;
    }
    Ok(())
}
