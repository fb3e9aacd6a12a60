//! The state of `concurrent.futures.Future`. Its methods are in `future_methods.rs`.

use std::sync::{OnceLock, Weak};

use interlock_pool::{Due, Phase, Refusal, Waited};
use interlock_wait::Deadline;
use interlock_wait::primitive::global::AtomicBool;
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::answer::{Answer, Engine};
use super::backlog::Backlog;
use super::due_callbacks::call_back;
use super::remote_call::Remote;
use crate::errors::Failure;
use crate::initialized::Initialized;
use crate::materialize::{Native, native, standard};
use crate::once::Once;
use crate::raw::{Attached, intern};
use crate::{blocking, errors, fastcall};

/// The result of a task, which may not be finished yet; see
/// https://docs.python.org/3/library/concurrent.futures.html#future-objects.
///
/// result() and exception() block until the future is done; Ctrl-C ends the wait. Each change of its state is one step,
/// so a future is finished or cancelled only once.
#[pyclass(frozen, subclass, generic, extends = Native, module = "interlock._interlock")]
pub(crate) struct Future {
    pub(super) engine: Attached<Engine>,
    /// The backlog in which its task waits for a worker, if submitters may wait there for room.
    pub(super) backlog: OnceLock<Weak<dyn Backlog>>,
    /// The call whose future this is, if it runs in another process.
    remote: OnceLock<Remote>,
    /// Whether `_interlock_cancel_at_once()` has notified the watchers, and a worker may still dequeue the task.
    pub(super) notified_early: AtomicBool,
    /// Whether `_interlock_expire()` was called: it may have finished the future while the task runs on.
    pub(super) may_be_over: AtomicBool,
    pub(super) initialized: Initialized,
}

/// The class of the futures that `submit()` returns: `interlock.concurrent.futures.Future`.
static CLASS: Once<Py<PyType>> = Once::new();

/// Tells the module which class of futures `submit()` returns. Called once, before a future is created.
#[pyfunction]
pub(crate) fn remember_future_class(class: &Bound<'_, PyType>) {
    CLASS.keep(class.py(), class.clone().unbind());
}

/// Returns the class of the futures that `submit()` returns.
#[inline]
pub(super) fn future_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    let class = CLASS.get(py).map(|class| class.bind(py));
    class.ok_or_else(|| PyRuntimeError::new_err("interlock.concurrent.futures is not imported"))
}

/// Creates a future, as `submit()` returns it.
#[inline]
pub(crate) fn new_future(py: Python<'_>) -> PyResult<Bound<'_, Future>> {
    let future = fastcall::new_instance(future_class(py)?)?.cast_into::<Future>()?;
    if future.as_super().get().is_materialized() {
        standard(&future, intern!(py, "__init__"), (&future,))?; // a program has changed the class
    }
    Ok(future)
}

/// The names of the phases, as in `_state`.
const NAMES: [(Phase, &str); 5] = [
    (Phase::Pending, "PENDING"),
    (Phase::Running, "RUNNING"),
    (Phase::Cancelled, "CANCELLED"),
    (Phase::CancelledAndNotified, "CANCELLED_AND_NOTIFIED"),
    (Phase::Finished, "FINISHED"),
];

pub(super) fn name_of(phase: Phase) -> &'static str {
    let (_, name) = NAMES[phase as usize];
    name
}

impl Future {
    /// Creates a future to which nothing has happened.
    pub(super) fn untouched() -> Self {
        Future {
            engine: Attached::new(Engine::new()),
            backlog: OnceLock::new(),
            remote: OnceLock::new(),
            notified_early: AtomicBool::new(false),
            may_be_over: AtomicBool::new(false),
            initialized: Initialized::new(),
        }
    }

    pub(crate) fn engine<'a>(&'a self, py: Python<'a>) -> &'a Engine {
        self.engine.get(py)
    }

    /// Returns its call in another process, if it has one.
    #[inline]
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.get()
    }

    /// Makes it the future of a call in another process. Returns `false` if it has such a call already.
    pub(crate) fn becomes_remote(&self, remote: Remote) -> bool {
        self.remote.set(remote).is_ok()
    }

    /// Returns its phase, unless another process may have changed it.
    #[inline]
    pub(crate) fn phase_if_known(&self, py: Python<'_>) -> Option<Phase> {
        let phase = self.engine.get(py).phase();
        (phase.is_done() || self.remote.get().is_none()).then_some(phase)
    }

    /// Returns its phase. For a call in another process, takes the answers that have come first.
    pub(super) fn phase(&self, py: Python<'_>) -> Phase {
        match (self.engine.get(py).phase(), self.remote()) {
            (Phase::Pending, Some(remote)) => remote.phase_of_future(),
            (phase, _) => phase,
        }
    }

    /// Returns the result of the task, if it has ended with one. The caller knows that the future is native.
    pub(crate) fn result_if_done(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.engine(py).value(|answer| answer.result(py)).flatten()
    }

    /// Records the backlog in which its task is about to wait, and in which submitters may wait for room.
    pub(super) fn waits_in(&self, backlog: Weak<dyn Backlog>) {
        let _ = self.backlog.set(backlog);
    }

    /// Waits for the answer of the task. The caller knows that the future is native. Blocks until the future is done,
    /// or until the deadline. `None` if the future was materialized during the wait.
    pub(super) fn wait_native(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Option<Answer>> {
        if !self.engine.get(py).phase().is_done() {
            match blocking::wait(py, deadline, |context| self.engine.get(py).wait_with(context))? {
                Waited::Done => {}
                Waited::TimedOut | Waited::Interrupted => return Err(PyTimeoutError::new_err(())),
                Waited::Retired => return Ok(None),
            }
        }
        if self.engine.get(py).phase().is_cancelled() {
            return Err(Failure::Cancelled.raise(py));
        }
        let answer = self.engine.get(py).value(|answer| answer.clone_ref(py));
        Ok(Some(answer.unwrap_or_else(|| Answer::Result(py.None()))))
    }
}

/// Returns the time left until a deadline, in seconds.
pub(super) fn seconds_left(py: Python<'_>, deadline: Deadline) -> PyResult<Option<Bound<'_, PyAny>>> {
    let left = deadline
        .remaining()
        .map(|left| left.as_secs_f64().into_pyobject(py));
    Ok(left.transpose()?.map(Bound::into_any))
}

/// Finishes a future with its answer. Returns the answer if the future is materialized.
#[inline]
pub(super) fn finish(slf: &Bound<'_, Future>, answer: Answer) -> PyResult<Option<Answer>> {
    finish_with(slf, answer, |due| call_back(slf, due))
}

/// Like [`finish`]. Passes the callbacks that are due to `call`.
#[inline]
pub(super) fn finish_with(
    slf: &Bound<'_, Future>,
    answer: Answer,
    call: impl FnOnce(Due<Py<PyAny>>) -> PyResult<()>,
) -> PyResult<Option<Answer>> {
    let mut answer = Some(answer);
    let finished = native(slf, |future| {
        answer
            .take()
            .map(|answer| future.engine.get(slf.py()).finish(answer))
    })?;
    match finished.flatten() {
        Some(Ok(due)) => call(due).map(|()| None),
        Some(Err((Refusal::Retired, answer))) => Ok(Some(answer)),
        Some(Err((Refusal::Phase(phase), _))) => {
            let message = format!("{}: {}", name_of(phase), slf.repr()?);
            Err(errors::invalid_state(slf.py(), message))
        }
        None => Ok(answer),
    }
}
