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
use pyo3::prelude::*;

use super::body::Wait;
use super::operation::Kind;
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
    pub(super) fn check(&mut self, py: Python<'_>, shared: &Arc<Shared>) -> bool {
        let waits = shared.turns.get(py).lock().descriptor_waits();
        if waits == 0 {
            self.next = Deadline::NEVER;
            return false;
        }
        if self.next == Deadline::NEVER {
            self.next = Deadline::PASSED;
        }
        let is_time = self.next.has_passed();
        if waits > FEW && !is_time {
            return false;
        }
        let (found, all) = closed_ones(py, shared, is_time);
        if is_time {
            self.next = Deadline::after(if all { LATER } else { SOON });
        }
        let mut turns = shared.turns.get(py).lock();
        for call in &found {
            turns.closed(*call);
        }
        !found.is_empty()
    }

    /// Returns the time of the next check.
    pub(super) fn next(&self) -> Deadline {
        self.next
    }
}

/// Returns those of some waits whose descriptors are closed, and whether the last wait was among the checked ones.
/// Asks the objects under no lock.
fn closed_ones(
    py: Python<'_>,
    shared: &Arc<Shared>,
    asks_kernel: bool,
) -> (Vec<interlock_sched::Call>, bool) {
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
    let closed = shown
        .into_iter()
        .zip(known)
        .filter(|((_, descriptor, operation), is_known)| {
            let object = object_of(&operation.bind(py).get().kind);
            !is_known || object.is_some_and(|object| !has(object.bind(py), *descriptor))
        });
    (closed.map(|((call, ..), _)| call).collect(), all)
}

/// Returns whether a task's socket is closed, so that the number may belong to another file by now. Returns false
/// if the task waits for a bare number, because that can't be known.
pub(super) fn is_lost(py: Python<'_>, wait: &Wait) -> bool {
    let Some(descriptor) = wait.progress.descriptor() else {
        return false;
    };
    object_of(&wait.operation.bind(py).get().kind)
        .is_some_and(|object| small_int(object.bind(py)).is_none() && !has(object.bind(py), descriptor))
}

/// Returns the object of an operation, if it has a descriptor.
fn object_of(kind: &Kind) -> Option<&Py<PyAny>> {
    match kind {
        Kind::Ready(_, object) | Kind::Receive(object, _) | Kind::Send(object, _) => Some(object),
        _ => None,
    }
}

/// Returns whether an object still has its descriptor.
fn has(object: &Bound<'_, PyAny>, descriptor: i32) -> bool {
    if small_int(object).is_some() {
        return is_open(descriptor);
    }
    match object.call_method0(intern!(object.py(), "fileno")) {
        Ok(number) => small_int(&number) == Some(i64::from(descriptor)),
        Err(error) => {
            drop(errors::exception(object.py(), error)); // a file that is closed raises ValueError
            false
        }
    }
}
