//! Telling an observer what happens to threads.
//!
//! Deadlock detection, contention profiles and simulation are observers: they implement [`Probe`]. Primitives report
//! events and know no observer. With none registered, a report costs one relaxed load, on the slow path only. A
//! primitive made while one is registered reports its uncontended acquisitions too; one made before reports when it is
//! contended.
//!
//! This module has the switch and the way to the registry, not the registry itself (`observer.rs`): that one is kept
//! under a lock, and this module lies below all locks, because [`block`](crate::block()) reports too.

use std::sync::OnceLock;

use crate::primitive::global::{AtomicBool, Ordering};
use crate::trace_event::TraceEvent;

/// An observer of events.
pub trait Probe: Send + Sync {
    /// Hears of `event`, on the thread that it happens to, under no internal lock. Must not wait for that thread.
    fn event(&self, event: TraceEvent);
}

static PROBED: AtomicBool = AtomicBool::new(false);

/// What passes an event on to the registered observer; set when the first one is registered.
static TELL: OnceLock<fn(TraceEvent)> = OnceLock::new();

/// Switches reports on, which `tell` passes on from now on, or off.
pub(crate) fn switch(on: bool, tell: fn(TraceEvent)) {
    TELL.get_or_init(|| tell);
    // Relaxed: who reads the switch early or late misses, or vainly looks for, an observer that comes or goes just now.
    PROBED.store(on, Ordering::Relaxed);
}

/// Whether an observer is registered: one relaxed load.
#[inline]
pub fn probed() -> bool {
    // Relaxed: see `switch`.
    PROBED.load(Ordering::Relaxed)
}

/// Tells the observer, if there is one.
#[cold]
pub fn report(event: TraceEvent) {
    if let Some(tell) = TELL.get() {
        tell(event);
    }
}
