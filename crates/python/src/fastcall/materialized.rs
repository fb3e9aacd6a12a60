//! Does the work of short functions of the standard library for a materialized object, without calling the
//! function. The interpreter runs such a function inside its caller if both are Python code; a method in C would
//! have to start it anew.
//!
//! A short way is taken only if the function is the standard library's own, and so are the hooks that it calls. It
//! reads the same attributes as the function. If it finds one that a program has replaced, the function runs.

use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyString, PyType};

use super::call::{none, number, truth, yes};
use crate::errors::Failure;
use crate::imported::Imported;
use crate::lock::Lock;
use crate::raw::{self, intern};
use crate::rlock::RLock;
use crate::standard_class::Standard;

/// The result of a short way; `None` if the function has to run.
type Outcome = Option<PyResult<*mut PyObject>>;

/// A short way. It gets the object, and the first argument if there is one.
pub(super) type Way = fn(Borrowed<'_, '_, PyAny>, Option<Borrowed<'_, '_, PyAny>>) -> Outcome;

/// The first argument of a way that ignores its arguments.
type Ignored<'a, 'py> = Option<Borrowed<'a, 'py, PyAny>>;

/// Reads an attribute, or ends with the exception that this raises.
macro_rules! read {
    ($object:expr, $name:literal) => {
        match $object.getattr(intern!($object.py(), $name)) {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        }
    };
}

/// `return self._flag`
pub(super) fn event_is_set(event: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    Some(Ok(read!(event, "_flag").into_ptr()))
}

/// `return self._lock.__enter__()`
pub(super) fn condition_enter(condition: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    let py = condition.py();
    let lock = read!(condition, "_lock");
    let taken = if let Ok(lock) = lock.cast_exact::<RLock>() {
        lock.get().engine.get(py).try_acquire()
    } else {
        lock.cast_exact::<Lock>().ok()?.get().engine.get(py).try_acquire()
    };
    taken.ok().map(|()| Ok(yes()))
}

/// `return self._lock.__exit__(*args)`
pub(super) fn condition_exit(condition: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    let py = condition.py();
    let lock = read!(condition, "_lock");
    let released = if let Ok(lock) = lock.cast_exact::<RLock>() {
        lock.get().engine.get(py).release().is_ok()
    } else {
        lock.cast_exact::<Lock>()
            .ok()?
            .get()
            .engine
            .get(py)
            .release()
            .is_ok()
    };
    released.then(|| Ok(none()))
}

/// ```python
/// if not self._is_owned(): raise RuntimeError("cannot notify on un-acquired lock")
/// # and no more than that without waiters
/// ```
pub(super) fn condition_notify(condition: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    static DEQUE: Imported<PyType> = Imported::new("collections", "deque");
    let py = condition.py();
    // Another lock may have no such method; in that case the function calls the condition's own method.
    read!(condition, "_lock").cast_exact::<RLock>().ok()?;
    let is_owned = read!(condition, "_is_owned");
    let waiters = read!(condition, "_waiters");
    // Any other callable could notice that it is called once more.
    is_owned.cast_exact::<PyCFunction>().ok()?;
    if !waiters.get_type().is(DEQUE.get(py).ok()?) || waiters.len().ok()? != 0 {
        return None;
    }
    Some(match is_owned.call0().and_then(|owned| owned.is_truthy()) {
        Ok(true) => Ok(none()),
        Ok(false) => Err(Failure::NotifyNotHeld.raise(py)),
        Err(error) => Err(error),
    })
}

/// `self.notify(len(self._waiters))`
pub(super) fn condition_notify_all(condition: Borrowed<'_, '_, PyAny>, all: Ignored<'_, '_>) -> Outcome {
    if has_own(condition, intern!(condition.py(), "notify")) {
        return None;
    }
    condition_notify(condition, all)
}

/// `return self._parties`
pub(super) fn barrier_parties(barrier: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    Some(Ok(read!(barrier, "_parties").into_ptr()))
}

/// `return self._count if self._state == 0 else 0`
pub(super) fn barrier_n_waiting(barrier: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    match raw::small_int(&read!(barrier, "_state"))? {
        0 => Some(Ok(read!(barrier, "_count").into_ptr())),
        _ => Some(Ok(number(0))),
    }
}

/// `return self._state == -2`
pub(super) fn barrier_broken(barrier: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    let state = raw::small_int(&read!(barrier, "_state"))?;
    Some(Ok(truth(state == -2)))
}

/// `with self.mutex: return self._qsize()`
pub(super) fn queue_qsize(queue: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    Some(size(queue)?.map(number))
}

/// `with self.mutex: return not self._qsize()`
pub(super) fn queue_empty(queue: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    Some(size(queue)?.map(|size| truth(size == 0)))
}

/// `with self.mutex: return 0 < self.maxsize <= self._qsize()`
pub(super) fn queue_full(queue: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    let maxsize = raw::small_int(&read!(queue, "maxsize"))?;
    Some(
        size(queue)?
            .map(|size| truth(maxsize > 0 && usize::try_from(maxsize).is_ok_and(|most| most <= size))),
    )
}

/// `return self.put(item, block=False)`
pub(super) fn queue_put_nowait(
    queue: Borrowed<'_, '_, PyAny>,
    item: Option<Borrowed<'_, '_, PyAny>>,
) -> Outcome {
    let name = intern!(queue.py(), "put");
    if has_own(queue, name) {
        return None;
    }
    let put = standard_function(&queue, name)?;
    Some(put.call1((queue, item?, false)).map(Bound::into_ptr))
}

/// `return self.get(block=False)`
pub(super) fn queue_get_nowait(queue: Borrowed<'_, '_, PyAny>, _: Ignored<'_, '_>) -> Outcome {
    let name = intern!(queue.py(), "get");
    if has_own(queue, name) {
        return None;
    }
    let get = standard_function(&queue, name)?;
    Some(get.call1((queue, false)).map(Bound::into_ptr))
}

/// Returns the function of the standard library's class that this object runs.
fn standard_function<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    Standard::of(&object.get_type()).ok()??.get().function(name).ok()
}

/// `with self.mutex: return len(self.queue)`, which is what `self._qsize()` does. `None` if the mutex is not a free lock of
/// ours, or the hook is the object's own.
fn size(queue: Borrowed<'_, '_, PyAny>) -> Option<PyResult<usize>> {
    let py = queue.py();
    let mutex = read!(queue, "mutex");
    let mutex = mutex.cast_exact::<Lock>().ok()?.get().engine.get(py);
    if has_own(queue, intern!(py, "_qsize")) || mutex.try_acquire().is_err() {
        return None;
    }
    let size = queue.getattr(intern!(py, "queue")).and_then(|items| items.len());
    match mutex.release() {
        Ok(()) => Some(size),
        // The length was computed by the program's own code, and that code has released the mutex.
        Err(refusal) => Some(Err(crate::errors::not_held(py)(refusal))),
    }
}

/// Returns whether an object may have an attribute of its own in place of this method of its class. (This does not
/// look into its `__dict__`, which the interpreter would have to create.)
fn has_own(object: Borrowed<'_, '_, PyAny>, name: &Bound<'_, PyString>) -> bool {
    static METHOD: Imported<PyType> = Imported::new("types", "MethodType");
    let py = object.py();
    let is_of_class =
        || -> PyResult<bool> {
            let found = raw::generic_attribute(&object, name)?;
            if !found.getattr(intern!(py, "__self__"))?.is(&*object) {
                return Ok(false);
            }
            if found.get_type().is(METHOD.get(py)?) {
                let function = found.getattr(intern!(py, "__func__"))?;
                return Ok(raw::lookup(&object.get_type(), name).is_some_and(|own| own.is(&function)));
            }
            Ok(found.is_exact_instance_of::<PyCFunction>()
                && found.getattr(intern!(py, "__name__"))?.eq(name)?)
        };
    !is_of_class().unwrap_or(false)
}
