//! The state that a pool and its workers share.

use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::jobs::Job;
use super::state::State;
use crate::engine::PoolCore;
use crate::futures::Answer;
use crate::raw::Attached;

/// The state that a pool and its workers share.
///
/// The garbage collector does not see the waiting jobs: they have several owners, and keep the pool alive until they
/// are done, as in the standard library.
pub(super) struct Shared {
    pub(super) tasks: PoolCore<Job>,
    pub(super) state: Arc<Attached<State>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Shared {
            tasks: PoolCore::new_in(0, 0),
            state: Arc::new(Attached::new(State::new())),
        }
    }

    /// Stops taking jobs, and ends the waiting jobs without making their calls.
    pub(super) fn terminate(&self, py: Python<'_>) {
        self.state.get(py).terminate();
        self.tasks.shutdown();
        self.abandon_waiting(py);
    }

    pub(super) fn abandon_waiting(&self, py: Python<'_>) {
        self.answer_waiting(py, || self.state.get(py).reason(py));
    }

    /// Ends the waiting jobs without making their calls.
    pub(super) fn answer_waiting(&self, py: Python<'_>, reason: impl Fn() -> Answer) {
        let jobs: Vec<_> = self.tasks.drain().collect();
        self.tasks.drop_drained(jobs.len() as u64);
        for job in jobs {
            job.abandon(py, self.state.get(py), reason());
        }
    }
}
