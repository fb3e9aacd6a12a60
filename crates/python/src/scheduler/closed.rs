//! Finding descriptors that were closed while tasks wait for them: the kernel forgets them without a word.
//!
//! Before the thread sleeps, a few descriptors are all checked. Of many, `CHUNK` are checked every `SOON`, until all have had
//! their turn, and all of them again after `LATER`: another thread may close one while this one sleeps.

use std::time::Duration;

use interlock_sched::is_open;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

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

    /// Checks some of the descriptors, if it is time. Whether there is a task that goes on for that.
    pub(super) fn check(&mut self, py: Python<'_>, shared: &Arc<Shared>) -> bool {
        let waits = shared.turns.get(py).lock().descriptor_waits();
        if waits == 0 {
            self.next = Deadline::NEVER;
            return false;
        }
        if self.next == Deadline::NEVER {
            self.next = Deadline::PASSED;
        }
        if waits > FEW && !self.next.has_passed() {
            return false;
        }
        let (found, all) = closed_ones(py, shared);
        self.next = Deadline::after(if all { LATER } else { SOON });
        let mut turns = shared.turns.get(py).lock();
        for call in &found {
            turns.closed(*call);
        }
        !found.is_empty()
    }

    /// The next time to do so.
    pub(super) fn next(&self) -> Deadline {
        self.next
    }
}

/// The waits, among some, whose descriptors are closed, and whether the last one was among them. Asks the objects under no lock.
fn closed_ones(py: Python<'_>, shared: &Arc<Shared>) -> (Vec<interlock_sched::Call>, bool) {
    let mut shown = Vec::new();
    let all = shared
        .turns
        .get(py)
        .lock()
        .show_waits(CHUNK, |call, descriptor, body| {
            if let Some(wait) = body.wait() {
                shown.push((call, descriptor, wait.operation.clone_ref(py)));
            }
        });
    let closed = shown.into_iter().filter(|(_, descriptor, operation)| {
        let (Kind::Ready(_, object) | Kind::Receive(object, _) | Kind::Send(object, _)) =
            &operation.bind(py).get().kind
        else {
            return false;
        };
        !has(object.bind(py), *descriptor)
    });
    (closed.map(|(call, ..)| call).collect(), all)
}

/// Whether an object still has its descriptor.
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
