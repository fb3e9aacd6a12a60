//! What threads wait for in shared memory, as an observer sees it.

use interlock_wait::{Resource, ResourceId, ResourceKind};

/// Something in shared memory for which a thread waits. Its owners are processes, of which this process's observer knows no
/// threads.
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
