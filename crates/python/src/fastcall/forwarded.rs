//! Methods of objects that can be materialized. A call of a materialized object goes to the standard library's function
//! without the machinery of the general method. A native object has a short way here if its work is a few instructions.

#![expect(unsafe_code, reason = "fast functions are plain C functions")]

use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::ptr::null_mut;

use interlock_pool::Phase;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, Py_ssize_t, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::call::{
    NewType, first_argument, is_surely_native, none, number, raised, receiver, slot, truth, yes,
};
use super::materialized::{self, Way};
use super::method::{FastMethod, Function, pass_on};
use crate::barrier::Barrier;
use crate::condition::Condition;
use crate::event::Event;
use crate::futures::Future;
use crate::materialize::{Internal, Native};
use crate::once::Once;
use crate::queue::Queue;
use crate::semaphore::Semaphore;

/// Defines the methods of a class: for each a static, the function, the name, and, if there is one, the way of a native
/// object, with the number of arguments that it ignores: the result, or `None` if the general method must decide. It must
/// drop no Python object: PyO3, which does not know of this call, would drop it later. Last comes the way of a materialized
/// object, after the hooks that the standard library's function calls.
macro_rules! forwarded {
    ($list:ident, $class:ty, $($fast:ident $function:ident $name:literal $(($nargs:literal) |$py:ident, $this:ident| $native:expr $(; $([$hook:literal])? $materialized:path)?)?),+) => {
        static $list: &[&FastMethod] = &[$(&$fast),+];

        $(
            static $fast: FastMethod = FastMethod::new($name, Function::AnyArguments($function))$($($(.calling($hook))?)?)?;

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
                    $(
                        if nargs == $nargs && kwnames.is_null() {
                            // SAFETY: called as a method of the class, by the interpreter, with these arguments.
                            return unsafe { short_way(slf, args, nargs, $materialized, &$fast) };
                        }
                    )?
                )?
                // SAFETY: called as a method of the class, by the interpreter, with these arguments.
                unsafe { pass_on(slf, args, nargs, kwnames, &$fast) }
            }
        )+
    };
}

/// Takes the short way of a materialized object if its standard function would do no more; otherwise passes the call on.
///
/// # Safety
/// The same as for [`pass_on`], for a class derived from `Native`.
#[inline(never)]
unsafe fn short_way(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: Py_ssize_t,
    way: Way,
    method: &'static FastMethod,
) -> *mut PyObject {
    // SAFETY: the caller answers for the class, and is attached.
    if unsafe { method.runs_original(slf) } {
        // SAFETY: as above.
        let (py, _) = unsafe { receiver::<Native>(slf) };
        // SAFETY: the caller of the method holds the receiver.
        let object = unsafe { Borrowed::from_ptr(py, slf) };
        // SAFETY: as above; if there are arguments, there is a first one.
        let first = (nargs > 0).then(|| unsafe { first_argument(py, args) });
        match way(object, first) {
            Some(Ok(result)) => return result,
            Some(Err(error)) => return raised(py, |py| error.restore(py)),
            None => {}
        }
    }
    // SAFETY: the caller answers for the arguments.
    unsafe { pass_on(slf, args, nargs, null_mut(), method) }
}

forwarded!(
    EVENT, Event,
    EVENT_IS_SET event_is_set "is_set" (0) |py, event| Some(truth(event.engine.get(py).is_set())); materialized::event_is_set,
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
    CONDITION_ENTER condition_enter "__enter__" (0) |py, condition| condition.try_enter(py).then(yes); materialized::condition_enter,
    CONDITION_EXIT condition_exit "__exit__" (3) |py, condition| condition.try_exit(py).then(none); materialized::condition_exit,
    CONDITION_NOTIFY condition_notify "notify" (0) |py, condition| condition.try_notify(py).then(none); materialized::condition_notify,
    CONDITION_WAIT condition_wait "wait",
    CONDITION_NOTIFY_ALL condition_notify_all "notify_all" (0) |_py, _condition| None; ["notify"] materialized::condition_notify_all
);
forwarded!(
    BARRIER, Barrier,
    BARRIER_WAIT barrier_wait "wait",
    BARRIER_RESET barrier_reset "reset",
    BARRIER_PARTIES barrier_parties "_interlock_get_parties" (0) |py, barrier| Some(number(barrier.parties(py))); materialized::barrier_parties,
    BARRIER_N_WAITING barrier_n_waiting "_interlock_get_n_waiting" (0) |py, barrier| Some(number(barrier.waiting(py))); materialized::barrier_n_waiting,
    BARRIER_BROKEN barrier_broken "_interlock_get_broken" (0) |py, barrier| Some(truth(barrier.is_broken(py))); materialized::barrier_broken
);
forwarded!(
    QUEUE, Queue,
    QUEUE_PUT_NOWAIT queue_put_nowait "put_nowait" (1) |_py, _queue| None; ["put"] materialized::queue_put_nowait,
    QUEUE_GET_NOWAIT queue_get_nowait "get_nowait" (0) |_py, _queue| None; ["get"] materialized::queue_get_nowait,
    QUEUE_TASK_DONE queue_task_done "task_done",
    QUEUE_JOIN queue_join "join",
    QUEUE_QSIZE queue_qsize "qsize" (0) |py, queue| Some(number(queue.engine.get(py).len())); ["_qsize"] materialized::queue_qsize,
    QUEUE_EMPTY queue_empty "empty" (0) |py, queue| Some(truth(queue.engine.get(py).is_empty())); ["_qsize"] materialized::queue_empty,
    QUEUE_FULL queue_full "full" (0) |py, queue| Some(truth(queue.is_full(py))); ["_qsize"] materialized::queue_full
);
forwarded!(
    FUTURE, Future,
    FUTURE_RESULT future_result "result" (0) |py, future| future.result_if_done(py).map(Py::into_ptr),
    FUTURE_EXCEPTION future_exception "exception",
    FUTURE_DONE future_done "done" (0) |py, future| future.phase_if_known(py).map(|phase| truth(phase.is_done())),
    FUTURE_RUNNING future_running "running" (0) |py, future| future.phase_if_known(py).map(|phase| truth(phase == Phase::Running)),
    FUTURE_CANCELLED future_cancelled "cancelled" (0) |py, future| future.phase_if_known(py).map(|phase| truth(phase.is_cancelled()))
);

pub(super) static SET_ATTRIBUTE: FastMethod =
    FastMethod::new("_interlock_setattr", Function::AnyArguments(set_attribute));

/// Sets an attribute of a materialized object.
unsafe extern "C" fn set_attribute(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as a method of the class, by the interpreter.
    if nargs == 2 && kwnames.is_null() && unsafe { receiver::<Native>(slf) }.1.is_materialized() {
        // SAFETY: there are two arguments.
        let [name, value] = unsafe { *args.cast::<[*mut PyObject; 2]>() };
        // SAFETY: the caller holds the object and the arguments, and is attached.
        return match unsafe { ffi::PyObject_GenericSetAttr(slf, name, value) } {
            0 => none(),
            _ => null_mut(),
        };
    }
    // SAFETY: called as a method of the class, by the interpreter, with these arguments.
    unsafe { pass_on(slf, args, nargs, kwnames, &SET_ATTRIBUTE) }
}

/// Returns the methods with their classes.
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

/// The class attribute `acquire` or `release` of conditions. It is never freed.
///
/// In the standard library a condition has its lock's bound methods under these names. A native condition has none until
/// it is asked: reading such an attribute gives the lock's own bound method. A call makes no bound method: the interpreter
/// calls the class attribute with the condition, as it does with every method.
#[repr(C)]
struct LockMethod {
    head: PyObject,
    vectorcall: ffi::vectorcallfunc,
    /// Reads the lock's bound method.
    internal: *mut PyObject,
}

/// Return a class attribute that is called as a method of a condition and read as `internal` is. Its name is "acquire" or
/// "release".
#[pyfunction]
#[pyo3(signature = (internal, /))]
pub(crate) fn method_of_lock<'py>(internal: &Bound<'py, Internal>) -> PyResult<Bound<'py, PyAny>> {
    static TYPE: Once<Py<PyType>> = Once::new();
    let py = internal.py();
    let vectorcall = match internal.get().name(py).to_str()? {
        "acquire" => call::<true>,
        "release" => call::<false>,
        name => {
            return Err(PyTypeError::new_err(format!(
                "a condition's {name} is not called by its lock"
            )));
        }
    };
    let new_type = NewType {
        name: c"interlock._interlock.lock_method",
        size: size_of::<LockMethod>(),
        vectorcall: Some(offset_of!(LockMethod, vectorcall)),
        // The interpreter calls such an attribute with the receiver only if its type cannot change.
        flags: ffi::Py_TPFLAGS_METHOD_DESCRIPTOR | ffi::Py_TPFLAGS_IMMUTABLETYPE,
    };
    let slots = || {
        vec![
            slot(ffi::Py_tp_descr_get, read as *mut c_void),
            slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        ]
    };
    let class = TYPE.get_or_make(py, || new_type.create(py, slots()))?;
    // SAFETY: the type allocates its instances in this way.
    let object = unsafe { ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: the type's basic size is that of `LockMethod`, and no other code has seen the object.
    let this = unsafe { &mut *object.as_ptr().cast::<LockMethod>() };
    this.vectorcall = vectorcall;
    this.internal = internal.clone().into_ptr();
    // Never freed: it belongs to a class that is never unloaded.
    std::mem::forget(object.clone());
    Ok(object)
}

/// Returns the result of a lookup in `receiver`, or in the class if there is no receiver.
///
/// # Safety
/// Called as a slot of the type.
unsafe extern "C" fn read(
    slf: *mut PyObject,
    receiver: *mut PyObject,
    class: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as a slot of the type.
    let internal = unsafe { (*slf.cast::<LockMethod>()).internal };
    // SAFETY: the object is never freed.
    let kind = unsafe { ffi::Py_TYPE(internal) };
    // SAFETY: a type outlives its objects.
    match unsafe { (*kind).tp_descr_get } {
        // SAFETY: the arguments are those of this call.
        Some(read) => unsafe { read(internal, receiver, class) },
        None => null_mut(),
    }
}

/// Takes or releases the lock of the first argument, a condition. Where that is not all, reads the attribute and calls it.
///
/// # Safety
/// Called by the interpreter, with the arguments of a vectorcall.
unsafe extern "C" fn call<const ACQUIRES: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: a thread that calls an object is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: this only reads the number.
    if unsafe { ffi::PyVectorcall_NARGS(nargsf) } == 1 && kwnames.is_null() {
        // SAFETY: there is one argument, which the caller holds.
        let condition = unsafe { first_argument(py, args) };
        // SAFETY: it is an instance of the class, which is derived from `Native`.
        if condition.is_instance_of::<Condition>() && unsafe { is_surely_native(condition.as_ptr()) } {
            // SAFETY: it is an instance of the class.
            let (_, this) = unsafe { receiver::<Condition>(condition.as_ptr()) };
            if ACQUIRES && this.try_enter(py) {
                return yes();
            }
            if !ACQUIRES && this.try_exit(py) {
                return none();
            }
        }
    }
    // SAFETY: called as the function of a `LockMethod`, which is never freed.
    let internal = unsafe { (*slf.cast::<LockMethod>()).internal };
    // SAFETY: the arguments are the caller's.
    unsafe { ffi::PyObject_Vectorcall(internal, args, nargsf, kwnames) }
}
