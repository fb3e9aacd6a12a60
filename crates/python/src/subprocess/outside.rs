//! What a thread waits for outside of this process, as an observer sees it.

use interlock_wait::{Resource, ResourceId, ResourceKind};

/// A wait for a process, or for its pipes. It has no known owner: any thread of any process may end it.
pub(super) struct Outside;

impl Resource for Outside {
    fn id(&self) -> ResourceId {
        ResourceId::fresh()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Timer
    }
}
