//! What threads wait for, and what an observer can ask it.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::primitive::global::{AtomicU64, Ordering};
use crate::thread_id::ThreadId;
use crate::word_lock::Owners;

/// A number for a resource that no other one ever has. Kept by its [`WaitQueue`](crate::WaitQueue) from the first wait or
/// acquisition that an observer hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(NonZeroU64);

/// The number of the next resource.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl ResourceId {
    /// Creates a number that was not given out before.
    pub fn fresh() -> Self {
        // Relaxed: a number is given out once, and orders nothing.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        ResourceId(NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX))
    }

    /// Returns the number.
    pub fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What kind of resource is waited for.
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
    /// The end of threads.
    Thread,
    /// The outcome of a task.
    Outcome,
    /// A task for a worker, which is idle until one comes. No wait for a thread or an outcome.
    Task,
    /// The time of the next item of a delay queue. No wait for a thread or an outcome.
    Timer,
    /// A number of tasks of a pool that are done, whichever they are. No wait for a thread or an outcome.
    Count,
    /// That a descriptor is ready, or another thread calls: a thread that runs tasks in turns has nothing to do before. No wait
    /// for a thread or an outcome.
    Descriptors,
}

/// Something that a thread waits for.
///
/// [`block`](crate::block()) calls these methods on the thread that waits, under no internal lock, if an observer is
/// registered.
pub trait Resource {
    /// Returns its number, given to it now if it has none.
    fn id(&self) -> ResourceId;

    /// Returns its kind.
    fn kind(&self) -> ResourceKind;

    /// Where it was created, if that was recorded.
    fn created_at(&self) -> Option<Arc<str>> {
        None
    }

    /// Where to ask for the threads that can end a wait for it. `None` if any thread can, or it is not known which.
    ///
    /// An observer takes each of them for one without which the wait does not end. So a lock names its owner, an outcome the
    /// worker that runs its task, and a scope or a wait for several outcomes those that run these tasks; a wait for the first
    /// of several outcomes names none, because any other may come first. Any thread may notify a condition, release a
    /// semaphore, set an event, come to a barrier, put into a queue or get from it: these name none.
    fn owned(&self) -> Option<&dyn Owners> {
        None
    }

    /// Returns the threads that can end a wait for it, at this moment.
    fn owners(&self) -> Vec<ThreadId> {
        owners(self.owned())
    }

    /// Returns a few words for a report.
    fn describe(&self) -> String {
        format!("{:?} {}", self.kind(), self.id())
    }
}

/// Returns the threads that can end a wait for what `owned` is the state of.
pub(crate) fn owners(owned: Option<&dyn Owners>) -> Vec<ThreadId> {
    let idents = owned.map(Owners::ask).unwrap_or_default();
    idents.into_iter().map(ThreadId::of_ident).collect()
}
