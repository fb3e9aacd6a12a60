//! The object that a scheduler's thread sleeps on.

use std::io;
use std::sync::Arc;

use interlock_os::poll::{Bell, Poller, Readiness};
use interlock_wait::{Resource, ResourceId, ResourceKind, WaitContext, Wake, block_on_descriptors, fork};

/// The descriptors that tasks wait for, and the bell that other threads ring. Created when it is first
/// needed.
#[derive(Debug)]
pub struct Poll {
    pub(crate) poller: Poller,
    pub(crate) bell: Arc<Bell>,
    /// The child of a fork shares these descriptors with its parent, so it makes its own.
    generation: u32,
    resource: ResourceId,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        fork::watch();
        let (poller, bell) = (Poller::new()?, Arc::new(Bell::new()?));
        let reads = Readiness {
            reads: true,
            writes: false,
        };
        poller.watch_first((bell.descriptor(), 0), reads)?;
        Ok(Poll {
            poller,
            bell,
            generation: fork::generation(),
            resource: ResourceId::fresh(),
        })
    }

    pub(crate) fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Sleeps until a descriptor is ready, the bell is rung, or `context` ends the wait. Blocks the calling thread, which holds no
    /// internal lock and calls [`Turns::look`](crate::Turns::look) afterwards.
    pub fn wait(&self, context: &mut WaitContext<'_>) -> Wake {
        block_on_descriptors(&self.poller, self, context)
    }
}

impl Resource for Poll {
    fn id(&self) -> ResourceId {
        self.resource
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Descriptors
    }
}
