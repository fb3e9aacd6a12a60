//! Finds descriptors that were closed while tasks wait for them: the kernel forgets them without a report.
//!
//! Before the thread sleeps, it asks the objects of all descriptors, if there are only a few. If there are many, it
//! asks `CHUNK` of them every `SOON`, until all have had their turn. After `LATER` it asks all again, because
//! another thread may close a descriptor while this one sleeps. Only at these times it also asks the kernel, for
//! numbers that were closed without their objects.

use std::time::Duration;

use interlock_sched::is_open;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::exceptions::{PyBaseException, PyOSError, PyValueError};
use pyo3::prelude::*;

use super::body::{Pending, Wait};
use super::operation::Kind;
use super::ordinary;
use super::shared::Shared;
use crate::errors;
use crate::raw::{intern, small_int};

const FEW: usize = 64;
const CHUNK: usize = 512;
const SOON: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_secs(1);

/// When to check.
pub(super) struct Checks {
    next: Deadline,
}

impl Checks {
    pub(super) fn new() -> Self {
        Checks {
            next: Deadline::PASSED,
        }
    }

    /// Checks some of the descriptors, if it is time. Returns whether this lets a task go on.
    ///
    /// # Errors
    /// An object's `fileno()` has raised something that is not an `Exception`.
    pub(super) fn check(&mut self, py: Python<'_>, shared: &Arc<Shared>) -> PyResult<bool> {
        let waits = shared.turns.get(py).lock().descriptor_waits();
        if waits == 0 {
            self.next = Deadline::NEVER;
            return Ok(false);
        }
        if self.next == Deadline::NEVER {
            self.next = Deadline::PASSED;
        }
        let is_time = self.next.has_passed();
        if waits > FEW && !is_time {
            return Ok(false);
        }
        let (found, all) = closed_ones(py, shared, is_time)?;
        if is_time {
            self.next = Deadline::after(if all { LATER } else { SOON });
        }
        let is_found = !found.is_empty();
        for (call, error) in found {
            let mut turns = shared.turns.get(py).lock();
            let pending = error.map(|error| Box::new(Pending::Raise(error)));
            let body = turns.waiting_payload(call).filter(|_| pending.is_some());
            let former = body.and_then(|body| std::mem::replace(&mut body.pending, pending));
            turns.closed(call);
            drop(turns);
            drop(former);
        }
        Ok(is_found)
    }

    /// Returns the time of the next check.
    pub(super) fn next(&self) -> Deadline {
        self.next
    }
}

/// A wait whose descriptor is closed, or whose object has raised an error when it was asked.
type Found = (interlock_sched::Call, Option<Py<PyBaseException>>);

/// Returns those of some waits, and whether the last wait was among the checked ones. Asks the objects under no lock.
fn closed_ones(py: Python<'_>, shared: &Arc<Shared>, asks_kernel: bool) -> PyResult<(Vec<Found>, bool)> {
    let mut shown = Vec::new();
    let mut turns = shared.turns.get(py).lock();
    let all = turns.show_waits(CHUNK, |call, descriptor, body| {
        if let Some(wait) = body.wait() {
            shown.push((call, descriptor, wait.operation.clone_ref(py)));
        }
    });
    let mut known = vec![true; shown.len()];
    if asks_kernel {
        for (is_known, (_, descriptor, _)) in known.iter_mut().zip(&shown) {
            *is_known = turns.is_watched(*descriptor);
        }
    }
    drop(turns);
    let mut found = Vec::new();
    for ((call, descriptor, operation), is_known) in shown.into_iter().zip(known) {
        let object = object_of(&operation.bind(py).get().kind).filter(|_| is_known);
        match object.map(|object| has(object.bind(py), descriptor)) {
            None if is_known => {}
            Some(Ok(true)) => {}
            None | Some(Ok(false)) => found.push((call, None)),
            Some(Err(error)) => {
                let exception = errors::exception(py, error);
                if !ordinary::is_ordinary(&exception) {
                    return Err(errors::again(exception));
                }
                found.push((call, Some(exception.unbind())));
            }
        }
    }
    Ok((found, all))
}

/// Returns whether a task's socket is closed, so that the number may belong to another file by now. Returns false
/// if the task waits for a bare number, because that can't be known.
///
/// # Errors
/// The object's `fileno()` has raised something else than ValueError or OSError.
pub(super) fn is_lost(py: Python<'_>, wait: &Wait) -> PyResult<bool> {
    let Some(descriptor) = wait.progress.descriptor() else {
        return Ok(false);
    };
    match object_of(&wait.operation.bind(py).get().kind) {
        Some(object) if small_int(object.bind(py)).is_none() => Ok(!has(object.bind(py), descriptor)?),
        _ => Ok(false),
    }
}

/// Returns the object of an operation, if it has a descriptor.
fn object_of(kind: &Kind) -> Option<&Py<PyAny>> {
    match kind {
        Kind::Ready(_, object) | Kind::Receive(object, _) | Kind::Send(object, _) => Some(object),
        _ => None,
    }
}

/// Returns whether an object still has its descriptor. A closed file raises ValueError, and some objects raise
/// OSError.
///
/// # Errors
/// `fileno()` has raised something else. A signal handler may have raised it.
fn has(object: &Bound<'_, PyAny>, descriptor: i32) -> PyResult<bool> {
    if small_int(object).is_some() {
        return Ok(is_open(descriptor));
    }
    match object.call_method0(intern!(object.py(), "fileno")) {
        Ok(number) => Ok(small_int(&number) == Some(i64::from(descriptor))),
        Err(error) => {
            let exception = errors::exception(object.py(), error);
            match exception.is_instance_of::<PyValueError>() || exception.is_instance_of::<PyOSError>() {
                true => Ok(false),
                false => Err(errors::again(exception)),
            }
        }
    }
}
