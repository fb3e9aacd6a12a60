//! The handles by which the threads of a pool use its engine.

use interlock_pool::{Runner, WorkerToken};
use interlock_queue::GetError;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::calls::Turn;
use super::jobs::Job;
use super::shared::Shared;
use super::state::Delivery;
use crate::engine::{PoolCore, Raw, Running};
use crate::raw::Attached;
use crate::worker_turn::wait_for_task;

/// The user of a handle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Owner,
    Worker(WorkerToken),
    /// The thread that runs callbacks.
    ResultHandler(Option<WorkerToken>),
}

/// The handle of a worker, of the thread that runs callbacks, or of the Python part of the pool to the engine. It does
/// not keep the pool alive.
///
/// The garbage collector does not see the shared state through it. The pool reports that state, and clears it at its
/// end.
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct PoolHandle {
    shared: Arc<Attached<Shared>>,
    role: Role,
}

#[pymethods]
impl PoolHandle {
    /// The handle of a new worker, which is counted from now on. None if the pool has as many as it may.
    fn for_worker(&self, py: Python<'_>) -> Option<Self> {
        self.shared
            .get(py)
            .tasks
            .enter()
            .map(|token| self.of(Role::Worker(token)))
    }

    /// The handle of the thread that runs callbacks, which is counted from now on.
    fn for_result_handler(&self, py: Python<'_>) -> Self {
        self.of(Role::ResultHandler(
            self.shared.get(py).state.get(py).deliveries.enter(),
        ))
    }

    /// Do jobs, or run callbacks, until there will be no more. Blocks while there is none.
    fn work(&self, py: Python<'_>) -> PyResult<()> {
        let shared = self.shared.get(py);
        let turn = Turn::new();
        let mut worker = Worker { py, shared, turn };
        match self.role {
            Role::ResultHandler(_) => shared.state.get(py).deliveries.work(&mut worker).map(drop),
            _ => shared.tasks.work(&mut worker).map(drop),
        }
    }

    /// Stop counting as a worker, without having worked.
    fn leave(&self, py: Python<'_>) {
        match self.role {
            Role::Worker(token) => self.shared.get(py).tasks.leave(token),
            Role::ResultHandler(Some(token)) => self.shared.get(py).state.get(py).deliveries.leave(token),
            Role::Owner | Role::ResultHandler(None) => {}
        }
    }

    /// Stop counting as a worker, and let no other worker take the place.
    fn leave_place(&self, py: Python<'_>) {
        self.leave(py);
        let tasks = &self.shared.get(py).tasks;
        tasks.set_limit(tasks.limit().saturating_sub(1));
    }

    /// Stop taking jobs. Workers still do those that wait.
    fn close(&self, py: Python<'_>) {
        self.shared.get(py).tasks.shutdown();
    }

    /// Run no more callbacks than those that are due now, because the workers have ended.
    fn close_deliveries(&self, py: Python<'_>) {
        self.shared.get(py).state.get(py).deliveries.shutdown();
    }

    /// Make no more calls and run no more callbacks. Does not wait for running ones.
    fn terminate(&self, py: Python<'_>) {
        self.shared.get(py).terminate(py);
    }

    /// Make no more calls. From now on, each of them raises `error`.
    fn fail(&self, py: Python<'_>, error: Py<PyAny>) {
        self.shared.get(py).state.get(py).fail(error);
        self.shared.get(py).abandon_waiting(py);
    }

    /// For the child of a fork: forget the workers, which do not exist there, and leave the jobs to the parent. There can
    /// be `processes` workers.
    fn after_fork(&self, py: Python<'_>, processes: usize) {
        let shared = self.shared.get(py);
        shared.tasks.set_limit(processes);
        shared.tasks.forget_workers();
        shared.state.get(py).deliveries.forget_workers();
        shared.abandon_waiting(py);
        let deliveries: Vec<_> = shared.state.get(py).deliveries.drain().collect();
        shared
            .state
            .get(py)
            .deliveries
            .drop_drained(deliveries.len() as u64);
        drop(deliveries);
        shared.state.get(py).forget_jobs();
    }

    /// Return how many tickets wait for a worker.
    fn waiting(&self, py: Python<'_>) -> usize {
        self.shared.get(py).tasks.waiting()
    }

    /// Return how many jobs are not finished.
    fn unfinished(&self, py: Python<'_>) -> usize {
        self.shared.get(py).state.get(py).unfinished()
    }
}

impl PoolHandle {
    pub(super) fn of_owner(shared: Arc<Attached<Shared>>) -> Self {
        PoolHandle {
            shared,
            role: Role::Owner,
        }
    }

    fn of(&self, role: Role) -> Self {
        PoolHandle {
            shared: self.shared.clone(),
            role,
        }
    }
}

/// The steps of a worker with jobs, and of the thread that runs callbacks with deliveries.
struct Worker<'py, 'a> {
    py: Python<'py>,
    shared: &'a Shared,
    turn: Turn,
}

impl Worker<'_, '_> {
    #[inline]
    fn take<W>(&self, core: &PoolCore<W>) -> PyResult<Result<W, GetError>> {
        match core.try_take() {
            Err(GetError::Empty) => wait_for_task(self.py, core),
            taken => Ok(taken),
        }
    }
}

impl Runner<Job, Raw> for Worker<'_, '_> {
    type Error = PyErr;

    fn next(&mut self, core: &PoolCore<Job>) -> PyResult<Result<Job, GetError>> {
        self.take(core)
    }

    fn run(&mut self, job: Job, running: Running<'_>) -> PyResult<()> {
        let ran = job.run(self.py, &self.shared.state, &mut self.turn);
        running.succeed();
        ran
    }
}

impl Runner<Delivery, Raw> for Worker<'_, '_> {
    type Error = PyErr;

    fn next(&mut self, core: &PoolCore<Delivery>) -> PyResult<Result<Delivery, GetError>> {
        self.take(core)
    }

    fn run(&mut self, delivery: Delivery, running: Running<'_>) -> PyResult<()> {
        delivery.run(self.py, self.shared.state.get(self.py));
        running.succeed();
        self.turn.count(self.py);
        Ok(())
    }
}
