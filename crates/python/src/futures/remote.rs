//! Futures whose calls run in other processes: their answers come without the interpreter, and wait for a thread that asks.

use interlock_pool::process::{Answer as RawAnswer, Bytes, Call, ProcessPool, WorkerDeath};
use interlock_pool::{Phase, Refusal, Waited, Watch};
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::answer::Answer;
use super::due_callbacks::call_back;
use super::future::{Future, finish};
use crate::imported::Imported;
use crate::materialize::{native, standard};
use crate::multiprocessing::{Incoming, MessageView, exit_code};
use crate::raw::intern;
use crate::{blocking, errors};

static ANSWER: Imported = Imported::new("interlock.concurrent.futures._process_results", "answer");

/// A pool of processes whose calls have futures.
pub(crate) type RemoteCalls = ProcessPool<Py<Future>>;

/// A call in another process, and the pool that has it.
pub(crate) struct Remote {
    pool: Arc<RemoteCalls>,
    call: Arc<Call<Py<Future>>>,
}

impl Remote {
    pub(crate) fn new(pool: Arc<RemoteCalls>, call: Arc<Call<Py<Future>>>) -> Self {
        Remote { pool, call }
    }

    /// Ends the call if it is running.
    pub(crate) fn stop(&self) -> bool {
        self.pool.stop(&self.call)
    }

    /// The phase of the call at this moment.
    pub(super) fn phase(&self) -> Phase {
        self.pool.look();
        match self.call.phase() {
            Phase::Pending if self.pool.is_running(&self.call) => Phase::Running,
            phase => phase,
        }
    }

    /// Registers a watch for the end of the call.
    pub(super) fn watch(&self, watch: &Arc<Watch>, number: usize) {
        self.call.watch(watch, number);
        self.pool.await_answer(&self.call, None);
    }

    pub(super) fn unwatch(&self, watch: &Arc<Watch>) {
        self.call.unwatch(watch);
    }
}

/// The call of a future that has not been settled.
#[inline]
pub(super) fn unsettled<'a>(slf: &'a Bound<'_, Future>) -> Option<&'a Remote> {
    let remote = slf.get().remote()?;
    (!slf.get().engine(slf.py()).phase().is_done()).then_some(remote)
}

/// Gives a future the answer of its call, if that is there. Calls the callbacks.
///
/// # Errors
/// A callback raised something that is no `Exception`.
pub(crate) fn settle(slf: &Bound<'_, Future>) -> PyResult<()> {
    match unsettled(slf) {
        Some(remote) => {
            remote.pool.look();
            collect(slf, remote)
        }
        None => Ok(()),
    }
}

/// As [`settle`], for a call of which the pool has heard what there is to hear.
fn collect(slf: &Bound<'_, Future>, remote: &Remote) -> PyResult<()> {
    if remote.call.phase().is_cancelled() {
        return set_cancelled(slf);
    }
    let Some(answer) = remote.call.take_answer() else {
        return Ok(());
    };
    let py = slf.py();
    let answer = Answer::of(py, load(py, &remote.call, answer));
    standard_takes(slf, finish(slf, answer)?)
}

/// Gives a materialized future its answer.
fn standard_takes(slf: &Bound<'_, Future>, answer: Option<Answer>) -> PyResult<()> {
    let py = slf.py();
    match answer {
        None => Ok(()),
        Some(Answer::Result(result)) => standard(slf, intern!(py, "set_result"), (slf, result)).map(drop),
        Some(Answer::Exception(it)) => standard(slf, intern!(py, "set_exception"), (slf, it)).map(drop),
    }
}

/// The future of a call that was cancelled is cancelled, too, and its watchers are told.
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

/// What a call returned.
///
/// # Errors
/// What it raised, or why it has no result.
fn load<'py>(py: Python<'py>, call: &Call<Py<Future>>, answer: RawAnswer) -> PyResult<Bound<'py, PyAny>> {
    let answered = ANSWER.get(py)?;
    // What was sent, for messages: only calls without an answer have it still.
    let sent = || PyBytes::new(py, call.take_payload().get(1..).unwrap_or_default());
    match answer {
        RawAnswer::Given(given) if given.failed => {
            answered.call1((intern!(py, "failed"), view(py, given.bytes)?))
        }
        RawAnswer::Given(given) => {
            let incoming = match given.bytes {
                Bytes::Copied(bytes) => Incoming::of_bytes(py, &bytes)?,
                Bytes::Shared(taken) => Incoming::Large(taken),
            };
            incoming
                .object(py)
                .or_else(|error| answered.call1((intern!(py, "unreadable"), errors::exception(py, error))))
        }
        RawAnswer::WorkerDied(death) => answered.call1((intern!(py, "died"), told(py, &death)?, sent())),
        RawAnswer::Broken(death) => answered.call1((intern!(py, "broken"), told(py, &death)?, sent())),
        RawAnswer::TimedOut => answered.call1((intern!(py, "timed-out"), py.None(), sent())),
        RawAnswer::Stopped => answered.call1((intern!(py, "stopped"), py.None(), sent())),
        RawAnswer::NotSent(error) => answered.call1((intern!(py, "not-sent"), error.to_string(), sent())),
    }
}

fn view(py: Python<'_>, bytes: Bytes) -> PyResult<Bound<'_, PyAny>> {
    match bytes {
        Bytes::Copied(bytes) => Ok(PyBytes::new(py, &bytes).into_any()),
        Bytes::Shared(taken) => Ok(MessageView::new(taken, 0).into_pyobject(py)?.into_any()),
    }
}

/// Waits until the call of a future has ended, and settles the future. Blocks until then, or until `deadline`. Does nothing for other
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
        match blocking::wait(slf.py(), deadline, |context| {
            remote.pool.wait(&remote.call, context)
        })? {
            Waited::Done | Waited::Retired => {}
            Waited::TimedOut | Waited::Interrupted => return Err(PyTimeoutError::new_err(())),
        }
    }
    collect(slf, remote)
}

/// A callback was registered: the pool's manager settles the future when the call has ended. If it has ended, that is done now.
pub(crate) fn attend(slf: &Bound<'_, Future>) -> PyResult<()> {
    let Some(remote) = unsettled(slf) else {
        return Ok(());
    };
    match remote.pool.await_answer(&remote.call, Some(slf.clone().unbind())) {
        true => Ok(()),
        false => collect(slf, remote),
    }
}

/// As [`settle`], for a future that will be materialized: it is native until then, whatever its class is.
///
/// # Errors
/// As `settle`.
pub(super) fn settle_natively(slf: &Bound<'_, Future>) -> PyResult<()> {
    let py = slf.py();
    let engine = slf.get().engine(py);
    let Some(remote) = unsettled(slf) else {
        return Ok(());
    };
    if remote.call.phase().is_cancelled() {
        let cancelled = engine.cancel();
        let _ = engine.begin();
        return cancelled.ok().flatten().map_or(Ok(()), |due| call_back(slf, due));
    }
    let Some(answer) = remote.call.take_answer() else {
        return Ok(());
    };
    match engine.finish(Answer::of(py, load(py, &remote.call, answer))) {
        Ok(due) => call_back(slf, due),
        Err((Refusal::Retired, answer)) => standard_takes(slf, Some(answer)),
        Err((Refusal::Phase(_), _)) => Ok(()),
    }
}

/// The future is being materialized: the pool's manager settles it when the call has ended. Returns `false` if it has ended: the future must
/// be settled first.
pub(super) fn is_attended(slf: &Bound<'_, Future>) -> bool {
    unsettled(slf).is_none_or(|remote| (remote.pool).await_answer(&remote.call, Some(slf.clone().unbind())))
}

/// Cancels the call of a future, if no worker has taken it. `None` for other futures.
pub(super) fn cancel(slf: &Bound<'_, Future>) -> PyResult<Option<bool>> {
    settle(slf)?;
    let Some(remote) = unsettled(slf) else {
        return Ok(None);
    };
    if !remote.pool.cancel(&remote.call) {
        slf.get().engine(slf.py()).ask_to_stop();
        return Ok(Some(false));
    }
    drop(remote.call.take_host());
    set_cancelled(slf).map(|()| Some(true))
}

/// The process id, the exit code as `Process.exitcode` has it, what the process was called, whether it was ready, whether it was running a
/// call, and what it said why it would not serve. Exit code, name and reason are None if they are not known.
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
