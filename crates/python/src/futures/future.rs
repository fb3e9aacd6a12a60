//! `concurrent.futures.Future`.

use std::sync::{OnceLock, Weak};

use interlock_pool::{Phase, Refusal, Waited};
use interlock_wait::Deadline;
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyType};

use super::answer::{Answer, Engine};
use super::backlog::Backlog;
use super::due_callbacks::{always_called, call_back, call_one, log};
use super::remote::{self, Remote};
use super::watcher::Watcher;
use crate::convert::Timeout;
use crate::errors::Failure;
use crate::initialized::Initialized;
use crate::materialize::{Exported, Native, materialize, native, standard};
use crate::raw::{Attached, intern};
use crate::{blocking, errors};

/// The result of a task, which may not be finished yet; see
/// https://docs.python.org/3/library/concurrent.futures.html#future-objects.
///
/// result() and exception() block until the future is done; Ctrl-C ends the wait. Each change of its state is one step,
/// so a future is finished or cancelled only once.
#[pyclass(frozen, subclass, generic, extends = Native, module = "interlock._interlock")]
pub(crate) struct Future {
    engine: Attached<Engine>,
    /// Where its task waits for a worker, if submitters wait there for room.
    backlog: OnceLock<Weak<dyn Backlog>>,
    /// The call of which it is the future, if that runs in another process.
    remote: OnceLock<Remote>,
    /// Whether `_interlock_cancel_at_once()` has notified the watchers, and a worker may still dequeue the task.
    notified_early: AtomicBool,
    initialized: Initialized,
}

/// The class of the futures that `submit()` returns: `interlock.concurrent.futures.Future`.
static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Tells the module which class of futures `submit()` returns. Called once, before a future is created.
#[pyfunction]
pub(crate) fn remember_future_class(class: &Bound<'_, PyType>) {
    let _ = CLASS.set(class.py(), class.clone().unbind());
}

/// The class of the futures that `submit()` returns.
#[inline]
pub(super) fn future_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    let class = CLASS.get(py).map(|class| class.bind(py));
    class.ok_or_else(|| PyRuntimeError::new_err("interlock.concurrent.futures is not imported"))
}

/// The names of the phases, as in `_state`.
const NAMES: [(Phase, &str); 5] = [
    (Phase::Pending, "PENDING"),
    (Phase::Running, "RUNNING"),
    (Phase::Cancelled, "CANCELLED"),
    (Phase::CancelledAndNotified, "CANCELLED_AND_NOTIFIED"),
    (Phase::Finished, "FINISHED"),
];

fn name_of(phase: Phase) -> &'static str {
    let (_, name) = NAMES[phase as usize];
    name
}

#[pymethods]
impl Future {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let future = Future {
            engine: Attached::new(Engine::new()),
            backlog: OnceLock::new(),
            remote: OnceLock::new(),
            notified_early: AtomicBool::new(false),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(future))
    }

    #[pyo3(signature = ())]
    fn __init__(slf: &Bound<'_, Self>) -> PyResult<()> {
        match native(slf, |future| future.engine.get(slf.py()).is_untouched())? {
            Some(true) => return Ok(()),
            Some(false) => materialize(slf)?,
            None => {}
        }
        standard(slf, intern!(slf.py(), "__init__"), (slf,)).map(drop)
    }

    /// Cancel the task unless it is running or done, and return whether it is cancelled now. Never blocks for long.
    ///
    /// Wakes the threads that wait for the result, and calls the callbacks. Asks a running task to stop: see
    /// interlock.current_task().
    pub(super) fn cancel(slf: &Bound<'_, Self>) -> PyResult<bool> {
        if let Some(cancelled) = remote::cancel(slf)? {
            return Ok(cancelled);
        }
        match native(slf, |future| future.engine.get(slf.py()).cancel())? {
            Some(Ok(None)) => Ok(true),
            Some(Ok(Some(due))) => {
                let notified = give_up_place(slf);
                call_back(slf, due).and(notified).map(|()| true)
            }
            Some(Err(Refusal::Phase(_))) => Ok(false),
            Some(Err(Refusal::Retired)) | None => cancel_materialized(slf),
        }
    }

    /// Cancel the task, and notify watchers at once instead of when a worker dequeues it. Returns whether it is
    /// cancelled now.
    fn _interlock_cancel_at_once(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let cancelled = Self::cancel(slf)?;
        if cancelled {
            // Relaxed: a worker that dequeues the task later sees this, through the state of the future.
            slf.get().notified_early.store(true, Ordering::Relaxed);
            notify_cancelled(slf)?;
        }
        Ok(cancelled)
    }

    /// Whether the task was cancelled. Never blocks.
    pub(super) fn cancelled<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        ask(slf, intern!(slf.py(), "cancelled"), Phase::is_cancelled)
    }

    /// Whether the task is running. Never blocks.
    fn running<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        ask(slf, intern!(slf.py(), "running"), |phase| phase == Phase::Running)
    }

    /// Whether the task is finished or cancelled. Never blocks.
    #[inline]
    fn done<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        ask(slf, intern!(slf.py(), "done"), Phase::is_done)
    }

    /// Call `fn` with this future when it is done: in the thread that finishes it, or at once if it is done already.
    ///
    /// If `fn` raises an Exception, it is logged and ignored.
    #[pyo3(text_signature = "($self, fn)")]
    #[inline]
    fn add_done_callback(slf: &Bound<'_, Self>, r#fn: &Bound<'_, PyAny>) -> PyResult<()> {
        let callback = r#fn.clone().unbind();
        match native(slf, |future| future.engine.get(slf.py()).listen(callback))? {
            Some(Ok(())) => remote::attend(slf),
            Some(Err((Refusal::Phase(_), callback))) => call_one(slf, &callback),
            Some(Err((Refusal::Retired, _))) | None => {
                standard(slf, intern!(slf.py(), "add_done_callback"), (slf, r#fn)).map(drop)
            }
        }
    }

    /// Return the result of the task, or raise its exception.
    ///
    /// Blocks until the future is done, for at most `timeout` seconds (None: without limit). Raises CancelledError if
    /// it was cancelled, TimeoutError if it is not done by then.
    #[pyo3(signature = (timeout = None))]
    fn result<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match wait(slf, timeout)? {
            Ended::Answer(answer) => Ok(answer.unwrap(slf.py())?.into_bound(slf.py())),
            Ended::Materialized(timeout) => standard(slf, intern!(slf.py(), "result"), (slf, timeout)),
        }
    }

    /// Return the exception that the task raised, or None.
    ///
    /// Blocks as result() does, and raises CancelledError and TimeoutError as result() does.
    #[pyo3(signature = (timeout = None))]
    fn exception<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match wait(slf, timeout)? {
            Ended::Answer(Answer::Exception(exception)) => Ok(exception.into_bound(py)),
            Ended::Answer(Answer::Result(_)) => Ok(py.None().into_bound(py)),
            Ended::Materialized(timeout) => standard(slf, intern!(py, "exception"), (slf, timeout)),
        }
    }

    /// For executors: mark the task as running. Returns False if it was cancelled. Raises RuntimeError if it was
    /// started before.
    pub(super) fn set_running_or_notify_cancel<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        // Relaxed: see `_interlock_cancel_at_once`.
        let early = &slf.get().notified_early;
        if early.load(Ordering::Relaxed) && early.swap(false, Ordering::Relaxed) {
            return Ok(false.into_pyobject(py)?.to_owned().into_any());
        }
        match native(slf, |future| future.engine.get(py).begin())? {
            Some(Ok(run)) => Ok(run.into_pyobject(py)?.to_owned().into_any()),
            Some(Err(Refusal::Phase(phase))) => {
                log(
                    slf,
                    "unexpected_state",
                    PyString::new(py, name_of(phase)).as_any(),
                )?;
                Err(PyRuntimeError::new_err("Future in unexpected state"))
            }
            Some(Err(Refusal::Retired)) | None => {
                standard(slf, intern!(py, "set_running_or_notify_cancel"), (slf,))
            }
        }
    }

    /// For executors: finish with a result. Wakes the waiting threads and calls the callbacks. Raises InvalidStateError
    /// if the future is done already.
    #[inline]
    fn set_result(slf: &Bound<'_, Self>, result: Py<PyAny>) -> PyResult<()> {
        match finish(slf, Answer::Result(result))? {
            None => Ok(()),
            Some(answer) => {
                let result = answer.into_object();
                standard(slf, intern!(slf.py(), "set_result"), (slf, result)).map(drop)
            }
        }
    }

    /// For executors: finish with an exception. Otherwise like set_result().
    fn set_exception(slf: &Bound<'_, Self>, exception: Py<PyAny>) -> PyResult<()> {
        let none = exception.is_none(slf.py());
        let answer = if none { Answer::Result } else { Answer::Exception };
        match finish(slf, answer(exception))? {
            None => Ok(()),
            Some(answer) => {
                let exception = answer.into_object();
                standard(slf, intern!(slf.py(), "set_exception"), (slf, exception)).map(drop)
            }
        }
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        remote::settle(slf)?;
        let state = native(slf, |future| {
            let answer = future.engine.get(py).value(|answer| answer.clone_ref(py));
            (future.phase(py), answer)
        })?;
        let Some((phase, answer)) = state else {
            return standard(slf, intern!(py, "__repr__"), (slf,));
        };
        let end = match answer {
            Some(Answer::Result(object)) => format!(" returned {}", object.bind(py).get_type().name()?),
            Some(Answer::Exception(object)) => format!(" raised {}", object.bind(py).get_type().name()?),
            None => String::new(),
        };
        let class = slf.get_type().name()?;
        let state = match phase {
            Phase::CancelledAndNotified => "cancelled".to_owned(),
            phase => name_of(phase).to_lowercase(),
        };
        let text = format!("<{class} at {:#x} state={state}{end}>", slf.as_ptr().addr());
        Ok(PyString::new(py, &text).into_any())
    }

    /// The name of the state, if the future is native.
    fn _interlock_state<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        remote::settle(slf)?;
        Ok(PyString::intern(slf.py(), name_of(slf.get().phase(slf.py()))))
    }

    /// Takes the answer of a call in another process, if that is there, before the future is materialized.
    fn _interlock_settle(slf: &Bound<'_, Self>) -> PyResult<()> {
        remote::settle_natively(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        let mut result = Ok(());
        let mut callbacks = Ok(());
        self.engine.get_in_traverse(&visit).try_visit(
            |answer| result = visit.call(answer.object()),
            |callback| {
                callbacks = std::mem::replace(&mut callbacks, Ok(())).and_then(|()| visit.call(callback));
            },
        );
        result.and(callbacks)
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.engine.get(py).clear());
    }
}

/// How a wait for a future ended.
enum Ended<'py> {
    Answer(Answer),
    /// The future is materialized: the standard library's function does the wait, or the rest of it, with this timeout.
    Materialized(Option<Bound<'py, PyAny>>),
}

impl Future {
    pub(crate) fn engine<'a>(&'a self, py: Python<'a>) -> &'a Engine {
        self.engine.get(py)
    }

    /// The call in another process of which it is the future.
    #[inline]
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.get()
    }

    /// Makes it the future of a call in another process. Returns `false` if it is one already.
    pub(crate) fn becomes_remote(&self, remote: Remote) -> bool {
        self.remote.set(remote).is_ok()
    }

    /// Its phase, unless another process may have changed it.
    #[inline]
    pub(crate) fn phase_if_known(&self, py: Python<'_>) -> Option<Phase> {
        let phase = self.engine.get(py).phase();
        (phase.is_done() || self.remote.get().is_none()).then_some(phase)
    }

    /// Its phase. That of a call in another process is of this moment.
    fn phase(&self, py: Python<'_>) -> Phase {
        match (self.engine.get(py).phase(), self.remote()) {
            (Phase::Pending, Some(remote)) => remote.phase(),
            (phase, _) => phase,
        }
    }

    /// The result of the task, if it has ended with one. The caller knows that the future is native.
    pub(crate) fn result_if_done(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.engine(py).value(|answer| answer.result(py)).flatten()
    }

    /// Records where its task is about to wait, and submitters may wait for room.
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

/// Waits for a future. Checks a timeout only if there is something to wait for.
#[inline]
fn wait<'py>(slf: &Bound<'py, Future>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Ended<'py>> {
    let py = slf.py();
    remote::wait(slf, || match timeout {
        Some(_) => Timeout::of(timeout)?.deadline(),
        None => Ok(Deadline::NEVER),
    })?;
    let mut deadline = None;
    let answer = native(slf, |future| {
        let limit = match timeout {
            Some(_) if !future.engine.get(py).phase().is_done() => Timeout::of(timeout)?.deadline()?,
            _ => Deadline::NEVER,
        };
        deadline = Some(limit);
        future.wait_native(py, limit)
    })?;
    match (answer.transpose()?.flatten(), deadline) {
        (Some(answer), _) => Ok(Ended::Answer(answer)),
        (None, Some(deadline)) => seconds_left(py, deadline).map(Ended::Materialized),
        (None, None) => Ok(Ended::Materialized(timeout.cloned())),
    }
}

/// The time left until a deadline, in seconds.
pub(super) fn seconds_left(py: Python<'_>, deadline: Deadline) -> PyResult<Option<Bound<'_, PyAny>>> {
    let left = deadline
        .remaining()
        .map(|left| left.as_secs_f64().into_pyobject(py));
    Ok(left.transpose()?.map(Bound::into_any))
}

/// Answers a question about the phase of a future.
#[inline]
fn ask<'py>(
    slf: &Bound<'py, Future>,
    name: &Bound<'py, PyString>,
    is_so: impl FnOnce(Phase) -> bool,
) -> PyResult<Bound<'py, PyAny>> {
    remote::settle(slf)?;
    match native(slf, |future| is_so(future.phase(slf.py())))? {
        Some(so) => Ok(so.into_pyobject(slf.py())?.to_owned().into_any()),
        None => standard(slf, name, (slf,)),
    }
}

/// Finishes a future with its answer. Returns the answer if the future is materialized.
#[inline]
pub(super) fn finish(slf: &Bound<'_, Future>, answer: Answer) -> PyResult<Option<Answer>> {
    let mut answer = Some(answer);
    let finished = native(slf, |future| {
        answer
            .take()
            .map(|answer| future.engine.get(slf.py()).finish(answer))
    })?;
    match finished.flatten() {
        Some(Ok(due)) => call_back(slf, due).map(|()| None),
        Some(Err((Refusal::Retired, answer))) => Ok(Some(answer)),
        Some(Err((Refusal::Phase(phase), _))) => {
            let message = format!("{}: {}", name_of(phase), slf.repr()?);
            Err(errors::invalid_state(slf.py(), message))
        }
        None => Ok(answer),
    }
}

/// Marks the task of a future as running, and returns whether to run it. If it was cancelled, notifies the watchers and
/// returns `false`.
///
/// # Errors
/// The task was started before.
#[inline]
pub(super) fn begin(slf: &Bound<'_, Future>) -> PyResult<bool> {
    match native(slf, |future| future.engine.get(slf.py()).begin())? {
        Some(Ok(run)) => Ok(run),
        // It was cancelled, and all watchers have been notified.
        Some(Err(Refusal::Phase(Phase::CancelledAndNotified))) => Ok(false),
        Some(Err(Refusal::Phase(_))) => Future::set_running_or_notify_cancel(slf)?.is_truthy(),
        Some(Err(Refusal::Retired)) | None => begin_materialized(slf),
    }
}

#[cold]
fn begin_materialized(slf: &Bound<'_, Future>) -> PyResult<bool> {
    standard(slf, intern!(slf.py(), "begin"), (slf,))?.is_truthy()
}

#[cold]
fn cancel_materialized(slf: &Bound<'_, Future>) -> PyResult<bool> {
    let py = slf.py();
    slf.get().engine.get(py).ask_to_stop();
    let answer = standard(slf, intern!(py, "cancel"), (slf,));
    // Also if a callback raised.
    if slf.get().backlog.get().is_some() && Future::cancelled(slf)?.is_truthy()? {
        give_up_place(slf)?;
    }
    answer?.is_truthy()
}

/// Notifies the watchers of a cancelled future in place of a worker, unless a worker has done so first.
fn notify_cancelled(slf: &Bound<'_, Future>) -> PyResult<()> {
    match native(slf, |future| future.engine.get(slf.py()).begin())? {
        Some(Ok(_) | Err(Refusal::Phase(_))) => Ok(()),
        Some(Err(Refusal::Retired)) | None => begin_materialized(slf).map(drop),
    }
}

/// Takes a cancelled task out of a bounded queue, so that there is room for another.
fn give_up_place(slf: &Bound<'_, Future>) -> PyResult<()> {
    match slf.get().backlog.get().and_then(Weak::upgrade) {
        Some(backlog) if backlog.take_back(slf) => notify_cancelled(slf),
        _ => Ok(()),
    }
}

/// Moves the state of the future into the attributes. Threads that watch many futures are still notified of this one.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let py = object.py();
    if !remote::is_attended(object.cast::<Future>()?) {
        return Ok(Exported::Outdated);
    }
    let Some((mut contents, wakeups)) = object.cast::<Future>()?.get().engine.get(py).retire() else {
        return Ok(Exported::Moved(Vec::new()));
    };
    attributes.set_item("_state", PyString::intern(py, name_of(contents.phase)))?;
    match contents.value.take() {
        Some(Answer::Result(result)) => attributes.set_item("_result", result)?,
        Some(Answer::Exception(exception)) => attributes.set_item("_exception", exception)?,
        None => {}
    }
    let callbacks = attributes
        .as_any()
        .get_item("_done_callbacks")?
        .cast_into::<PyList>()?;
    let waiters = attributes.as_any().get_item("_waiters")?.cast_into::<PyList>()?;
    let mut own = 0;
    contents.hand_out(
        |callback| {
            let callback = callback.into_bound(py);
            let Some(always) = always_called(&callback)? else {
                return callbacks.append(callback);
            };
            own += 1;
            callbacks.insert(own - 1, always)
        },
        |watch, number| waiters.append(Watcher::new(watch, number).into_pyobject(py)?),
    )?;
    Ok(Exported::Moved(vec![wakeups]))
}
