//! The workers of an executor, and the state that they share with it.

use std::time::Duration;

use interlock_pool::{Runner, WorkerToken};
use interlock_queue::GetError;
use interlock_wait::now;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::backlog::Backlog;
use super::future::Future;
use super::task::Task;
use crate::engine::{PoolCore, Raw, Running, StateLock};
use crate::raw::Attached;
use crate::worker_turn::{Turn, wait_for_task};

/// The state that an executor, its workers and its futures share.
///
/// The garbage collector does not see the waiting tasks: they have several owners, and are not garbage when one owner
/// is.
pub(super) struct Shared {
    pub(super) core: PoolCore<Task>,
}

impl Shared {
    pub(super) fn new() -> Arc<Attached<Self>> {
        Arc::new(Attached::new(Shared {
            core: PoolCore::new_in(0, 0),
        }))
    }

    /// Stops taking tasks. Workers still run the waiting tasks, unless `drain` is true: then this returns their
    /// futures. The caller must end these, and count them as done only after that.
    pub(super) fn close(&self, py: Python<'_>, drain: bool) -> Vec<Py<Future>> {
        self.core.shutdown();
        if !drain {
            return Vec::new();
        }
        self.core.drain().map(|task| task.future.clone_ref(py)).collect()
    }

    /// Takes the task of a future out of the queue, if it still waits.
    pub(super) fn take_out(&self, future: &Bound<'_, PyAny>) -> Option<Task> {
        self.core.take_back(|task| task.future.is(future))
    }
}

impl Backlog for Attached<Shared> {
    fn take_back(&self, future: &Bound<'_, PyAny>) -> bool {
        self.get(future.py()).take_out(future).is_some()
    }
}

/// A worker's handle to an executor. It does not keep the executor alive. The worker counts as one as long as the handle
/// exists, or until leave().
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct Worker {
    shared: Arc<Attached<Shared>>,
    token: Attached<StateLock<Option<WorkerToken>>>,
    clock: Attached<StateLock<Clock>>,
}

/// How long a worker has been busy.
#[derive(Default)]
struct Clock {
    until_now: Duration,
    since: Option<Duration>,
}

impl Clock {
    /// The clock may be running already: an error at the end of a task leaves work() early.
    fn begin(&mut self) {
        self.since.get_or_insert_with(now);
    }

    fn end(&mut self) {
        self.until_now = self.read();
        self.since = None;
    }

    fn read(&self) -> Duration {
        self.until_now
            + self
                .since
                .map_or(Duration::ZERO, |since| now().saturating_sub(since))
    }
}

#[pymethods]
impl Worker {
    /// Run tasks until there will be no more: until the executor is shut down, collected or materialized. Returns
    /// whether it was materialized. Blocks while there is no task.
    fn work(&self, py: Python<'_>) -> PyResult<bool> {
        let clock = self.clock.get(py);
        clock.lock().begin();
        let mut tasks = Tasks {
            py,
            clock,
            turn: Turn::new(),
        };
        let end = self.shared.get(py).core.work(&mut tasks)?;
        clock.lock().end();
        Ok(end == GetError::Retired)
    }

    /// Return how long this worker has run tasks, in seconds.
    fn busy(&self, py: Python<'_>) -> f64 {
        self.clock.get(py).lock().read().as_secs_f64()
    }

    /// Call the initializer of a worker. During the call, the thread counts as a worker of the executor.
    fn initialize<'py>(&self, initialize: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.shared
            .get(initialize.py())
            .core
            .as_worker(|| initialize.call0())
    }

    /// Stop taking tasks, and return the futures of those that wait, as _interlock_shut_down() does.
    fn drain(&self, py: Python<'_>) -> Vec<Py<Future>> {
        self.shared.get(py).close(py, true)
    }

    /// Stop counting as a worker, because the thread could not be started.
    fn leave(&self, py: Python<'_>) {
        if let Some(token) = self.token.get(py).lock().take() {
            self.shared.get(py).core.leave(token);
        }
    }

    /// How many workers there were with this one, when it was counted.
    #[getter]
    fn number(&self, py: Python<'_>) -> usize {
        self.token.get(py).lock().map_or(0, WorkerToken::number)
    }
}

impl Worker {
    /// Returns a worker that is counted from now on. `None` if the executor has as many as it may.
    pub(super) fn enter(py: Python<'_>, shared: Arc<Attached<Shared>>) -> Option<Self> {
        let token = shared.get(py).core.enter()?;
        Some(Worker {
            shared,
            token: Attached::new(StateLock::new(Some(token))),
            clock: Attached::default(),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // An object is deallocated attached: this only gets the proof of it.
        Python::attach(|py| self.leave(py));
    }
}

/// What a worker does with the tasks.
struct Tasks<'py, 'a> {
    py: Python<'py>,
    clock: &'a StateLock<Clock>,
    turn: Turn<256>,
}

impl Runner<Task, Raw> for Tasks<'_, '_> {
    type Error = PyErr;

    #[inline]
    fn next(&mut self, core: &PoolCore<Task>) -> PyResult<Result<Task, GetError>> {
        match core.try_take() {
            Err(GetError::Empty) => {
                self.clock.lock().end();
                let taken = wait_for_task(self.py, core)?;
                self.clock.lock().begin();
                Ok(taken)
            }
            taken => Ok(taken),
        }
    }

    #[inline]
    fn run(&mut self, task: Task, running: Running<'_>) -> PyResult<()> {
        let ran = task.run(self.py);
        if matches!(ran, Ok(true)) {
            running.succeed();
        } else {
            running.fail();
        }
        self.turn.count(self.py);
        ran.map(drop)
    }
}
