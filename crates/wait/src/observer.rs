//! The registered observer of the process.

use std::sync::Arc;

use crate::probe::{self, Probe};
use crate::trace_event::TraceEvent;
#[cfg(not(loom))]
use crate::word_lock::WordLock;

#[cfg(not(loom))]
static OBSERVER: WordLock<Option<Arc<dyn Probe>>> = WordLock::new(None);

/// Registers the process's observer, in place of the last one, if there was one.
pub fn set_probe(probe: Arc<dyn Probe>) {
    exchange(Some(probe));
}

/// Takes the observer away.
pub fn clear_probe() {
    exchange(None);
}

#[cfg(not(loom))]
fn exchange(probe: Option<Arc<dyn Probe>>) {
    let mut observer = OBSERVER.lock();
    // Under the lock, so that the switch and the observer agree when two threads exchange at once.
    probe::switch(probe.is_some(), tell);
    let earlier = std::mem::replace(&mut *observer, probe);
    drop(observer);
    // After the lock is released: dropping an observer is user code.
    drop(earlier);
}

#[cfg(not(loom))]
fn tell(event: TraceEvent) {
    let observer = OBSERVER.lock().clone();
    if let Some(observer) = observer {
        observer.event(event);
    }
}

/// A model has no observer: what is global to the process is no part of it.
#[cfg(loom)]
fn exchange(probe: Option<Arc<dyn Probe>>) {
    drop(probe);
    probe::switch(false, |_: TraceEvent| {});
}
