//! Sleeps until a descriptor is ready.
//!
//! A thread that runs cooperative tasks waits for many things at once: descriptors, the time, and calls from other
//! threads. One call of the kernel waits for all of these: a call from another thread rings a bell, which is one of
//! the descriptors.

use interlock_os::poll::Poller;

use crate::block::{self, Sleeps};
use crate::deadline::Deadline;
use crate::primitive::global::{AtomicBool, Ordering};
use crate::resource::Resource;
use crate::schedule::Returned;
use crate::sleep;
use crate::thread_ident::ThreadIdent;
use crate::wait_context::WaitContext;
use crate::wake::{Slept, Wake};

/// Puts the calling thread to sleep until a descriptor that `poller` watches is ready, or `context` ends the wait.
///
/// [`Wake::Notified`] means that one is ready. The caller finds out which: nothing is taken from the poller. The
/// caller holds no internal lock. An observer can ask `resource` what the thread waits for.
pub fn block_on_descriptors(poller: &Poller, resource: &dyn Resource, context: &mut WaitContext<'_>) -> Wake {
    let watched = Watched {
        poller,
        is_ready: AtomicBool::new(false),
    };
    block::traced(None, resource, context, |context| {
        block::until_notified(&watched, context)
    })
}

struct Watched<'a> {
    poller: &'a Poller,
    /// The result of the last sleep. Only the waiting thread uses it.
    is_ready: AtomicBool,
}

impl Sleeps for Watched<'_> {
    fn is_notified(&self) -> bool {
        // Relaxed: the calling thread wrote it.
        self.is_ready.load(Ordering::Relaxed)
    }

    /// The child of a fork has the descriptors, too. The caller checks whether they are its own.
    fn is_of_this_process(&self) -> bool {
        true
    }

    fn notifier(&self) -> Option<ThreadIdent> {
        None
    }

    fn sleep(&self, until: Deadline) -> Slept {
        match sleep::sleep_on_descriptors(self.poller, until) {
            Returned::Woken => {
                // Relaxed: as above.
                self.is_ready.store(true, Ordering::Relaxed);
                Slept::Notified(None)
            }
            Returned::TimedOut => Slept::TimedOut,
            Returned::Interrupted => Slept::Interrupted,
        }
    }

    /// Each look would call the kernel.
    fn may_spin(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use interlock_os::poll::{Bell, Readiness};

    use super::*;
    use crate::resource::{ResourceId, ResourceKind};

    struct Anything(ResourceId);

    impl Resource for Anything {
        fn id(&self) -> ResourceId {
            self.0
        }

        fn kind(&self) -> ResourceKind {
            ResourceKind::Descriptors
        }
    }

    #[test]
    fn a_descriptor_or_the_time_ends_the_wait() {
        let (poller, bell) = (Poller::new().unwrap(), Bell::new().unwrap());
        let reads = Readiness {
            reads: true,
            writes: false,
        };
        poller.watch_first((bell.descriptor(), 0), reads).unwrap();
        let anything = Anything(ResourceId::fresh());
        let mut soon = WaitContext::until(Deadline::after(Duration::from_millis(1)));
        assert_eq!(
            block_on_descriptors(&poller, &anything, &mut soon),
            Wake::TimedOut
        );
        bell.ring();
        let wake = block_on_descriptors(&poller, &anything, &mut WaitContext::endless());
        assert_eq!(wake, Wake::Notified);
    }

    #[test]
    fn another_thread_ends_the_wait() {
        let (poller, bell) = (Poller::new().unwrap(), Bell::new().unwrap());
        let reads = Readiness {
            reads: true,
            writes: false,
        };
        poller.watch_first((bell.descriptor(), 0), reads).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| bell.ring());
            let anything = Anything(ResourceId::fresh());
            let wake = block_on_descriptors(&poller, &anything, &mut WaitContext::endless());
            assert_eq!(wake, Wake::Notified);
        });
    }
}
