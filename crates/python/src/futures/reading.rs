//! Unpickling what other processes have answered.
//!
//! In the standard library a thread of the pool unpickles, where no signal handler runs. Here the asking thread does it,
//! which may be the main thread. If a handler raises meanwhile, its exception belongs to the asking thread, and the
//! answer must not be lost. An error does not tell whether a handler or the pickle has raised it: so after an error on
//! the main thread, another thread unpickles the answer once more. If it succeeds, a handler has raised the error.

use std::convert::Infallible;

use interlock_pool::Outcome;
use interlock_pool::process::{Answer as RawAnswer, Bytes, Call, WorkerDeath};
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, WordLock, fork};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::answer::Answer;
use super::remote_call::{RemoteHost, never_ends};
use crate::imported::Imported;
use crate::lifecycle::thread;
use crate::multiprocessing::{Incoming, Loadable, MessageView, bytes_like, exit_code, plain_call};
use crate::raw::intern;
use crate::{blocking, errors};

static START_NEW_THREAD: Imported = Imported::new("_thread", "start_new_thread");

/// What a process has answered. It can be unpickled more than once.
pub(crate) struct Sent {
    /// `answered(kind, data, payload, strictly)` makes the errors.
    answered: Py<PyAny>,
    what: What,
}

enum What {
    Result(Loadable),
    /// An exception of the call, or the reason why it has no result: kind, data and payload.
    Error(&'static str, Py<PyAny>, Py<PyAny>),
}

/// The result of the first try.
pub(crate) enum Read {
    Answer(Answer),
    /// The pickle or a signal handler has raised.
    Raised(PyErr, Sent),
}

/// The second try of [`read_again`].
pub(crate) struct SecondTry {
    /// Whether it has succeeded.
    success: Outcome<bool, Infallible>,
    /// The process that makes it, by its generation of forks.
    made_in: u32,
}

impl SecondTry {
    pub(crate) fn new() -> Self {
        SecondTry {
            success: Outcome::new(),
            made_in: fork::generation(),
        }
    }

    fn finish(&self, has_succeeded: bool) {
        drop(self.success.finish(has_succeeded));
    }

    /// Blocks until it has ended.
    ///
    /// # Errors
    /// A signal handler raised, or a process makes it that has forked this one.
    pub(crate) fn wait(&self, py: Python<'_>) -> PyResult<()> {
        if !self.success.phase().is_done() && self.made_in != fork::generation() {
            return Err(never_ends());
        }
        blocking::wait(py, Deadline::NEVER, |context| self.success.wait_with(context)).map(drop)
    }
}

impl Sent {
    /// Prepares an answer. Runs no code of a program.
    pub(crate) fn of(
        py: Python<'_>,
        answered: &Bound<'_, PyAny>,
        call: &Call<RemoteHost>,
        answer: RawAnswer,
    ) -> PyResult<Self> {
        // The payload, for messages: only calls without an answer still have it.
        let payload = || -> PyResult<Py<PyAny>> {
            let payload = call.take_payload();
            Ok(match plain_call::described(py, &payload)? {
                Some(call) => call.into_any().unbind(),
                None => bytes_like(py, payload.get(1..).unwrap_or_default())?
                    .into_any()
                    .unbind(),
            })
        };
        let what = match answer {
            RawAnswer::Given(given) if given.failed => {
                What::Error("failed", view(py, given.bytes)?, py.None())
            }
            RawAnswer::Given(given) => {
                let incoming = match given.bytes {
                    Bytes::Copied(bytes) => Incoming::of_bytes(py, &bytes)?,
                    Bytes::Shared(taken) => Incoming::Large(taken),
                };
                What::Result(incoming.loadable(py)?)
            }
            RawAnswer::WorkerDied(death) => {
                What::Error("died", told(py, &death)?.into_any().unbind(), payload()?)
            }
            RawAnswer::Broken(death) => {
                What::Error("broken", told(py, &death)?.into_any().unbind(), payload()?)
            }
            RawAnswer::TimedOut => What::Error("timed-out", py.None(), payload()?),
            RawAnswer::Stopped => What::Error("stopped", py.None(), payload()?),
            RawAnswer::OfParent => What::Error("of-parent", py.None(), payload()?),
            RawAnswer::NotSent(error) => {
                let reason = error.to_string().into_pyobject(py)?;
                What::Error("not-sent", reason.into_any().unbind(), payload()?)
            }
        };
        Ok(Sent {
            answered: answered.clone().unbind(),
            what,
        })
    }

    /// Unpickles it. Also on the main thread, where a signal handler may raise.
    pub(crate) fn read(self, py: Python<'_>) -> Read {
        if !thread::handles_signals(py) {
            return Read::Answer(self.read_for_good(py).0);
        }
        match self.try_to_read(py) {
            Ok(answer) => Read::Answer(answer),
            Err(error) => Read::Raised(error, self),
        }
    }

    /// Unpickles it on a thread that runs no signal handlers, and returns whether that was without an error.
    fn read_for_good(&self, py: Python<'_>) -> (Answer, bool) {
        match self.try_to_read(py) {
            Ok(answer) => (answer, true),
            Err(error) => (self.failure(py, error), false),
        }
    }

    fn try_to_read(&self, py: Python<'_>) -> PyResult<Answer> {
        match &self.what {
            What::Result(result) => Ok(Answer::Result(result.object(py)?.unbind())),
            What::Error(kind, data, payload) => self
                .answered
                .call1(py, (*kind, data, payload, true))
                .map(Answer::Exception),
        }
    }

    /// Returns the answer if unpickling has failed with this error for good.
    fn failure(&self, py: Python<'_>, error: PyErr) -> Answer {
        let made = match &self.what {
            What::Result(_) => {
                let error = errors::exception(py, error);
                self.answered.call1(py, (intern!(py, "unreadable"), error))
            }
            What::Error(kind, data, payload) => self.answered.call1(py, (*kind, data, payload)),
        };
        made.map_or_else(|error| Answer::of(py, Err(error)), Answer::Exception)
    }
}

fn view(py: Python<'_>, bytes: Bytes) -> PyResult<Py<PyAny>> {
    match bytes {
        Bytes::Copied(bytes) => Ok(bytes_like(py, &bytes)?.into_any().unbind()),
        Bytes::Shared(taken) => Ok(MessageView::new(taken, 0).into_pyobject(py)?.into_any().unbind()),
    }
}

/// Called on the main thread after the first try has raised `error`. Another thread unpickles the answer once more,
/// passes it to `keep`, and then finishes `second`. Blocks until then, except after Ctrl-C.
///
/// # Errors
/// A signal handler has raised: `keep` gets the answer nevertheless, perhaps later.
pub(crate) fn read_again(
    py: Python<'_>,
    error: PyErr,
    sent: Sent,
    second: &Arc<SecondTry>,
    keep: impl FnOnce(Python<'_>, Answer) + Send + 'static,
) -> PyResult<()> {
    let error = errors::exception(py, error);
    let ended = second.clone();
    let is_started = in_thread(py, (sent, keep), move |py, (sent, keep)| {
        let (answer, is_read) = sent.read_for_good(py);
        keep(py, answer);
        ended.finish(is_read);
    });
    if let Err((sent, keep)) = is_started {
        // The interpreter is at its end.
        keep(py, sent.failure(py, errors::again(error)));
        second.finish(false);
        return Ok(());
    }
    if error.is_instance_of::<PyKeyboardInterrupt>() {
        return Err(errors::again(error));
    }
    second.wait(py)?;
    match second.success.value(|&is_read| is_read) {
        Some(true) => Err(errors::again(error)),
        _ => Ok(()),
    }
}

/// Calls `work(data)` in a new thread. Returns the data if there can't be one.
pub(super) fn in_thread<T: Send + 'static>(
    py: Python<'_>,
    data: T,
    work: impl Fn(Python<'_>, T) + Send + Sync + 'static,
) -> Result<(), T> {
    // Starting runs no Python code here, so no signal handler: either there is a thread, or there is an error.
    later(py, data, work, |body| {
        START_NEW_THREAD.get(py)?.call1((body, ())).map(|_| true)
    })
}

/// Passes on a function without parameters that calls `work(data)` once. Returns the data if `pass_on` fails or returns
/// `false`.
pub(super) fn later<'py, T: Send + 'static>(
    py: Python<'py>,
    data: T,
    work: impl Fn(Python<'_>, T) + Send + Sync + 'static,
    pass_on: impl FnOnce(Bound<'py, PyAny>) -> PyResult<bool>,
) -> Result<(), T> {
    let data = Arc::new(WordLock::new(Some(data)));
    let place = data.clone();
    let body = move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        let data = place.lock().take();
        if let Some(data) = data {
            work(args.py(), data);
        }
    };
    let passed = PyCFunction::new_closure(py, None, None, body).and_then(|body| pass_on(body.into_any()));
    match passed {
        Ok(true) => Ok(()),
        _ => data.lock().take().map_or(Ok(()), Err),
    }
}

/// Returns the process id, the exit code as in `Process.exitcode`, the name of the process, whether it was ready,
/// whether it was running a call, and the reason that it gave for not serving. Exit code, name and reason are None
/// if they are not known.
pub(crate) fn told<'py>(py: Python<'py>, death: &WorkerDeath) -> PyResult<Bound<'py, PyTuple>> {
    let label = Some(&*death.label).filter(|label| !label.is_empty());
    let code = death.ended.map(exit_code);
    let refusal = death.refusal.as_deref();
    (
        death.pid,
        code,
        label,
        death.was_ready,
        death.was_running,
        refusal,
    )
        .into_pyobject(py)
}
