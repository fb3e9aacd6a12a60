//! Reports to an observer what happens to threads.
//!
//! Deadlock detection, contention profiles and simulation are observers: they implement [`Observer`]. Primitives
//! report events, and depend on no observer. If none is registered, a report costs one relaxed load, on the slow
//! path only.
//!
//! An observer chooses what it wants to hear. Waits go through [`block`](crate::block()) anyway, so an observer of
//! waits costs uncontended operations nothing. To report an acquisition, a lock has to take the slow path. A lock
//! that is first used while an observer of acquisitions is registered reports every acquisition. A lock that was
//! first used before reports the contended ones.

use std::cell::Cell;
#[cfg(not(loom))]
use std::sync::Arc as Shared;

#[cfg(not(loom))]
use arc_swap::ArcSwapOption;

#[cfg(not(loom))]
use crate::contained::contained;
use crate::primitive::global::{AtomicU32, AtomicU64, Ordering};
use crate::trace_event::{TraceEvent, Wait};

/// What an observer wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// Waits, and the start and exit of Interlock's own threads.
    Waits = 1,
    /// Acquisitions and releases of locks, too.
    Acquisitions = 2,
}

/// An observer's answer to a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The thread may wait.
    Wait,
    /// The thread must not wait: its operation ends at once. An operation with a time limit ends as if it had timed
    /// out, a get or a receive as if no item had come, a put or a send as if no room had come. A wait for a barrier
    /// breaks the barrier. A pool returns `Refused`. [`take_refusal`] tells the difference. (An operation in an
    /// interpreter ends as if the interpreter had interrupted it, which is told why.)
    ///
    /// An operation that cannot fail waits all the same, and leaves no refusal behind: `Mutex::lock`, `Event::wait`, the `acquire`
    /// of a lock or a semaphore, the `join` of a queue, a scope, or a condition that takes its mutex back.
    ///
    /// Do not refuse the wait of an idle worker for a [`Task`](crate::ResourceKind::Task): the worker has nothing
    /// else to do, and waits again at once.
    Refuse,
}

/// Observes what happens to threads.
pub trait Observer: Send + Sync {
    /// Returns what the observer wants to hear. Called once, when it is registered.
    fn interest(&self) -> Interest {
        Interest::Waits
    }

    /// Receives `event`. Called on the thread that it happens to, under no internal lock. Must not wait for that
    /// thread.
    ///
    /// A panic does not leave this call: the panic hook reports it, and the operation of that thread goes on.
    fn event(&self, event: TraceEvent);

    /// Decides whether a thread may wait. Called before the wait, on that thread, under no internal lock. Must not
    /// wait for that thread.
    ///
    /// A panic in here goes no further, and the thread waits.
    ///
    /// The thread stands in line already, and its wait is among the [`pending_waits`](crate::pending_waits).
    fn will_wait(&self, wait: &Wait<'_>) -> Verdict {
        self.event(wait.event());
        Verdict::Wait
    }
}

/// The [`Interest`] of the registered observer, as a number; 0 without one.
static INTEREST: AtomicU32 = AtomicU32::new(0);

/// The number of the next event.
static SEQUENCE: AtomicU64 = AtomicU64::new(1);

#[cfg(not(loom))]
static OBSERVER: ArcSwapOption<Registered> = ArcSwapOption::const_empty();

#[cfg(not(loom))]
struct Registered {
    observer: Shared<dyn Observer>,
    interest: u32,
}

thread_local! {
    /// Whether the observer has refused this thread's last wait.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Registers the observer of this process, in place of the former one. The former observer is dropped here, or by a
/// thread that is calling it at this moment.
#[cfg(not(loom))]
pub fn set_observer(observer: Shared<dyn Observer>) {
    let interest = observer.interest() as u32;
    exchange(Some(Shared::new(Registered { observer, interest })));
}

/// Removes the observer.
#[cfg(not(loom))]
pub fn clear_observer() {
    exchange(None);
}

/// Replaces the registered observer by `new`. If several threads do that at once, the stored interest is in the end
/// that of the last observer: each thread stores an interest, and then checks that it is still the interest of the
/// registered observer.
#[cfg(not(loom))]
fn exchange(new: Option<Shared<Registered>>) {
    // Dropped at the end: that is a program's code, and may panic.
    let _before = OBSERVER.swap(new);
    loop {
        let registered = OBSERVER.load_full();
        let interest = registered.as_ref().map_or(0, |registered| registered.interest);
        // SeqCst pairs with itself in the other threads that exchange: each stores its interest before it loads again below.
        INTEREST.swap(interest, Ordering::SeqCst);
        if OBSERVER.load().as_ref().map(Shared::as_ptr) == registered.as_ref().map(Shared::as_ptr) {
            return;
        }
    }
}

/// Returns whether an observer is registered that wants to hear of `interest`. Costs one relaxed load.
#[inline]
pub fn observes(interest: Interest) -> bool {
    // Relaxed: while an observer comes or goes, a thread may miss it, or look for it and find none.
    INTEREST.load(Ordering::Relaxed) >= interest as u32
}

/// Returns a number for an event, greater than those given out before. Taken under the lock of the state that
/// the event changes, the numbers of events on one thing have the order of the events.
pub fn next_sequence() -> u64 {
    // Relaxed: each number is given out once, and threads that take one under the same lock take it one after the other.
    SEQUENCE.fetch_add(1, Ordering::Relaxed)
}

/// Reports an event to the observer, if there is one. A panic of the observer does not leave this call.
#[cold]
pub fn report(event: TraceEvent) {
    // The last to use an observer that was replaced meanwhile drops it, which is a program's code, too.
    #[cfg(not(loom))]
    contained(|| {
        if let Some(registered) = &*OBSERVER.load() {
            registered.observer.event(event);
        }
    });
    // A model has no observer: what is global to the process is no part of it.
    #[cfg(loom)]
    let _ = event;
}

/// Asks the observer, if there is one, about a wait of the calling thread. One that panics lets the thread wait.
#[cold]
pub(crate) fn ask(wait: &Wait<'_>) -> Verdict {
    #[cfg(not(loom))]
    let verdict = contained(|| {
        let registered = OBSERVER.load();
        registered
            .as_ref()
            .map(|registered| registered.observer.will_wait(wait))
    });
    #[cfg(loom)]
    let verdict = {
        let _ = wait;
        Some(None)
    };
    verdict.flatten().unwrap_or(Verdict::Wait)
}

/// Records that a wait of the calling thread ends because the observer has refused it.
pub(crate) fn refuse() {
    REFUSED.set(true);
}

/// Returns whether the observer has refused a wait of the calling thread since the last call. For callers of an
/// operation that ended as if its host had interrupted it.
pub fn take_refusal() -> bool {
    REFUSED.take()
}
