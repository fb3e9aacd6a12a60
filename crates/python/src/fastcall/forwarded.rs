//! Methods of objects that can be materialized. A call of a materialized object goes to the standard library's function
//! without the machinery of the general method. A native object has a short way here if its work is a few instructions.

#![expect(unsafe_code, reason = "fast functions are plain C functions")]

use interlock_pool::Phase;
use pyo3::ffi::{Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::call::{is_surely_native, none, number, receiver, truth, yes};
use super::method::{FastMethod, Function, pass_on};
use crate::barrier::Barrier;
use crate::condition::Condition;
use crate::event::Event;
use crate::futures::Future;
use crate::queue::Queue;
use crate::semaphore::Semaphore;

/// Defines the methods of a class: for each a static, the function, the name, and the way of a native object, if there is
/// one, with the number of arguments that it ignores: the result, or `None` if the general method must decide. It must drop
/// no Python object: PyO3, which does not know of this call, would drop it later.
macro_rules! forwarded {
    ($list:ident, $class:ty, $($fast:ident $function:ident $name:literal $(($nargs:literal) |$py:ident, $this:ident| $native:expr)?),+) => {
        static $list: &[&FastMethod] = &[$(&$fast),+];

        $(
            static $fast: FastMethod = FastMethod::new($name, Function::AnyArguments($function));

            unsafe extern "C" fn $function(
                slf: *mut PyObject,
                args: *const *mut PyObject,
                nargs: Py_ssize_t,
                kwnames: *mut PyObject,
            ) -> *mut PyObject {
                $(
                    // SAFETY: called as a method of the class, by the interpreter.
                    if nargs == $nargs && kwnames.is_null() && unsafe { is_surely_native(slf) } {
                        // SAFETY: as above.
                        let ($py, $this) = unsafe { receiver::<$class>(slf) };
                        if let Some(result) = $native {
                            return result;
                        }
                    }
                )?
                // SAFETY: called as a method of the class, by the interpreter, with these arguments.
                unsafe { pass_on(slf, args, nargs, kwnames, &$fast) }
            }
        )+
    };
}

forwarded!(
    EVENT, Event,
    EVENT_IS_SET event_is_set "is_set" (0) |py, event| Some(truth(event.engine.get(py).is_set())),
    EVENT_SET event_set "set" (0) |py, event| {
        event.engine.get(py).set();
        Some(none())
    },
    EVENT_CLEAR event_clear "clear" (0) |py, event| {
        event.engine.get(py).clear();
        Some(none())
    },
    EVENT_WAIT event_wait "wait" (0) |py, event| event.engine.get(py).is_set().then(yes)
);
forwarded!(
    SEMAPHORE, Semaphore,
    SEMAPHORE_ACQUIRE semaphore_acquire "acquire" (0) |py, semaphore| semaphore.engine.get(py).try_acquire().is_ok().then(yes),
    SEMAPHORE_ENTER semaphore_enter "__enter__" (0) |py, semaphore| semaphore.engine.get(py).try_acquire().is_ok().then(yes),
    SEMAPHORE_RELEASE semaphore_release "release" (0) |py, semaphore| semaphore.engine.get(py).release().is_ok().then(none)
);
forwarded!(
    CONDITION, Condition,
    CONDITION_ENTER condition_enter "__enter__" (0) |py, condition| condition.try_enter(py).then(yes),
    CONDITION_EXIT condition_exit "__exit__" (3) |py, condition| condition.try_exit(py).then(none),
    CONDITION_NOTIFY condition_notify "notify" (0) |py, condition| condition.try_notify(py).then(none),
    CONDITION_WAIT condition_wait "wait",
    CONDITION_NOTIFY_ALL condition_notify_all "notify_all"
);
forwarded!(
    BARRIER, Barrier,
    BARRIER_WAIT barrier_wait "wait",
    BARRIER_RESET barrier_reset "reset"
);
forwarded!(
    QUEUE, Queue,
    QUEUE_PUT_NOWAIT queue_put_nowait "put_nowait",
    QUEUE_GET_NOWAIT queue_get_nowait "get_nowait",
    QUEUE_TASK_DONE queue_task_done "task_done",
    QUEUE_JOIN queue_join "join",
    QUEUE_QSIZE queue_qsize "qsize" (0) |py, queue| Some(number(queue.engine.get(py).len())),
    QUEUE_EMPTY queue_empty "empty" (0) |py, queue| Some(truth(queue.engine.get(py).is_empty())),
    QUEUE_FULL queue_full "full" (0) |py, queue| Some(truth(queue.is_full(py)))
);
forwarded!(
    FUTURE, Future,
    FUTURE_RESULT future_result "result" (0) |py, future| future.result_if_done(py).map(Py::into_ptr),
    FUTURE_EXCEPTION future_exception "exception",
    FUTURE_DONE future_done "done" (0) |py, future| Some(truth(future.engine(py).phase().is_done())),
    FUTURE_RUNNING future_running "running" (0) |py, future| Some(truth(future.engine(py).phase() == Phase::Running)),
    FUTURE_CANCELLED future_cancelled "cancelled" (0) |py, future| Some(truth(future.engine(py).phase().is_cancelled()))
);

/// The methods with their classes.
pub(super) fn all(py: Python<'_>) -> [(Bound<'_, PyType>, &'static [&'static FastMethod]); 6] {
    [
        (py.get_type::<Event>(), EVENT),
        (py.get_type::<Semaphore>(), SEMAPHORE),
        (py.get_type::<Condition>(), CONDITION),
        (py.get_type::<Barrier>(), BARRIER),
        (py.get_type::<Queue>(), QUEUE),
        (py.get_type::<Future>(), FUTURE),
    ]
}
