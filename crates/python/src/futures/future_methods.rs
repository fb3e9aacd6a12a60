//! The methods of `concurrent.futures.Future`.

use std::sync::Weak;

use interlock_pool::{Phase, Refusal};
use interlock_wait::Deadline;
use interlock_wait::primitive::global::Ordering;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyType};

use super::answer::Answer;
use super::due_callbacks::{always_called, call_back, call_one, log};
use super::future::{Future, finish, name_of, seconds_left};
use super::remote::{self, Calls};
use super::watcher::Watcher;
use crate::convert::Timeout;
use crate::materialize::{Exported, Native, materialize, native, standard};
use crate::raw::intern;

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
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(Future::untouched()))
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
    ///
    /// With `running=True`, a task that runs in a process of a ProcessPoolExecutor is cancelled, too: that process is
    /// ended and replaced, and no other task is lost. Tasks in threads go on.
    #[pyo3(signature = (*, running = false))]
    pub(super) fn cancel(slf: &Bound<'_, Self>, running: bool) -> PyResult<bool> {
        let which = match running {
            true => Calls::Running,
            false => Calls::Waiting,
        };
        if let Some(cancelled) = remote::cancel(slf, which)? {
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
        let cancelled = Self::cancel(slf, false)?;
        if cancelled {
            // Relaxed: a worker that dequeues the task later sees this, through the state of the future.
            slf.get().notified_early.store(true, Ordering::Relaxed);
            notify_cancelled(slf)?;
        }
        Ok(cancelled)
    }

    /// Return whether the task was cancelled. Never blocks.
    pub(super) fn cancelled<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        ask(slf, intern!(slf.py(), "cancelled"), Phase::is_cancelled)
    }

    /// Return whether the task is running. Never blocks.
    fn running<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        ask(slf, intern!(slf.py(), "running"), |phase| phase == Phase::Running)
    }

    /// Return whether the task is finished or cancelled. Never blocks.
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
        // If the call has ended, the callback is called here, at once.
        remote::settle(slf)?;
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

    /// Finish with an exception while the task is running, and ask the task to stop. If it runs on, what it returns or raises is dropped.
    /// Raises InvalidStateError if the future is done already.
    fn _interlock_expire(slf: &Bound<'_, Self>, exception: Py<PyAny>) -> PyResult<()> {
        // Relaxed: a worker whose answer is refused afterwards sees this, through the state of the future.
        slf.get().may_be_over.store(true, Ordering::Relaxed);
        slf.get().engine(slf.py()).ask_to_stop();
        Self::set_exception(slf, exception)
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

    /// The future is about to be materialized: if its call is in another process, the pool will settle it.
    fn _interlock_attend(slf: &Bound<'_, Self>) -> PyResult<()> {
        remote::attend(slf)
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

/// Waits for a future. Checks a timeout only if there is something to wait for.
#[inline]
fn wait<'py>(slf: &Bound<'py, Future>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Ended<'py>> {
    let py = slf.py();
    let known = remote::wait(slf, || match timeout {
        Some(_) => Timeout::of(timeout)?.deadline(),
        None => Ok(Deadline::NEVER),
    })?;
    let mut deadline = None;
    let answer = native(slf, |future| {
        let limit = match timeout {
            Some(_) if !future.engine.get(py).phase().is_done() => match known {
                Some(known) => known,
                None => Timeout::of(timeout)?.deadline()?,
            },
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
