//! What happens to threads, as data.

use std::fmt;

use crate::resource::{Resource, ResourceId, ResourceKind};
use crate::thread_id::ThreadId;
use crate::wake::Wake;

/// A wait that is about to begin.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// The thread that is going to wait.
    pub thread: ThreadId,
    /// The number of the resource.
    pub id: ResourceId,
    /// What it waits for.
    pub resource: &'a dyn Resource,
    /// Whether it waits until a deadline at the most.
    pub timed: bool,
    /// When the thread took its place in line: see [`next_sequence`](crate::next_sequence).
    pub sequence: u64,
}

/// A wait of some thread, and the owners of what it waits for, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWait {
    /// The thread that waits.
    pub thread: ThreadId,
    /// What it waits for.
    pub resource: ResourceId,
    /// What kind that is.
    pub kind: ResourceKind,
    /// Whether it waits until a deadline at the most.
    pub timed: bool,
    /// The threads that can end the wait, if they are known.
    pub owners: Vec<ThreadId>,
    /// When the thread took its place in line: see [`next_sequence`](crate::next_sequence).
    pub sequence: u64,
}

/// Something that happened to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceEvent {
    /// A thread is about to wait.
    WillWait {
        /// The thread that is going to wait.
        thread: ThreadId,
        /// What it waits for.
        resource: ResourceId,
        /// What kind that is.
        kind: ResourceKind,
        /// When the thread took its place in line: see [`next_sequence`](crate::next_sequence).
        sequence: u64,
    },
    /// A thread waits no longer.
    Woke {
        /// The thread that waited.
        thread: ThreadId,
        /// What it waited for.
        resource: ResourceId,
        /// What kind that is.
        kind: ResourceKind,
        /// How the wait ended.
        wake: Wake,
        /// See [`next_sequence`](crate::next_sequence).
        sequence: u64,
    },
    /// A thread has acquired a lock.
    Acquired {
        /// The thread that owns the lock now.
        thread: ThreadId,
        /// The lock.
        resource: ResourceId,
        /// What kind that is.
        kind: ResourceKind,
        /// See [`next_sequence`](crate::next_sequence).
        sequence: u64,
    },
    /// A lock was released, by its owner or by another thread.
    Released {
        /// The thread that owned the lock.
        thread: ThreadId,
        /// The lock.
        resource: ResourceId,
        /// What kind that is.
        kind: ResourceKind,
        /// See [`next_sequence`](crate::next_sequence).
        sequence: u64,
    },
    /// A thread of Interlock began to run user code.
    ThreadBegan {
        /// The thread.
        thread: ThreadId,
    },
    /// A thread of Interlock ran its user code to the end.
    ThreadEnded {
        /// The thread.
        thread: ThreadId,
    },
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("thread", &self.thread)
            .field("id", &self.id)
            .field("kind", &self.resource.kind())
            .finish_non_exhaustive()
    }
}

impl Wait<'_> {
    /// Returns the wait as an event.
    pub fn event(&self) -> TraceEvent {
        TraceEvent::WillWait {
            thread: self.thread,
            resource: self.id,
            kind: self.resource.kind(),
            sequence: self.sequence,
        }
    }
}
