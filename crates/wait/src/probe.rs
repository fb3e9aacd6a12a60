//! What happens to threads, told to an observer.
//!
//! Deadlock detection, contention profiles and simulation are observers: they implement [`Probe`]. Primitives report
//! events and know no observer. With none registered, a report costs one relaxed load, on the slow path only. A
//! primitive made while one is registered reports its uncontended acquisitions too; one made before reports when it is
//! contended.

use crate::block::Wake;
use crate::primitive::global::{AtomicBool, Ordering};
use crate::waiter::ThreadId;
use crate::word_lock::WordLock;
use std::sync::Arc;

/// What kind of thing is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
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
}

/// A thing that threads wait for, by kind and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// Where it is: the identity of the object, for as long as the object lives.
    pub address: usize,
}

/// Something that happened to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
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

/// An observer of events.
pub trait Probe: Send + Sync {
    /// Hears of `event`, on the thread that it happens to, under no internal lock. Must not wait for that thread.
    fn event(&self, event: Event);
}

static PROBED: AtomicBool = AtomicBool::new(false);

#[cfg(not(loom))]
static PROBE: WordLock<Option<Arc<dyn Probe>>> = WordLock::new(None);

/// Registers the process's observer, in place of the last one, if there was one.
pub fn set_probe(probe: Arc<dyn Probe>) {
    exchange(Some(probe));
}

/// Takes the observer away.
pub fn clear_probe() {
    exchange(None);
}

fn exchange(probe: Option<Arc<dyn Probe>>) {
    // Relaxed: who reads the switch early or late misses, or vainly looks for, an observer that comes or goes just now.
    PROBED.store(probe.is_some(), Ordering::Relaxed);
    #[cfg(not(loom))]
    let earlier = std::mem::replace(&mut *PROBE.lock(), probe);
    #[cfg(loom)]
    let earlier = probe;
    drop(earlier);
}

/// Whether an observer is registered: one relaxed load.
#[inline]
pub fn probed() -> bool {
    // Relaxed: see `exchange`.
    PROBED.load(Ordering::Relaxed)
}

/// Tells the observer, if there is one.
#[cold]
pub fn report(event: Event) {
    #[cfg(not(loom))]
    let probe = PROBE.lock().clone();
    #[cfg(loom)]
    let probe: Option<Arc<dyn Probe>> =
        None::<Arc<WordLock<()>>>.map(|_| unreachable!("a model has no observer"));
    if let Some(probe) = probe {
        probe.event(event);
    }
}
