//! What short functions of the standard library do for a materialized object, without a call of the function. The
//! interpreter runs such a function inside its caller if both are Python code; a method in C would have to start it anew.
//!
//! A short way is taken only if the function is the standard library's own, and so are the hooks that it calls. It reads
//! what the function reads, as the function does; where it finds something that a program has put there, the function runs.

use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::call::{none, number, truth, yes};
use crate::lock::Lock;
use crate::raw::{self, intern};
use crate::rlock::RLock;

/// The result of a short way; `None` if the function has to run.
type Outcome = Option<PyResult<*mut PyObject>>;

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
pub(super) fn event_is_set(event: Borrowed<'_, '_, PyAny>) -> Outcome {
    Some(Ok(read!(event, "_flag").into_ptr()))
}

/// `return self._lock.__enter__()`
pub(super) fn condition_enter(condition: Borrowed<'_, '_, PyAny>) -> Outcome {
    let py = condition.py();
    let lock = read!(condition, "_lock");
    let taken = if let Ok(lock) = lock.cast_exact::<RLock>() {
        lock.get().engine.get(py).try_acquire()
    } else {
        lock.cast_exact::<Lock>().ok()?.get().engine.get(py).try_acquire()
    };
    taken.then(|| Ok(yes()))
}

/// `return self._lock.__exit__(*args)`
pub(super) fn condition_exit(condition: Borrowed<'_, '_, PyAny>) -> Outcome {
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

/// `return self._parties`
pub(super) fn barrier_parties(barrier: Borrowed<'_, '_, PyAny>) -> Outcome {
    Some(Ok(read!(barrier, "_parties").into_ptr()))
}

/// `return self._count if self._state == 0 else 0`
pub(super) fn barrier_n_waiting(barrier: Borrowed<'_, '_, PyAny>) -> Outcome {
    match raw::small_int(&read!(barrier, "_state"))? {
        0 => Some(Ok(read!(barrier, "_count").into_ptr())),
        _ => Some(Ok(number(0))),
    }
}

/// `return self._state == -2`
pub(super) fn barrier_broken(barrier: Borrowed<'_, '_, PyAny>) -> Outcome {
    let state = raw::small_int(&read!(barrier, "_state"))?;
    Some(Ok(truth(state == -2)))
}

/// `with self.mutex: return self._qsize()`
pub(super) fn queue_qsize(queue: Borrowed<'_, '_, PyAny>) -> Outcome {
    Some(size(queue)?.map(number))
}

/// `with self.mutex: return not self._qsize()`
pub(super) fn queue_empty(queue: Borrowed<'_, '_, PyAny>) -> Outcome {
    Some(size(queue)?.map(|size| truth(size == 0)))
}

/// `with self.mutex: return 0 < self.maxsize <= self._qsize()`
pub(super) fn queue_full(queue: Borrowed<'_, '_, PyAny>) -> Outcome {
    let maxsize = raw::small_int(&read!(queue, "maxsize"))?;
    Some(
        size(queue)?
            .map(|size| truth(maxsize > 0 && usize::try_from(maxsize).is_ok_and(|most| most <= size))),
    )
}

/// `with self.mutex: return len(self.queue)`, which is what `self._qsize()` does. `None` if the mutex is not a free lock of
/// ours, or the hook is the object's own.
fn size(queue: Borrowed<'_, '_, PyAny>) -> Option<PyResult<usize>> {
    let py = queue.py();
    let mutex = read!(queue, "mutex");
    let mutex = mutex.cast_exact::<Lock>().ok()?.get().engine.get(py);
    if has_own(queue, intern!(py, "_qsize")) || !mutex.try_acquire() {
        return None;
    }
    let size = queue.getattr(intern!(py, "queue")).and_then(|items| items.len());
    match mutex.release() {
        Ok(()) => Some(size),
        // The length was the program's own code, and that code has released the mutex.
        Err(refusal) => Some(Err(crate::errors::not_held(py)(refusal))),
    }
}

/// Whether an object has an attribute of this name beside that of its class.
fn has_own(object: Borrowed<'_, '_, PyAny>, name: &Bound<'_, PyString>) -> bool {
    raw::instance_dict(&object).is_ok_and(|own| own.contains(name).unwrap_or(true))
}
