//! The resources in shared memory, for observers.

use interlock_wait::{Resource, ResourceId, ResourceKind};

/// An object in shared memory that a thread waits for. Its owners are processes, whose threads this process's
/// observer does not know.
#[derive(Debug)]
pub(crate) struct SharedResource {
    kind: ResourceKind,
}

impl SharedResource {
    pub(crate) fn new(kind: ResourceKind) -> Self {
        SharedResource { kind }
    }
}

impl Resource for SharedResource {
    fn id(&self) -> ResourceId {
        ResourceId::fresh()
    }

    fn kind(&self) -> ResourceKind {
        self.kind
    }
}
