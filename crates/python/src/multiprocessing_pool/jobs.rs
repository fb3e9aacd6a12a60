//! The jobs of a pool, which its workers take as tickets.

use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::apply::Apply;
use super::calls::Turn;
use super::imap::Imap;
use super::map::Map;
use super::state::State;
use crate::futures::Answer;
use crate::raw::Attached;

/// A job, or a ticket for one.
pub(super) enum Job {
    Apply(Box<Apply>),
    Map(Arc<Attached<Map>>),
    Imap(Arc<Attached<Imap>>),
}

impl Job {
    /// Makes the calls. Their exceptions go to the result. An error that this returns is the worker's own.
    pub(super) fn run(self, py: Python<'_>, state: &Arc<Attached<State>>, turn: &mut Turn) -> PyResult<()> {
        match self {
            Job::Apply(apply) => {
                apply.run(py, state);
                turn.count(py);
                Ok(())
            }
            Job::Map(map) => map.get(py).run(py, state, turn),
            Job::Imap(imap) => imap.get(py).run(py, state.get(py), turn),
        }
    }

    /// Ends the job without its calls, which will not be made. Their answer is `reason`.
    pub(super) fn abandon(self, py: Python<'_>, state: &State, reason: Answer) {
        match self {
            Job::Apply(apply) => apply.abandon(py, state, reason),
            Job::Map(map) => map.get(py).abandon(py, state, reason),
            Job::Imap(imap) => imap.get(py).abandon(py, state, reason),
        }
    }
}
