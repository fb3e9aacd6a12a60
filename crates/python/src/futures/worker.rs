//! The workers of an executor, and the state that they share with it.

use std::cell::Cell;
use std::time::Duration;

use interlock_queue::GetError;
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, now};
use pyo3::prelude::*;

use super::future::Future;
use super::place::Place;
use super::task::Task;
use crate::blocking;
use crate::engine::{Counts, StateLock, WorkQueue};

/// How many tasks a worker runs before it reads the clock.
const TASKS_PER_CLOCK_READ: u32 = 256;
/// How long a worker runs before it yields to other threads, if its tasks do not: the interpreter's own switch
/// interval.
const TURN: Duration = Duration::from_millis(5);

thread_local! {
    /// The executor that this thread works for.
    static HERE: Cell<*const Shared> = const { Cell::new(std::ptr::null()) };
}

/// Marks this thread as a worker of an executor while it lives.
struct Here {
    outer: *const Shared,
}

impl Here {
    fn begin(shared: &Arc<Shared>) -> Self {
        Here {
            outer: HERE.replace(Arc::as_ptr(shared)),
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        HERE.set(self.outer);
    }
}

/// The state that an executor, its workers and its futures share.
///
/// The garbage collector does not see the waiting tasks: they have several owners, and are not garbage when one owner
/// is.
pub(super) struct Shared {
    pub(super) queue: WorkQueue<Task>,
    pub(super) counts: Counts,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Shared {
            queue: WorkQueue::new_in(0),
            counts: Counts::default(),
        })
    }

    /// Whether the calling thread is one of the workers.
    pub(super) fn current_thread_is_worker(&self) -> bool {
        std::ptr::eq(HERE.get(), self)
    }

    /// For the child of a fork, where the only worker left is the thread that forked, if it is one.
    pub(super) fn forget_workers(&self) {
        self.queue.forget_workers();
        self.counts.forget_running(self.current_thread_is_worker().into());
    }

    /// Stops taking tasks. Workers still run the waiting tasks, unless `drain` is true: then this returns their
    /// futures. The caller must end these, and count them as done only after that.
    pub(super) fn close(&self, py: Python<'_>, drain: bool) -> Vec<Py<Future>> {
        self.queue.shutdown();
        if !drain {
            return Vec::new();
        }
        self.queue.drain().map(|task| task.future.clone_ref(py)).collect()
    }

    #[inline]
    fn run(&self, py: Python<'_>, task: Task) -> PyResult<()> {
        self.counts.began();
        let ran = task.run(py);
        if matches!(ran, Ok(true)) {
            self.counts.succeeded();
        } else {
            self.counts.failed();
        }
        ran.map(drop)
    }

    /// Takes the task of a future out of the queue, if it still waits.
    pub(super) fn take_out(&self, future: &Bound<'_, PyAny>) -> Option<Task> {
        let task = self.queue.take_back(|task| task.future.is(future));
        if task.is_some() {
            self.counts.taken_out(1);
        }
        task
    }
}

impl Place for Shared {
    fn take_back(&self, future: &Bound<'_, PyAny>) -> bool {
        self.take_out(future).is_some()
    }
}

/// A worker's handle to an executor. It does not keep the executor alive.
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    clock: StateLock<Clock>,
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
        let _here = Here::begin(&self.shared);
        self.clock.lock().begin();
        let mut tasks = 0_u32;
        let mut turn = now();
        let end = loop {
            let task = match self.next(py)? {
                Ok(task) => task,
                Err(end) => break end,
            };
            self.shared.run(py, task)?;
            tasks = tasks.wrapping_add(1);
            if tasks.is_multiple_of(TASKS_PER_CLOCK_READ) && now().saturating_sub(turn) >= TURN {
                blocking::give_way(py);
                turn = now();
            }
        };
        self.clock.lock().end();
        Ok(end == GetError::Retired)
    }

    /// How long this worker has run tasks, in seconds.
    fn busy(&self) -> f64 {
        self.clock.lock().read().as_secs_f64()
    }

    /// Call the initializer of a worker. During the call, the thread counts as a worker of the executor.
    fn initialize<'py>(&self, initialize: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _here = Here::begin(&self.shared);
        initialize.call0()
    }

    /// Stop taking tasks, and return the futures of those that wait, as _interlock_shut_down() does.
    fn drain(&self, py: Python<'_>) -> Vec<Py<Future>> {
        self.shared.close(py, true)
    }
}

impl Worker {
    pub(super) fn at(shared: Arc<Shared>) -> Self {
        Worker {
            shared,
            clock: StateLock::default(),
        }
    }

    /// The next task, or the reason why there will be none.
    #[inline]
    fn next(&self, py: Python<'_>) -> PyResult<Result<Task, GetError>> {
        match self.shared.queue.try_take() {
            Err(GetError::Empty) => self.wait_for_next(py),
            taken => Ok(taken),
        }
    }

    #[cold]
    fn wait_for_next(&self, py: Python<'_>) -> PyResult<Result<Task, GetError>> {
        self.clock.lock().end();
        let taken = blocking::wait(py, Deadline::NEVER, |context| {
            self.shared.queue.take_with(context)
        })?;
        self.clock.lock().begin();
        Ok(taken)
    }
}
