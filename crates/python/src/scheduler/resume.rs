//! Runs one step of a generator or a coroutine. Also counts the threads.

#![expect(
    unsafe_code,
    reason = "no exception object for each end of a step; threads that have not begun"
)]

use std::ptr::null_mut;

use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::errors;
use crate::raw::intern;

/// How a step ended.
pub(super) enum Step<'py> {
    /// It lets the others go first.
    YieldedNone,
    /// It has yielded another object.
    Yielded(Bound<'py, PyAny>),
    /// It has returned.
    Returned(Bound<'py, PyAny>),
    /// It has raised.
    Raised(Bound<'py, PyBaseException>),
}

/// How a generator or a coroutine is resumed.
#[derive(Clone, Copy)]
pub(super) struct Sender(Resume);

type Resume = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut *mut ffi::PyObject,
) -> ffi::PySendResult;

impl Sender {
    /// Returns how to resume this one. The interpreter's own kinds have a function for that, which no program can
    /// replace.
    pub(super) fn of(coroutine: &Bound<'_, PyAny>) -> Self {
        // SAFETY: the object is alive.
        let class = unsafe { ffi::Py_TYPE(coroutine.as_ptr()) };
        let own = [&raw mut ffi::PyGen_Type, &raw mut ffi::PyCoro_Type].contains(&class);
        let functions = match own {
            // SAFETY: such a class lives for ever, and its functions with it.
            true => unsafe { (*class).tp_as_async },
            false => null_mut(),
        };
        // SAFETY: as above.
        let function = unsafe { functions.as_ref() }.and_then(|functions| functions.am_send);
        Sender(function.unwrap_or(ffi::PyIter_Send))
    }

    /// Resumes it with a value.
    #[inline]
    pub(super) fn send<'py>(
        self,
        py: Python<'py>,
        coroutine: &Py<PyAny>,
        value: Option<Bound<'py, PyAny>>,
    ) -> Step<'py> {
        let mut result = null_mut();
        // SAFETY: the thread is attached.
        let none = unsafe { ffi::Py_None() };
        let sent = value.as_ref().map_or(none, Bound::as_ptr);
        // SAFETY: coroutine and value are alive during the call, and the thread is attached.
        let ended = unsafe { (self.0)(coroutine.as_ptr(), sent, &raw mut result) };
        if ended == ffi::PySendResult::PYGEN_NEXT && result == none {
            // Before 3.12, None is counted.
            #[cfg(not(Py_3_12))]
            // SAFETY: the call returned a new reference.
            unsafe {
                ffi::Py_DECREF(result);
            }
            return Step::YieldedNone;
        }
        if ended == ffi::PySendResult::PYGEN_ERROR {
            return Step::Raised(errors::exception(py, PyErr::fetch(py)));
        }
        // SAFETY: the call returned a new reference.
        let result = unsafe { Bound::from_owned_ptr(py, result) };
        match ended {
            ffi::PySendResult::PYGEN_RETURN => Step::Returned(result),
            _ => Step::Yielded(result),
        }
    }
}

/// Resumes it with an exception.
pub(super) fn throw<'py>(
    py: Python<'py>,
    coroutine: &Py<PyAny>,
    exception: Bound<'py, PyBaseException>,
) -> Step<'py> {
    match coroutine
        .bind(py)
        .call_method1(intern!(py, "throw"), (exception,))
    {
        Ok(yielded) if yielded.is_none() => Step::YieldedNone,
        Ok(yielded) => Step::Yielded(yielded),
        Err(error) => {
            let raised = errors::exception(py, error);
            if !raised.is_instance_of::<PyStopIteration>() {
                return Step::Raised(raised);
            }
            // If a generator itself raises this, the interpreter turns it into RuntimeError. So the generator has
            // returned.
            match raised.getattr(intern!(py, "value")) {
                Ok(value) => Step::Returned(value),
                Err(error) => Step::Raised(errors::exception(py, error)),
            }
        }
    }
}

/// Returns how many threads the interpreter knows, including those that have not begun, if Python code can't find
/// that out: before 3.12, such a thread looks like the one that started it.
pub(super) fn threads_known(_: Python<'_>) -> Option<usize> {
    #[cfg(Py_3_12)]
    return None;
    #[cfg(not(Py_3_12))]
    {
        let mut count = 0;
        // SAFETY: the thread is attached.
        let interpreter = unsafe { ffi::PyInterpreterState_Get() };
        // SAFETY: the thread is attached. So no state goes away: only attached threads remove some. New ones come at the head.
        let mut state = unsafe { ffi::PyInterpreterState_ThreadHead(interpreter) };
        while !state.is_null() {
            count += 1;
            // SAFETY: as above.
            state = unsafe { ffi::PyThreadState_Next(state) };
        }
        Some(count)
    }
}
