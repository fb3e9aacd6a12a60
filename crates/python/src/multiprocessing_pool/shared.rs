//! The state that a pool and its workers share.

use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::jobs::Job;
use super::state::State;
use crate::engine::CountedQueue;
use crate::futures::Answer;

/// The state that a pool and its workers share.
///
/// The garbage collector does not see the waiting jobs: they have several owners, and keep the pool alive until they
/// are done, as in the standard library.
pub(super) struct Shared {
    pub(super) tasks: CountedQueue<Job>,
    pub(super) state: Arc<State>,
}

impl Shared {
    /// Stops taking jobs, and ends the waiting jobs without making their calls.
    pub(super) fn terminate(&self, py: Python<'_>) {
        self.state.terminate();
        self.tasks.close();
        self.abandon_waiting(py);
    }

    pub(super) fn abandon_waiting(&self, py: Python<'_>) {
        self.answer_waiting(py, || self.state.reason(py));
    }

    /// Ends the waiting jobs without making their calls.
    pub(super) fn answer_waiting(&self, py: Python<'_>, reason: impl Fn() -> Answer) {
        let jobs: Vec<_> = self.tasks.drain().collect();
        for job in jobs {
            job.abandon(py, &self.state, reason());
        }
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        Shared {
            tasks: CountedQueue::new_in(),
            state: Arc::new(State::new()),
        }
    }
}
