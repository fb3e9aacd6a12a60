//! The lines of sends: one send at a time for each descriptor, so that the bytes of two tasks do not mix.
//!
//! State table of a descriptor: free (it has no line), or taken by the send at the head of its line. That send is
//! partly done, or was called when it came to the head. Each send behind it waits for its own call.

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry};

use interlock_sched::{Call, Mailbox};
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use crate::engine::StateLock;
use crate::raw::Attached;

/// The sends of a scheduler that could not be done at once, by descriptor. Only the head of each line sends.
pub(super) struct Sends {
    lines: Attached<StateLock<BTreeMap<i32, VecDeque<Call>>>>,
    mailbox: Arc<Mailbox>,
}

impl Sends {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Arc<Self> {
        Arc::new(Sends {
            lines: Attached::new(StateLock::new(BTreeMap::new())),
            mailbox,
        })
    }

    /// Returns whether a send has begun there, or comes next.
    pub(super) fn is_taken(&self, py: Python<'_>, descriptor: i32) -> bool {
        self.lines.get(py).lock().contains_key(&descriptor)
    }

    /// Takes a place in line, which is the head if the line is empty. `call` is called when the place comes to the head
    /// later.
    pub(super) fn line_up(self: &Arc<Self>, py: Python<'_>, descriptor: i32, call: Call) -> Place {
        let mut lines = self.lines.get(py).lock();
        lines.entry(descriptor).or_default().push_back(call);
        drop(lines);
        Place {
            sends: self.clone(),
            descriptor,
            call,
        }
    }
}

/// A place in the line of a descriptor. Its drop calls the next in line, if this place was at the head.
pub(super) struct Place {
    sends: Arc<Sends>,
    descriptor: i32,
    call: Call,
}

impl Place {
    /// Returns whether it is at the head, so that its send may go on.
    pub(super) fn is_first(&self, py: Python<'_>) -> bool {
        let lines = self.sends.lines.get(py).lock();
        lines.get(&self.descriptor).and_then(VecDeque::front) == Some(&self.call)
    }

    fn leave(&self, py: Python<'_>) {
        let mut lines = self.sends.lines.get(py).lock();
        let Entry::Occupied(mut line) = lines.entry(self.descriptor) else {
            return;
        };
        let was_first = line.get().front() == Some(&self.call);
        line.get_mut().retain(|call| *call != self.call);
        let next = line.get().front().copied();
        if next.is_none() {
            line.remove();
        }
        drop(lines);
        if let Some(next) = next.filter(|_| was_first) {
            self.sends.mailbox.call(next);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Once the interpreter is gone, no other task sends.
        Python::try_attach(|py| self.leave(py));
    }
}
