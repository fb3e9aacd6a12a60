//! The properties of sockets and other objects with descriptors.

use interlock_sched::check_is_socket;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::errors::os_error;
use crate::imported::Imported;
use crate::raw::{intern, lookup, small_int};

/// The class of plain sockets.
static SOCKET: Imported<PyType> = Imported::new("_socket", "socket");

/// Returns whether the object sends and receives as a plain socket does.
pub(super) fn is_plain(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    if small_int(object).is_some() {
        return Ok(true);
    }
    let (class, socket) = (object.get_type(), SOCKET.get(py)?);
    Ok(inherits(&class, socket, intern!(py, "recv")) && inherits(&class, socket, intern!(py, "send")))
}

/// Returns whether the object has one descriptor for all its life, as sockets have.
pub(super) fn keeps_its_descriptor(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    Ok(inherits(
        &object.get_type(),
        SOCKET.get(py)?,
        intern!(py, "fileno"),
    ))
}

fn inherits<'py>(
    class: &Bound<'py, PyType>,
    other: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
) -> bool {
    match (lookup(class, name), lookup(other, name)) {
        (Some(own), Some(standard)) => own.is(&standard),
        _ => false,
    }
}

/// Checks that bytes can be received from the object at all. Otherwise a task would wait for a pipe's bytes first.
///
/// # Errors
/// The number is not one of a socket, or the object has no `recv()`.
pub(super) fn check_receives(object: &Bound<'_, PyAny>, descriptor: i32) -> PyResult<()> {
    if small_int(object).is_some() {
        return check_is_socket(descriptor).map_err(os_error);
    }
    match is_plain(object)? {
        true => Ok(()),
        false => object.getattr(intern!(object.py(), "recv")).map(drop),
    }
}

/// Returns whether to ask a socket of a derived class for bytes before it is watched. A socket of `ssl` may have to
/// send first, and may hold bytes that it has read from the kernel already. A blocking socket is asked only if it
/// reports such bytes.
pub(super) fn is_worth_a_try(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if is_plain(object)? {
        return Ok(false);
    }
    let is_non_blocking = match object.getattr_opt(intern!(object.py(), "gettimeout"))? {
        Some(gettimeout) => gettimeout.call0()?.eq(0.0)?,
        None => false,
    };
    Ok(is_non_blocking || has_pending(object)?)
}

/// Returns whether a socket of a derived class holds bytes that it has read from the kernel already, as sockets of
/// `ssl` report.
pub(super) fn has_pending(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if is_plain(object)? {
        return Ok(false);
    }
    match object.getattr_opt(intern!(object.py(), "pending"))? {
        Some(pending) => pending.call0()?.is_truthy(),
        None => Ok(false),
    }
}
