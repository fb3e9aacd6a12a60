//! Futures whose calls run in other processes. Their answers arrive without the interpreter, and wait for a thread
//! that asks for them.

use interlock_pool::process::{Answer as RawAnswer, Bytes, Call, WorkerDeath};
use interlock_pool::{Phase, Waited};
use interlock_wait::Deadline;
use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::answer::Answer;
use super::due_callbacks::call_back;
use super::future::{Future, finish};
use super::remote_call::{Remote, RemoteHost, never_ends};
use crate::imported::Imported;
use crate::materialize::{native, standard};
use crate::multiprocessing::{Incoming, MessageView, exit_code, plain_call};
use crate::raw::intern;
use crate::{blocking, errors};

static ANSWER: Imported = Imported::new("interlock.concurrent.futures._process_errors", "answer");

/// Returns the call of a future that has not been settled.
#[inline]
pub(super) fn unsettled<'a>(slf: &'a Bound<'_, Future>) -> Option<&'a Remote> {
    let remote = slf.get().remote()?;
    (!slf.get().engine(slf.py()).phase().is_done()).then_some(remote)
}

/// Gives a future the answer of its call, if the answer has come. Calls the callbacks.
///
/// # Errors
/// A callback raised an exception that is not an `Exception`.
pub(crate) fn settle(slf: &Bound<'_, Future>) -> PyResult<()> {
    match unsettled(slf) {
        Some(remote) => {
            remote.pool.look();
            collect(slf, remote)
        }
        None => Ok(()),
    }
}

/// Like [`settle`], for a call that has ended for the pool.
fn collect(slf: &Bound<'_, Future>, remote: &Remote) -> PyResult<()> {
    if remote.call.phase().is_cancelled() {
        return set_cancelled(slf);
    }
    let Some(answer) = remote.call.take_answer() else {
        return Ok(());
    };
    let py = slf.py();
    let answer =
        loaded(py, ANSWER.get(py)?, &remote.call, answer).unwrap_or_else(|error| Answer::of(py, Err(error)));
    match finish(slf, answer)? {
        None => Ok(()),
        Some(Answer::Result(result)) => standard(slf, intern!(py, "set_result"), (slf, result)).map(drop),
        Some(Answer::Exception(it)) => standard(slf, intern!(py, "set_exception"), (slf, it)).map(drop),
    }
}

/// Cancels the future of a cancelled call, too, and notifies its watchers.
fn set_cancelled(slf: &Bound<'_, Future>) -> PyResult<()> {
    let py = slf.py();
    match native(slf, |future| future.engine(py).cancel())? {
        Some(Ok(due)) => {
            let _ = slf.get().engine(py).begin();
            due.map_or(Ok(()), |due| call_back(slf, due))
        }
        Some(Err(_)) => Ok(()),
        None => {
            standard(slf, intern!(py, "cancel"), (slf,))?;
            standard(slf, intern!(py, "set_running_or_notify_cancel"), (slf,)).map(drop)
        }
    }
}

/// Returns the result of a call, or the exception that it raised, or the reason why it has no result:
/// `answered(kind, data, payload)` makes the exception. It has no traceback yet, as in the standard library.
///
/// # Errors
/// The exception could not be made.
pub(crate) fn loaded<'py>(
    py: Python<'py>,
    answered: &Bound<'py, PyAny>,
    call: &Call<RemoteHost>,
    answer: RawAnswer,
) -> PyResult<Answer> {
    // The payload, for messages: only calls without an answer still have it.
    let sent = || -> PyResult<Bound<'py, PyAny>> {
        let payload = call.take_payload();
        match plain_call::described(py, &payload)? {
            Some(call) => Ok(call.into_any()),
            None => Ok(PyBytes::new(py, payload.get(1..).unwrap_or_default()).into_any()),
        }
    };
    let exception = match answer {
        RawAnswer::Given(given) if given.failed => {
            answered.call1((intern!(py, "failed"), view(py, given.bytes)?))
        }
        RawAnswer::Given(given) => {
            let incoming = match given.bytes {
                Bytes::Copied(bytes) => Incoming::of_bytes(py, &bytes)?,
                Bytes::Shared(taken) => Incoming::Large(taken),
            };
            match incoming.object(py) {
                Ok(result) => return Ok(Answer::Result(result.unbind())),
                Err(error) => answered.call1((intern!(py, "unreadable"), errors::exception(py, error))),
            }
        }
        RawAnswer::WorkerDied(death) => answered.call1((intern!(py, "died"), told(py, &death)?, sent()?)),
        RawAnswer::Broken(death) => answered.call1((intern!(py, "broken"), told(py, &death)?, sent()?)),
        RawAnswer::TimedOut => answered.call1((intern!(py, "timed-out"), py.None(), sent()?)),
        RawAnswer::Stopped => answered.call1((intern!(py, "stopped"), py.None(), sent()?)),
        RawAnswer::OfParent => answered.call1((intern!(py, "of-parent"), py.None(), sent()?)),
        RawAnswer::NotSent(error) => answered.call1((intern!(py, "not-sent"), error.to_string(), sent()?)),
    };
    Ok(Answer::Exception(exception?.unbind()))
}

fn view(py: Python<'_>, bytes: Bytes) -> PyResult<Bound<'_, PyAny>> {
    match bytes {
        Bytes::Copied(bytes) => Ok(PyBytes::new(py, &bytes).into_any()),
        Bytes::Shared(taken) => Ok(MessageView::new(taken, 0).into_pyobject(py)?.into_any()),
    }
}

/// Blocks until the call of a future has ended, or until `deadline`, and settles the future. Does nothing for other
/// futures.
///
/// # Errors
/// The call did not end in time, or a signal handler or a callback raised.
pub(super) fn wait(slf: &Bound<'_, Future>, deadline: impl FnOnce() -> PyResult<Deadline>) -> PyResult<()> {
    let Some(remote) = unsettled(slf) else {
        return Ok(());
    };
    remote.pool.look();
    if !remote.call.phase().is_done() {
        let deadline = deadline()?;
        if deadline == Deadline::NEVER && remote.never_ends() {
            return Err(never_ends());
        }
        match blocking::wait(slf.py(), deadline, |context| {
            remote.pool.wait(&remote.call, context)
        })? {
            Waited::Done | Waited::Retired => {}
            Waited::TimedOut | Waited::Interrupted => return Err(PyTimeoutError::new_err(())),
        }
    }
    collect(slf, remote)
}

/// Returns whether nothing in this process will end any of these futures: they are of the process that forked this one.
pub(super) fn never_end<'a, 'py: 'a>(mut futures: impl Iterator<Item = &'a Bound<'py, Future>>) -> bool {
    futures.all(|future| unsettled(future).is_some_and(Remote::never_ends))
}

/// Called when a callback was registered, or when the future is being materialized. Lets the pool's manager settle
/// the future when the call has ended. If it has ended already, settles it now.
pub(crate) fn attend(slf: &Bound<'_, Future>) -> PyResult<()> {
    let Some(remote) = unsettled(slf) else {
        return Ok(());
    };
    match remote
        .pool
        .await_answer(&remote.call, Some(slf.clone().into_any().unbind()))
    {
        true => Ok(()),
        false => collect(slf, remote),
    }
}

/// Which calls may be cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// Calls that no worker has taken.
    Waiting,
    /// Also running calls: their processes are killed.
    Running,
}

/// Cancels the call of a future, if it is one of `which`. `None` for other futures.
pub(crate) fn cancel(slf: &Bound<'_, Future>, which: Calls) -> PyResult<Option<bool>> {
    settle(slf)?;
    let Some(remote) = unsettled(slf) else {
        return Ok(stop_materialized(slf, which));
    };
    let is_cancelled = match which {
        Calls::Waiting => remote.pool.cancel(&remote.call),
        Calls::Running => remote.pool.cancel_running(&remote.call),
    };
    if !is_cancelled {
        slf.get().engine(slf.py()).ask_to_stop();
        return Ok(Some(false));
    }
    drop(remote.call.take_host());
    set_cancelled(slf).map(|()| Some(true))
}

/// Ends the call of a materialized future, if it is running. The pool's manager then settles the future. Returns
/// `None` for other futures.
fn stop_materialized(slf: &Bound<'_, Future>, which: Calls) -> Option<bool> {
    let remote = slf.get().remote()?;
    let is_running = which == Calls::Running && remote.phase() == Phase::Running;
    (is_running && remote.pool.stop(&remote.call)).then_some(true)
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
