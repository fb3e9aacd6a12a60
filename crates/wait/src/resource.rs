//! The things that threads wait for, and the questions that an observer can ask about them.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::primitive::global::{AtomicU64, Ordering};
use crate::thread_id::ThreadId;
use crate::word_lock::Owners;

/// A number for a resource, which no other resource ever has. Kept by its [`WaitQueue`](crate::WaitQueue) from the
/// first wait or acquisition that an observer hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(NonZeroU64);

/// The number of the next resource.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl ResourceId {
    /// Creates a number that was not used before.
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

/// The kind of a resource that threads wait for.
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
    /// The setting of an event.
    Event,
    /// The other parties of a barrier.
    Barrier,
    /// An item in a queue.
    QueueGet,
    /// Room in a queue.
    QueuePut,
    /// The completion of all tasks of a queue.
    QueueJoin,
    /// The exit of threads.
    Thread,
    /// The outcome of a task.
    Outcome,
    /// A task for an idle worker. Not a wait for a thread or an outcome.
    Task,
    /// The time of the next item of a delay queue. Not a wait for a thread or an outcome.
    Timer,
    /// The end of some number of tasks of a pool, no matter which. Not a wait for a thread or an outcome.
    Count,
    /// A ready descriptor or a call from another thread, before which a thread that runs tasks in turns has nothing
    /// to do. Not a wait for a thread or an outcome.
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

    /// Returns where it was created, if that was recorded.
    fn created_at(&self) -> Option<Arc<str>> {
        None
    }

    /// Returns the object to ask for the threads that can end a wait for this resource. `None` if any thread can,
    /// or if they are not known.
    ///
    /// An observer assumes that the wait can't end without each of these threads. So a lock names its owner, an
    /// outcome the worker that runs its task, and a scope or a wait for several outcomes the workers that run these
    /// tasks. A wait for the first of several outcomes names none, because any of them may come first. Any thread
    /// may notify a condition, release a semaphore, set an event, come to a barrier, or put into a queue or get
    /// from it, so these resources name none.
    fn owned(&self) -> Option<&dyn Owners> {
        None
    }

    /// Returns the threads that can end a wait for it, at this moment.
    fn owners(&self) -> Vec<ThreadId> {
        owners(self.owned())
    }

    /// Returns a short description for a report.
    fn describe(&self) -> String {
        format!("{:?} {}", self.kind(), self.id())
    }
}

/// Returns the threads that can end a wait for the resource whose state is `owned`.
pub(crate) fn owners(owned: Option<&dyn Owners>) -> Vec<ThreadId> {
    let idents = owned.map(Owners::ask).unwrap_or_default();
    idents.into_iter().map(ThreadId::of_ident).collect()
}
