//! What the threads of a pool have of its engine.

use interlock_pool::CountedQueue;
use interlock_queue::GetError;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::calls::Turn;
use super::shared::Shared;
use crate::blocking;

/// Who uses a handle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Owner,
    Worker,
    /// The thread that calls callbacks.
    ResultHandler,
}

/// What a worker, the thread that calls callbacks, or the Python part of the pool has of the engine. It does not keep the pool
/// alive.
///
/// The garbage collector is not told what it shares with the pool: that is for the pool to tell, which lets go of it at its end.
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct PoolHandle {
    shared: Arc<Shared>,
    role: Role,
}

#[pymethods]
impl PoolHandle {
    /// The handle of a new worker, which counts from now on.
    fn for_worker(&self) -> Self {
        self.shared.tasks.enter();
        PoolHandle {
            shared: self.shared.clone(),
            role: Role::Worker,
        }
    }

    /// The handle of the thread that calls callbacks.
    fn for_result_handler(&self) -> Self {
        self.shared.state.deliveries.enter();
        PoolHandle {
            shared: self.shared.clone(),
            role: Role::ResultHandler,
        }
    }

    /// Do jobs, or call callbacks, until there will be no more. Blocks while there is none.
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

    /// Count no longer as a worker, without having worked.
    fn leave(&self) {
        match self.role {
            Role::Owner => {}
            Role::Worker => self.shared.tasks.leave(),
            Role::ResultHandler => self.shared.state.deliveries.leave(),
        }
    }

    /// Take no more jobs. Those that wait are still done.
    fn close(&self) {
        self.shared.tasks.close();
    }

    /// Call no more callbacks than those that are due now: the workers have ended.
    fn close_deliveries(&self) {
        self.shared.state.deliveries.close();
    }

    /// Make no more calls, and call no more callbacks. Does not wait for those that are being made.
    fn terminate(&self, py: Python<'_>) {
        self.shared.terminate(py);
    }

    /// Make no more calls: each of them raises `error` from now on.
    fn fail(&self, py: Python<'_>, error: Py<PyAny>) {
        self.shared.state.fail(error);
        self.shared.abandon_waiting(py);
    }

    /// In the child of a fork: count no workers, which do not exist, and leave the jobs to the parent.
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

/// The next of what a worker does, or nothing any more.
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
