//! What happens to threads, as data.

use crate::waiter::ThreadId;
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

/// Something that happened to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// `thread` is about to wait for `resource`, which `holder` has, as far as that is known.
    WillWait {
        /// Who waits.
        thread: ThreadId,
        /// For what.
        resource: Resource,
        /// Who has it.
        holder: Option<ThreadId>,
    },
    /// `thread` waits no longer.
    Woke {
        /// Who waited.
        thread: ThreadId,
        /// For what.
        resource: Resource,
        /// How the wait ended.
        wake: Wake,
    },
    /// `thread` has `resource` now.
    Acquired {
        /// Who.
        thread: ThreadId,
        /// What.
        resource: Resource,
    },
    /// `thread` gave `resource` back (or gave back what another thread had acquired).
    Released {
        /// Who.
        thread: ThreadId,
        /// What.
        resource: Resource,
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
