//! The queue as a resource, for observers.

use interlock_wait::{RawLock, Resource, ResourceId, ResourceKind};

use crate::queue::Queue;
use crate::side::Side;
use crate::store::Store;

/// A queue, and what a thread waits for there.
struct QueueResource<'a, S: Store, L: RawLock> {
    queue: &'a Queue<S, L>,
    kind: ResourceKind,
}

impl<S: Store, L: RawLock> Resource for QueueResource<'_, S, L> {
    fn id(&self) -> ResourceId {
        self.queue.state.lock().line(Side::Join).id()
    }

    fn kind(&self) -> ResourceKind {
        self.kind
    }
}

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Returns the queue, as the resource that a thread waits for. All sides of a queue have the same number.
    pub(crate) fn resource_of(&self, kind: ResourceKind) -> impl Resource + '_ {
        QueueResource { queue: self, kind }
    }
}

impl Side {
    /// Returns what a thread on this side waits for.
    pub(crate) fn kind(self) -> ResourceKind {
        match self {
            Side::Get => ResourceKind::QueueGet,
            Side::Put => ResourceKind::QueuePut,
            Side::Join => ResourceKind::QueueJoin,
        }
    }
}
