//! The callbacks of a future that ends, and the log messages about them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use interlock_pool::Due;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::{errors, raw};

/// How deep the ends of futures may nest in the callbacks of others. With a callback of two Python functions, the
/// standard library nests 250 deep before a RecursionError ends such a chain, and less deep if the chain begins on
/// a deep stack or its callbacks call more. With this limit, four functions fit into each callback.
const DEEPEST: u32 = 200;

/// A future, and its callbacks that are due.
type Ended = (Py<PyAny>, Due<Py<PyAny>>);

thread_local! {
    /// How many futures are ending on this thread, each in a callback of the one before.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Futures that ended deeper than that. Their callbacks are called when those of the outer future have
    /// returned.
    static PUT_OFF: RefCell<VecDeque<Ended>> = const { RefCell::new(VecDeque::new()) };
}

/// Calls the callbacks that are due, in their order and before this returns, as the standard library does. Only if
/// the nesting is deeper than that library allows, they are called later, when the callbacks around them have
/// returned.
#[inline]
pub(super) fn call_back(slf: &Bound<'_, PyAny>, due: Due<Py<PyAny>>) -> PyResult<()> {
    if due.is_empty() {
        return Ok(());
    }
    DEPTH.with(|depth| {
        let outer = depth.get();
        if outer >= DEEPEST {
            put_off(slf, due);
            return Ok(());
        }
        depth.set(outer + 1);
        let mut result = call_in_order(slf, due);
        if outer + 1 == DEEPEST {
            result = result.and(call_put_off(slf.py()));
        }
        depth.set(outer);
        result
    })
}

#[cold]
fn put_off(slf: &Bound<'_, PyAny>, due: Due<Py<PyAny>>) {
    PUT_OFF.with_borrow_mut(|later| later.push_back((slf.clone().unbind(), due)));
}

/// Calls the callbacks that were put off while this thread called others, and those that are put off meanwhile.
#[cold]
fn call_put_off(py: Python<'_>) -> PyResult<()> {
    let mut result = Ok(());
    while let Some((future, due)) = PUT_OFF.with_borrow_mut(VecDeque::pop_front) {
        let called = call_in_order(future.bind(py), due);
        result = result.and(called);
    }
    result
}

/// Calls callbacks. If one raises an exception that is not an `Exception`, skips the others, as the standard
/// library does, except for the engine's own callbacks: without these, a call that waits for this future would wait
/// for ever.
#[inline]
fn call_in_order(slf: &Bound<'_, PyAny>, due: Due<Py<PyAny>>) -> PyResult<()> {
    let mut callbacks = due.callbacks();
    let result = callbacks.try_for_each(|callback| call_one(slf, &callback));
    if result.is_err() {
        callbacks.for_each(|callback| call_if_own(slf, &callback));
    }
    result
}

/// Calls a callback if its class marks it as one of the engine's own.
#[cold]
fn call_if_own(slf: &Bound<'_, PyAny>, callback: &Py<PyAny>) {
    let callback = callback.bind(slf.py());
    if matches!(callback.get_type().hasattr("_is_always_called"), Ok(true)) {
        let logged = call_one(slf, callback.as_unbound())
            .or_else(|error| log(slf, "callback_raised", &errors::exception(slf.py(), error)));
        if let Err(error) = logged {
            error.write_unraisable(slf.py(), Some(callback));
        }
    }
}

/// For one of the engine's own callbacks, a callable that calls it and logs its exception. It is put before the other
/// callbacks, which might keep it from being called. `None` for any other callback. Runs no Python code.
pub(super) fn always_called<'py>(callback: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = callback.py();
    match raw::lookup(&callback.get_type(), &PyString::intern(py, "_is_always_called")) {
        Some(_) => callback.getattr("always").map(Some),
        None => Ok(None),
    }
}

pub(super) fn call_one(slf: &Bound<'_, PyAny>, callback: &Py<PyAny>) -> PyResult<()> {
    let py = slf.py();
    let called = callback.bind(py).call1((slf,));
    match called.map_err(|error| errors::exception(py, error)) {
        Ok(_) => Ok(()),
        Err(exception) if exception.is_instance_of::<PyException>() => {
            log(slf, "callback_raised", &exception)
        }
        Err(exception) => Err(errors::again(exception)),
    }
}

/// Logs something about a future as the standard library does.
#[cold]
pub(super) fn log(slf: &Bound<'_, PyAny>, what: &str, about: &Bound<'_, PyAny>) -> PyResult<()> {
    let module = slf.py().import("interlock.concurrent.futures._log")?;
    module.call_method1(what, (slf, about)).map(drop)
}
