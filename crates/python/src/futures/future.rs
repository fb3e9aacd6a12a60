//! `concurrent.futures.Future`.

use std::sync::{OnceLock, Weak};

use interlock_pool::{Due, Phase, Refusal, Waited};
use interlock_wait::Deadline;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyException, PyRuntimeError, PyTimeoutError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::answer::{Answer, Engine};
use super::opened::{Opened, Part, begin_open, has_own_way, standard};
use super::place::Place;
use crate::convert::Timeout;
use crate::errors::Failure;
use crate::made::Made;
use crate::{blocking, errors};

/// The result of a task, before and after it is there; see
/// https://docs.python.org/3/library/concurrent.futures.html#future-objects.
///
/// result() and exception() block until the future is done; Ctrl-C ends the wait. Each change of its state is one step: a
/// future is finished or cancelled once.
#[pyclass(frozen, subclass, generic, module = "interlock._interlock")]
pub(crate) struct Future {
    engine: Engine,
    opened: OnceLock<Box<Opened>>,
    /// Where its task waits, if others wait there for room.
    place: OnceLock<Weak<dyn Place>>,
    made: Made,
}

/// The names of the phases, as `_state` gives them.
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
    ) -> PyResult<Self> {
        let future = Future {
            engine: Engine::new(),
            opened: OnceLock::new(),
            place: OnceLock::new(),
            made: Made::new(),
        };
        if has_own_way(class)? {
            future.open(class.py())?;
        }
        Ok(future)
    }

    #[expect(clippy::unused_self, reason = "everything is there since __new__")]
    fn __init__(&self) {}

    /// Cancel the task unless it runs or is done; whether it is cancelled now. Never blocks for long.
    ///
    /// Wakes whoever waits for the result, and calls the callbacks. A task that runs is asked to stop: see
    /// interlock.current_task().
    pub(super) fn cancel(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match slf.get().engine.cancel() {
            Ok(None) => Ok(true),
            Ok(Some(due)) => {
                let told = give_up_place(slf);
                call_back(slf, due).and(told).map(|()| true)
            }
            Err(Refusal::Phase(_)) => Ok(false),
            Err(Refusal::Open) => {
                slf.get().engine.ask_to_stop();
                let answer = standard(slf, "cancel", None);
                // Also when a callback raised.
                if slf.get().engine.phase().is_cancelled() {
                    give_up_place(slf)?;
                }
                answer?.extract()
            }
        }
    }

    /// Cancel the task, and tell whoever watches at once, instead of when a worker finds out; whether it is cancelled now.
    fn _cancel_at_once(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let cancelled = Self::cancel(slf)?;
        if cancelled && slf.get().engine.phase() == Phase::Cancelled {
            tell_cancelled(slf)?;
        }
        Ok(cancelled)
    }

    /// Whether the task was cancelled. Never blocks.
    fn cancelled(&self) -> bool {
        self.engine.phase().is_cancelled()
    }

    /// Whether the task is being run. Never blocks.
    fn running(&self) -> bool {
        self.engine.phase() == Phase::Running
    }

    /// Whether the task is finished or cancelled. Never blocks.
    #[inline]
    fn done(&self) -> bool {
        self.engine.phase().is_done()
    }

    /// Have `fn` called with this future when it is done: by the thread that ends it, or at once if it is done already.
    ///
    /// An Exception that it raises is logged and ignored.
    #[pyo3(text_signature = "($self, fn)")]
    #[inline]
    fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Py<PyAny>) -> PyResult<()> {
        match slf.get().engine.listen(r#fn) {
            Ok(()) => Ok(()),
            Err((Refusal::Phase(_), callback)) => call_one(slf, &callback),
            Err((Refusal::Open, callback)) => {
                standard(slf, "add_done_callback", Some(callback.bind(slf.py()))).map(drop)
            }
        }
    }

    /// What the task returned, or raised.
    ///
    /// Blocks until the future is done, for at most `timeout` seconds (None: without limit). Raises CancelledError if it
    /// was cancelled, TimeoutError if it is not done by then.
    #[pyo3(signature = (timeout = None))]
    fn result(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        match Self::wait(slf, timeout)? {
            Ended::Answer(answer) => answer.unwrap(slf.py()),
            Ended::Opened(deadline) => ask_standard(slf, "result", deadline),
        }
    }

    /// What the task raised, or None.
    ///
    /// Blocks, and raises, as result() does.
    #[pyo3(signature = (timeout = None))]
    fn exception(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        match Self::wait(slf, timeout)? {
            Ended::Answer(Answer::Exception(exception)) => Ok(exception),
            Ended::Answer(Answer::Result(_)) => Ok(slf.py().None()),
            Ended::Opened(deadline) => ask_standard(slf, "exception", deadline),
        }
    }

    /// For executors: begin with the task. False if it was cancelled; raises RuntimeError if it was begun before.
    pub(super) fn set_running_or_notify_cancel(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match slf.get().engine.begin() {
            Ok(run) => Ok(run),
            Err(Refusal::Open) => standard(slf, "set_running_or_notify_cancel", None)?.extract(),
            Err(Refusal::Phase(phase)) => {
                log(
                    slf,
                    "unexpected_state",
                    PyString::new(slf.py(), name_of(phase)).as_any(),
                )?;
                Err(PyRuntimeError::new_err("Future in unexpected state"))
            }
        }
    }

    /// For executors: finish with a result. Wakes whoever waits, and calls the callbacks. Raises InvalidStateError if the
    /// future is done already.
    #[inline]
    fn set_result(slf: &Bound<'_, Self>, result: Py<PyAny>) -> PyResult<()> {
        finish(slf, Answer::Result(result))
    }

    /// For executors: finish with an exception; otherwise as set_result().
    fn set_exception(slf: &Bound<'_, Self>, exception: Py<PyAny>) -> PyResult<()> {
        let none = exception.is_none(slf.py());
        finish(
            slf,
            if none { Answer::Result } else { Answer::Exception }(exception),
        )
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, this) = (slf.py(), slf.get());
        let phase = this.engine.phase();
        let answer = match phase {
            Phase::Finished => this.engine.value(|answer| answer.clone_ref(py)),
            _ => None,
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
        Ok(format!(
            "<{class} at {:#x} state={state}{end}>",
            slf.as_ptr().addr()
        ))
    }

    #[getter]
    fn _state(&self) -> &'static str {
        name_of(self.engine.phase())
    }

    #[setter(_state)]
    fn put_state(slf: &Bound<'_, Self>, state: &Bound<'_, PyAny>) -> PyResult<()> {
        let this = slf.get();
        this.open(slf.py())?;
        let state: String = state.extract()?;
        let known = NAMES.iter().find(|(_, name)| *name == state);
        let (phase, _) = known.ok_or_else(|| {
            pyo3::exceptions::PyValueError::new_err(format!("{state:?} is no state of a future"))
        })?;
        drop(this.engine.force(*phase));
        Ok(())
    }

    #[getter]
    fn _result(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.engine.value(|answer| match answer {
            Answer::Result(object) => Some(object.clone_ref(py)),
            Answer::Exception(_) => None,
        })?
    }

    #[setter(_result)]
    fn put_result(&self, py: Python<'_>, result: Py<PyAny>) {
        if !(result.is_none(py) && self._exception(py).is_some()) {
            drop(self.engine.replace(Some(Answer::Result(result))));
        }
    }

    #[getter]
    fn _exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.engine.value(|answer| match answer {
            Answer::Exception(object) => Some(object.clone_ref(py)),
            Answer::Result(_) => None,
        })?
    }

    #[setter(_exception)]
    fn put_exception(&self, py: Python<'_>, exception: Py<PyAny>) {
        if exception.is_none(py) {
            if self._exception(py).is_some() {
                drop(self.engine.replace(None));
            }
        } else {
            drop(self.engine.replace(Some(Answer::Exception(exception))));
        }
    }

    #[getter]
    fn _condition<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.open(py)?.get(py, Part::Condition)
    }

    #[setter(_condition)]
    fn put_condition(&self, condition: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open(condition.py())?.set(Part::Condition, condition)
    }

    #[getter]
    fn _waiters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.open(py)?.get(py, Part::Waiters)
    }

    #[setter(_waiters)]
    fn put_waiters(&self, waiters: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open(waiters.py())?.set(Part::Waiters, waiters)
    }

    #[getter]
    fn _done_callbacks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.open(py)?.get(py, Part::Callbacks)
    }

    #[setter(_done_callbacks)]
    fn put_done_callbacks(&self, callbacks: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open(callbacks.py())?.set(Part::Callbacks, callbacks)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        let mut result = Ok(());
        let mut callbacks = Ok(());
        self.engine.try_visit(
            |answer| result = visit.call(answer.object()),
            |callback| {
                callbacks = std::mem::replace(&mut callbacks, Ok(())).and_then(|()| visit.call(callback));
            },
        );
        result.and(callbacks)?;
        self.opened.get().map_or(Ok(()), |opened| opened.traverse(&visit))
    }

    fn __clear__(&self) {
        drop(self.engine.clear());
    }
}

/// How a wait for a future came to its end.
enum Ended {
    Answer(Answer),
    /// The future was opened: the rest of the wait, until this deadline, is the standard library's.
    Opened(Deadline),
}

impl Future {
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its task is about to be put there, where others may wait for room.
    pub(super) fn waits_at(&self, place: Weak<dyn Place>) {
        let _ = self.place.set(place);
    }

    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Ended> {
        let deadline = match timeout {
            // A timeout is looked at only if there is something to wait for.
            Some(timeout) if !slf.get().done() => timeout.extract::<Timeout>()?.deadline()?,
            _ => Deadline::NEVER,
        };
        Self::wait_until(slf, deadline)
    }

    /// What the task came to. Blocks until it is there, or until `deadline`.
    ///
    /// # Errors
    /// It is not there in time, was cancelled, or a signal handler raised.
    pub(super) fn answer_until(slf: &Bound<'_, Self>, deadline: Deadline) -> PyResult<Answer> {
        match Self::wait_until(slf, deadline)? {
            Ended::Answer(answer) => Ok(answer),
            Ended::Opened(deadline) => {
                let exception = ask_standard(slf, "exception", deadline)?;
                if exception.is_none(slf.py()) {
                    ask_standard(slf, "result", deadline).map(Answer::Result)
                } else {
                    Ok(Answer::Exception(exception))
                }
            }
        }
    }

    fn wait_until(slf: &Bound<'_, Self>, deadline: Deadline) -> PyResult<Ended> {
        let (py, this) = (slf.py(), slf.get());
        if !this.engine.phase().is_done() {
            let waited = blocking::wait(py, deadline, |patience| this.engine.wait_with(patience))?;
            match waited {
                Waited::Done => {}
                Waited::TimedOut | Waited::Interrupted => return Err(PyTimeoutError::new_err(())),
                Waited::Opened => return Ok(Ended::Opened(deadline)),
            }
        }
        if this.engine.phase().is_cancelled() {
            return Err(Failure::Cancelled.raise(py));
        }
        let answer = this.engine.value(|answer| answer.clone_ref(py));
        // A future that was finished by hand may have no answer; its result is None.
        Ok(Ended::Answer(answer.unwrap_or_else(|| Answer::Result(py.None()))))
    }

    fn open(&self, py: Python<'_>) -> PyResult<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        // Made before the engine is told, so that nobody finds an open engine without it.
        let opened = Opened::new(py)?;
        let _ = self.opened.set(Box::new(opened));
        let due = self.engine.open();
        let opened = self
            .opened
            .get()
            .ok_or_else(|| PyRuntimeError::new_err("a future is opened once"))?;
        let callbacks = opened.get(py, Part::Callbacks)?;
        for callback in due.callbacks() {
            callbacks.call_method1("append", (callback,))?;
        }
        Ok(opened)
    }
}

/// Has the standard library wait for an open future; what its `result` or `exception` gives.
#[cold]
fn ask_standard(slf: &Bound<'_, Future>, what: &str, deadline: Deadline) -> PyResult<Py<PyAny>> {
    let left = deadline.remaining().map(|left| left.as_secs_f64());
    standard(slf, what, Some(&left.into_pyobject(slf.py())?)).map(Bound::unbind)
}

/// Gives a future its answer.
#[inline]
pub(super) fn finish(slf: &Bound<'_, Future>, answer: Answer) -> PyResult<()> {
    match slf.get().engine.finish(answer) {
        Ok(due) => call_back(slf, due),
        Err((refusal, answer)) => finish_otherwise(slf, refusal, answer),
    }
}

#[cold]
fn finish_otherwise(slf: &Bound<'_, Future>, refusal: Refusal, answer: Answer) -> PyResult<()> {
    let py = slf.py();
    match (refusal, answer) {
        (Refusal::Open, Answer::Result(object)) => {
            standard(slf, "set_result", Some(object.bind(py))).map(drop)
        }
        (Refusal::Open, Answer::Exception(object)) => {
            standard(slf, "set_exception", Some(object.bind(py))).map(drop)
        }
        (Refusal::Phase(phase), _) => {
            let message = format!("{}: {}", name_of(phase), slf.repr()?);
            Err(errors::invalid_state(py, message))
        }
    }
}

/// Tells whoever watches a cancelled future, in the place of a worker.
fn tell_cancelled(slf: &Bound<'_, Future>) -> PyResult<()> {
    match slf.get().engine.begin() {
        // Or a worker was faster.
        Ok(_) | Err(Refusal::Phase(_)) => Ok(()),
        Err(Refusal::Open) => begin_open(slf).map(drop),
    }
}

/// Makes room for another task where a cancelled one waits and there is only so much.
fn give_up_place(slf: &Bound<'_, Future>) -> PyResult<()> {
    match slf.get().place.get().and_then(Weak::upgrade) {
        Some(place) if place.take_back(slf) => tell_cancelled(slf),
        _ => Ok(()),
    }
}

/// Calls the callbacks that are due. When one raises what is no Exception, the others are left out, as in the standard
/// library, but for the engine's own: a call that waits for this future would wait for ever.
#[inline]
pub(super) fn call_back(slf: &Bound<'_, Future>, due: Due<Py<PyAny>>) -> PyResult<()> {
    let mut callbacks = due.callbacks();
    let result = callbacks.try_for_each(|callback| call_one(slf, &callback));
    if result.is_err() {
        callbacks.for_each(|callback| call_if_own(slf, &callback));
    }
    result
}

/// Calls a callback if its class says that it is one of the engine's own.
#[cold]
fn call_if_own(slf: &Bound<'_, Future>, callback: &Py<PyAny>) {
    let callback = callback.bind(slf.py());
    if matches!(callback.get_type().hasattr("_is_always_called"), Ok(true)) {
        let logged = call_one(slf, callback.as_unbound())
            .or_else(|error| log(slf, "callback_raised", error.value(slf.py()).as_any()));
        if let Err(error) = logged {
            error.write_unraisable(slf.py(), Some(callback));
        }
    }
}

fn call_one(slf: &Bound<'_, Future>, callback: &Py<PyAny>) -> PyResult<()> {
    match callback.bind(slf.py()).call1((slf,)) {
        Err(error) if error.is_instance_of::<PyException>(slf.py()) => {
            log(slf, "callback_raised", error.value(slf.py()).as_any())
        }
        result => result.map(drop),
    }
}

/// Has something about a future logged as the standard library does.
#[cold]
fn log(slf: &Bound<'_, Future>, what: &str, about: &Bound<'_, PyAny>) -> PyResult<()> {
    let module = slf.py().import("interlock.concurrent.futures._log")?;
    module.call_method1(what, (slf, about)).map(drop)
}
