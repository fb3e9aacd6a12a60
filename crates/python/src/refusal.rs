//! For tests: an observer that refuses waits, and a list of the waits that an observer sees.

use std::cell::Cell;
use std::sync::Arc;

use interlock_wait::{
    Interest, Observer, ThreadId, TraceEvent, Verdict, Wait, clear_observer, observes, pending_waits,
    set_observer,
};
use pyo3::prelude::*;

thread_local! {
    /// How many of the next waits of this thread are refused.
    static TO_REFUSE: Cell<usize> = const { Cell::new(0) };
}

/// Refuses waits without a reason.
struct Refuses;

impl Observer for Refuses {
    fn event(&self, _: TraceEvent) {}

    fn will_wait(&self, _: &Wait<'_>) -> Verdict {
        match TO_REFUSE.get().checked_sub(1) {
            Some(left) => {
                TO_REFUSE.set(left);
                Verdict::Refuse
            }
            None => Verdict::Wait,
        }
    }
}

/// Refuse the next waits of the calling thread, for tests of what a refused wait leaves behind. 0 ends this for the whole
/// process.
#[pyfunction]
#[pyo3(name = "_refuse_waits")]
pub(crate) fn refuse_waits(count: usize) {
    TO_REFUSE.set(count);
    if count == 0 {
        clear_observer();
    } else {
        set_observer(Arc::new(Refuses));
    }
}

/// The waits that an observer hears of, each with its thread, its kind, and the threads that are named as its owners. Threads
/// come by the numbers of `threading.get_ident()`. Registers an observer, which `_refuse_waits(0)` removes again.
#[pyfunction]
#[pyo3(name = "_waits")]
pub(crate) fn waits() -> Vec<(u64, String, Vec<u64>)> {
    if !observes(Interest::Waits) {
        set_observer(Arc::new(Refuses));
    }
    let number = |thread: ThreadId| thread.ident().get();
    let waits = pending_waits().into_iter();
    waits
        .map(|wait| {
            let owners = wait.owners.into_iter().map(number).collect();
            (number(wait.thread), format!("{:?}", wait.kind), owners)
        })
        .collect()
}
