//! The handles that the threads of a pool have to its engine.

use interlock_queue::GetError;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::calls::Turn;
use super::shared::Shared;
use crate::blocking;
use crate::engine::CountedQueue;

/// The user of a handle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Owner,
    Worker,
    /// The thread that runs callbacks.
    ResultHandler,
}

/// The handle of a worker, of the thread that runs callbacks, or of the Python part of the pool to the engine. It does
/// not keep the pool alive.
///
/// The garbage collector does not see the shared state through it. The pool reports that state, and clears it at its
/// end.
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct PoolHandle {
    shared: Arc<Shared>,
    role: Role,
}

#[pymethods]
impl PoolHandle {
    /// The handle of a new worker, which is counted from now on.
    fn for_worker(&self) -> Self {
        self.shared.tasks.enter();
        PoolHandle {
            shared: self.shared.clone(),
            role: Role::Worker,
        }
    }

    /// The handle of the thread that runs callbacks.
    fn for_result_handler(&self) -> Self {
        self.shared.state.deliveries.enter();
        PoolHandle {
            shared: self.shared.clone(),
            role: Role::ResultHandler,
        }
    }

    /// Do jobs, or run callbacks, until there will be no more. Blocks while there is none.
    fn work(&self, py: Python<'_>) -> PyResult<()> {
        let shared = &self.shared;
        let mut turn = Turn::new();
        if self.role == Role::ResultHandler {
            while let Some(delivery) = next(py, &shared.state.deliveries)? {
                delivery.run(py, &shared.state);
                shared.state.deliveries.done();
                turn.count(py);
            }
        } else {
            while let Some(job) = next(py, &shared.tasks)? {
                let ran = job.run(py, &shared.state, &mut turn);
                shared.tasks.done();
                ran?;
            }
        }
        Ok(())
    }

    /// Stop counting as a worker, without having worked.
    fn leave(&self) {
        match self.role {
            Role::Owner => {}
            Role::Worker => self.shared.tasks.leave(),
            Role::ResultHandler => self.shared.state.deliveries.leave(),
        }
    }

    /// Stop taking jobs. Workers still do those that wait.
    fn close(&self) {
        self.shared.tasks.close();
    }

    /// Run no more callbacks than those that are due now, because the workers have ended.
    fn close_deliveries(&self) {
        self.shared.state.deliveries.close();
    }

    /// Make no more calls and run no more callbacks. Does not wait for running ones.
    fn terminate(&self, py: Python<'_>) {
        self.shared.terminate(py);
    }

    /// Make no more calls. From now on, each of them raises `error`.
    fn fail(&self, py: Python<'_>, error: Py<PyAny>) {
        self.shared.state.fail(error);
        self.shared.abandon_waiting(py);
    }

    /// For the child of a fork: forget the workers, which do not exist there, and leave the jobs to the parent.
    fn after_fork(&self, py: Python<'_>) {
        let shared = &self.shared;
        shared.tasks.forget_workers();
        shared.state.deliveries.forget_workers();
        shared.abandon_waiting(py);
        let deliveries: Vec<_> = shared.state.deliveries.drain().collect();
        drop(deliveries);
        shared.state.forget_jobs();
    }

    /// How many tickets wait for a worker.
    fn waiting(&self) -> usize {
        self.shared.tasks.waiting()
    }

    /// How many jobs are not finished.
    fn unfinished(&self) -> usize {
        self.shared.state.unfinished()
    }
}

impl PoolHandle {
    pub(super) fn of_owner(shared: Arc<Shared>) -> Self {
        PoolHandle {
            shared,
            role: Role::Owner,
        }
    }
}

/// The next task of a worker, or `None` if there will be no more.
#[inline]
fn next<W>(py: Python<'_>, tasks: &CountedQueue<W>) -> PyResult<Option<W>> {
    match tasks.try_take() {
        Ok(work) => Ok(Some(work)),
        Err(GetError::Empty) => {
            let taken = blocking::wait(py, Deadline::NEVER, |context| tasks.take_with(context))?;
            Ok(taken.ok())
        }
        Err(_) => Ok(None),
    }
}
