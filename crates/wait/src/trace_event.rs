//! Events of threads, as data.

use std::fmt;

use crate::resource::{Resource, ResourceId, ResourceKind};
use crate::thread_id::ThreadId;
use crate::wake::Wake;

/// A wait that is about to start.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// The thread that is going to wait.
    pub thread: ThreadId,
    /// The number of the resource.
    pub id: ResourceId,
    /// The resource that it waits for.
    pub resource: &'a dyn Resource,
    /// Whether the wait has a deadline.
    pub timed: bool,
    /// When the thread took its place in line: of two events on one thing, the later one has the greater number.
    pub sequence: u64,
}

/// A wait of a thread, and the owners of its resource, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWait {
    /// The thread that waits.
    pub thread: ThreadId,
    /// The resource that it waits for.
    pub resource: ResourceId,
    /// The kind of the resource.
    pub kind: ResourceKind,
    /// Whether the wait has a deadline.
    pub timed: bool,
    /// The threads that can end the wait, if they are known.
    pub owners: Vec<ThreadId>,
    /// When the thread took its place in line: of two events on one thing, the later one has the greater number.
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
        /// The resource that it waits for.
        resource: ResourceId,
        /// The kind of the resource.
        kind: ResourceKind,
        /// When the thread took its place in line: of two events on one thing, the later one has the greater number.
        sequence: u64,
    },
    /// A thread has stopped waiting.
    Woke {
        /// The thread that waited.
        thread: ThreadId,
        /// The resource that it waited for.
        resource: ResourceId,
        /// The kind of the resource.
        kind: ResourceKind,
        /// How the wait ended.
        wake: Wake,
        /// Of two events on one thing, the later one has the greater number.
        sequence: u64,
    },
    /// A thread has acquired a lock.
    Acquired {
        /// The thread that owns the lock now.
        thread: ThreadId,
        /// The lock.
        resource: ResourceId,
        /// The kind of the resource.
        kind: ResourceKind,
        /// Of two events on one thing, the later one has the greater number.
        sequence: u64,
    },
    /// A lock was released, by its owner or by another thread.
    Released {
        /// The thread that owned the lock.
        thread: ThreadId,
        /// The lock.
        resource: ResourceId,
        /// The kind of the resource.
        kind: ResourceKind,
        /// Of two events on one thing, the later one has the greater number.
        sequence: u64,
    },
    /// A thread of Interlock is about to run user code.
    ThreadBegan {
        /// The thread.
        thread: ThreadId,
    },
    /// A thread of Interlock has finished its user code.
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
