//! `Task`: the program's handle of a task.

use std::sync::Weak;

use interlock_sched::TaskId;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::engine::StateLock;
use crate::errors::{self, Failure};
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// The scheduler, as its tasks see it.
pub(super) trait Home: Send + Sync {
    /// Cancels a task, and returns whether it has not ended.
    fn cancel(&self, py: Python<'_>, id: TaskId) -> bool;
}

/// A generator or a coroutine that a scheduler resumes in turns. Scheduler.spawn() returns it.
#[pyclass(frozen, generic, weakref, module = "interlock.scheduler")]
pub(crate) struct Task {
    name: String,
    /// Whether its error stays here until a program asks for it, instead of ending run().
    pub(super) keeps_errors: bool,
    home: Weak<dyn Home>,
    fate: Attached<StateLock<Fate>>,
    initialized: Initialized,
}

/// The state of a task.
struct Fate {
    /// Its number in the engine.
    id: Option<TaskId>,
    end: End,
    /// How many tasks that wait for its end have yet to learn of its error; 0 if none has to, or if one has learned
    /// of it.
    unaware: usize,
    /// Whether run() has raised its error.
    is_raised: bool,
}

/// The end of a task.
pub(super) enum End {
    NotYet,
    Returned(Py<PyAny>),
    /// With the traceback that it had then: wherever it is raised again, it begins with that.
    Raised(Py<PyBaseException>, Py<PyAny>),
    Cancelled,
}

#[pymethods]
impl Task {
    /// The name of the task.
    #[getter]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Return whether the task has ended. Never blocks.
    pub(super) fn done(&self, py: Python<'_>) -> bool {
        !matches!(self.fate.get(py).lock().end, End::NotYet) || self.is_abandoned()
    }

    /// Return whether the task has ended because it was cancelled. Never blocks.
    fn cancelled(&self, py: Python<'_>) -> bool {
        match self.fate.get(py).lock().end {
            End::Cancelled => true,
            End::NotYet => self.is_abandoned(),
            End::Returned(_) | End::Raised(..) => false,
        }
    }

    /// Cancel the task: TaskCancelled is raised in it, at its yield or await, when it has its next turn. Any thread may
    /// call this. Never blocks.
    ///
    /// A task may catch the exception, to clean up or even to go on. Returns False if the task has ended already.
    fn cancel(&self, py: Python<'_>) -> bool {
        match (self.home.upgrade(), self.id(py)) {
            (Some(home), Some(id)) => home.cancel(py, id),
            _ => false,
        }
    }

    /// Return what the task has returned, or raise what it has raised. Never blocks: in a task, `yield join(task)` waits.
    ///
    /// Raises concurrent.futures.CancelledError if the task was cancelled, and RuntimeError if it has not ended.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.outcome(py)?
            .map_err(|error| errors::again(error.into_bound(py)))
    }

    /// Return the exception that has ended the task, or None if it has returned. Never blocks.
    ///
    /// Raises concurrent.futures.CancelledError if the task was cancelled, and RuntimeError if it has not ended.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyBaseException>>> {
        Ok(self.outcome(py)?.err())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = match self.fate.get(py).lock().end {
            End::NotYet if self.is_abandoned() => "cancelled",
            End::NotYet => "not done",
            End::Returned(_) => "returned",
            End::Raised(..) => "raised",
            End::Cancelled => "cancelled",
        };
        format!("<Task '{}' {state}>", self.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        // If another thread is using it, it is not visited. That keeps it alive, which is always safe.
        match (self.fate.get_in_traverse(&visit).try_lock().as_deref()).map(|fate| &fate.end) {
            Some(End::Returned(value)) => visit.call(value),
            Some(End::Raised(exception, traceback)) => {
                visit.call(exception)?;
                visit.call(traceback)
            }
            _ => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        self.finish(py, End::Cancelled);
    }
}

impl Task {
    pub(super) fn new(name: String, keeps_errors: bool, home: Weak<dyn Home>) -> Self {
        Task {
            name,
            keeps_errors,
            home,
            fate: Attached::new(StateLock::new(Fate {
                id: None,
                end: End::NotYet,
                unaware: 0,
                is_raised: false,
            })),
            initialized: Initialized::new(),
        }
    }

    /// Records that the task is in the engine under this number.
    pub(super) fn begin(&self, py: Python<'_>, id: TaskId) {
        self.fate.get(py).lock().id = Some(id);
    }

    /// Returns whether this is its scheduler.
    pub(super) fn is_at<T: Home>(&self, home: *const T) -> bool {
        std::ptr::addr_eq(self.home.as_ptr(), home)
    }

    pub(super) fn id(&self, py: Python<'_>) -> Option<TaskId> {
        self.fate.get(py).lock().id
    }

    pub(super) fn finish(&self, py: Python<'_>, end: End) {
        let former = std::mem::replace(&mut self.fate.get(py).lock().end, end);
        drop(former);
    }

    /// Returns whether its scheduler is gone, and has closed its generator.
    fn is_abandoned(&self) -> bool {
        self.home.strong_count() == 0
    }

    /// Records that `joiners` tasks will learn of its error, and no other code.
    pub(super) fn error_is_for(&self, py: Python<'_>, joiners: usize) {
        self.fate.get(py).lock().unaware = joiners;
    }

    /// Called when run() raises its error.
    pub(super) fn error_is_raised(&self, py: Python<'_>) {
        self.fate.get(py).lock().is_raised = true;
    }

    /// Returns whether a task whose time to join this one is over gets the outcome: this one has ended meanwhile, and
    /// run() has not raised its error.
    pub(super) fn is_to_be_told(&self, py: Python<'_>) -> bool {
        self.done(py) && !self.fate.get(py).lock().is_raised
    }

    /// Called when a task has learned of its error.
    pub(super) fn error_is_known(&self, py: Python<'_>) {
        self.fate.get(py).lock().unaware = 0;
    }

    /// Called when a task that should have learned of its error never will. Returns the error if this was the last
    /// such task.
    pub(super) fn lost_error(&self, py: Python<'_>) -> Option<Py<PyBaseException>> {
        let mut fate = self.fate.get(py).lock();
        let fate = &mut *fate;
        match &fate.end {
            End::Raised(exception, _) if fate.unaware > 0 => {
                fate.unaware -= 1;
                fate.is_raised = fate.unaware == 0;
                fate.is_raised.then(|| exception.clone_ref(py))
            }
            _ => None,
        }
    }

    /// Returns how it has ended: a value, or an exception.
    ///
    /// # Errors
    /// It was cancelled, or has not ended.
    pub(super) fn outcome(&self, py: Python<'_>) -> PyResult<Result<Py<PyAny>, Py<PyBaseException>>> {
        enum Refusal {
            Raised(Py<PyBaseException>, Py<PyAny>),
            Cancelled,
            NotYet,
        }
        // Exceptions are created and changed when the lock is free, because that may run a program's code.
        let refusal = match &self.fate.get(py).lock().end {
            End::Returned(value) => return Ok(Ok(value.clone_ref(py))),
            End::Raised(exception, traceback) => {
                Refusal::Raised(exception.clone_ref(py), traceback.clone_ref(py))
            }
            End::Cancelled => Refusal::Cancelled,
            End::NotYet if self.is_abandoned() => Refusal::Cancelled,
            End::NotYet => Refusal::NotYet,
        };
        Err(match refusal {
            Refusal::Raised(exception, traceback) => {
                exception.setattr(py, intern!(py, "__traceback__"), traceback)?;
                return Ok(Err(exception));
            }
            Refusal::Cancelled => Failure::Cancelled.raise(py),
            Refusal::NotYet => PyRuntimeError::new_err(format!("task '{}' has not ended", self.name)),
        })
    }
}
