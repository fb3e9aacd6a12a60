//! Waits that end with an error because an observer refuses them.

use std::cell::Cell;
use std::sync::Arc;

use interlock_wait::{Observer, TraceEvent, Verdict, Wait, clear_observer, set_observer};
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
