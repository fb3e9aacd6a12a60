//! What happens to threads, as data.

use crate::thread_id::ThreadId;
use crate::wake::Wake;

/// What kind of thing is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// A mutual-exclusion lock.
    Lock,
    /// A reentrant lock.
    RLock,
    /// A condition variable's notification.
    Condition,
    /// A permit of a semaphore.
    Semaphore,
    /// An event's being set.
    Event,
    /// The other parties of a barrier.
    Barrier,
    /// An item in a queue.
    QueueGet,
    /// Room in a queue.
    QueuePut,
    /// The end of all tasks of a queue.
    QueueJoin,
    /// The end of a thread.
    Thread,
    /// The outcome of a task.
    Outcome,
}

/// A thing that threads wait for, by kind and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Where it is: the identity of the object, for as long as the object lives.
    pub address: usize,
}

/// A wait that is about to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The thread that is going to wait.
    pub thread: ThreadId,
    /// What it waits for.
    pub resource: Resource,
    /// The thread that has it, as far as that is known.
    pub holder: Option<ThreadId>,
    /// When the thread took its place in line: see [`next_sequence`](crate::next_sequence).
    pub sequence: u64,
}

/// Something that happened to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// A thread is about to wait.
    WillWait(Wait),
    /// `thread` waits no longer.
    Woke {
        /// Who waited.
        thread: ThreadId,
        /// For what.
        resource: Resource,
        /// How the wait ended.
        wake: Wake,
        /// See [`next_sequence`](crate::next_sequence).
        sequence: u64,
    },
    /// `thread` has `resource` now.
    Acquired {
        /// Who.
        thread: ThreadId,
        /// What.
        resource: Resource,
        /// See [`next_sequence`](crate::next_sequence).
        sequence: u64,
    },
    /// `thread` gave `resource` back (or gave back what another thread had acquired).
    Released {
        /// Who.
        thread: ThreadId,
        /// What.
        resource: Resource,
        /// See [`next_sequence`](crate::next_sequence).
        sequence: u64,
    },
    /// A thread of Interlock began to run user code.
    ThreadBegan {
        /// Which.
        thread: ThreadId,
    },
    /// A thread of Interlock ran its user code to the end.
    ThreadEnded {
        /// Which.
        thread: ThreadId,
    },
}
