//! The state that a scheduler and its tasks share.

use interlock_sched::{Cancelling, Mailbox, TaskId, Turns};
use interlock_wait::ThreadIdent;
use interlock_wait::primitive::Arc;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::body::{Body, Holder, Undo, Wait};
use super::ordinary;
use super::sends::Sends;
use super::task::Home;
use crate::engine::StateLock;
use crate::raw::Attached;

/// The engine's tasks, under the lock of a state.
pub(super) struct Shared {
    pub(super) turns: Attached<StateLock<Turns<Box<Body>, Holder>>>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) sends: Arc<Sends>,
    pub(super) runner: Attached<StateLock<Runner>>,
}

/// The runner of the tasks.
#[derive(Default)]
pub(super) struct Runner {
    /// The thread, and the generation of its process.
    pub(super) thread: Option<(ThreadIdent, u32)>,
    /// How many names were made up.
    pub(super) names: u64,
}

impl Shared {
    pub(super) fn new() -> Self {
        let turns = Turns::new();
        Shared {
            mailbox: turns.mailbox().clone(),
            sends: Sends::new(turns.mailbox().clone()),
            turns: Attached::new(StateLock::new(turns)),
            runner: Attached::new(StateLock::new(Runner::default())),
        }
    }

    /// Closes all tasks but the one that runs, also those that a `finally` clause spawns meanwhile.
    ///
    /// # Errors
    /// The first error that a task raises as it is closed, unless another one is not an `Exception`.
    pub(super) fn close(&self, py: Python<'_>, undo: Undo) -> PyResult<()> {
        let mut result = Ok(());
        loop {
            let bodies = self.turns.get(py).lock().clear();
            self.mailbox.ring();
            if bodies.is_empty() {
                return result;
            }
            for body in bodies {
                let closed = body.close(py, undo);
                result = ordinary::worse(py, result, closed);
            }
        }
    }

    /// Does the same for a scheduler that the program has dropped.
    pub(super) fn abandon(&self, py: Python<'_>) {
        if let Err(error) = self.close(py, Wait::dropped) {
            error.write_unraisable(py, None);
        }
    }

    /// Visits the tasks, unless another thread is using them. Not visiting them keeps them alive, which is always
    /// safe.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(turns) = self.turns.get_in_traverse(visit).try_lock() else {
            return Ok(());
        };
        turns.payloads().try_for_each(|(_, body)| body.traverse(visit))
    }
}

impl Home for Shared {
    fn cancel(&self, py: Python<'_>, id: TaskId) -> bool {
        let cancelling = self.turns.get(py).lock().cancel(id);
        self.mailbox.ring();
        cancelling != Cancelling::Ended
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The tasks may stand in lines of queues, where they would take notifications that they can't use any more.
        Python::try_attach(|py| self.abandon(py));
    }
}
