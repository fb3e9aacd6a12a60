//! `subprocess`: the wait for a process by its descriptor, and the exchange of bytes with many pipes at once.

mod bytes;
mod child;
mod exchange;

pub(crate) use child::ChildProcess;
pub(crate) use exchange::Exchange;

use interlock_wait::{Resource, ResourceId, ResourceKind};

/// A wait for a process, or for its pipes. Which thread of which process ends it, nobody knows.
struct Outside;

impl Resource for Outside {
    fn id(&self) -> ResourceId {
        ResourceId::fresh()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Timer
    }
}
