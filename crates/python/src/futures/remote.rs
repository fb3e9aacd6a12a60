//! Futures whose calls run in other processes. Their answers arrive without the interpreter, and wait for a thread
//! that asks for them.

use interlock_pool::{Due, Phase, Waited};
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;

use super::answer::Answer;
use super::due_callbacks::{call_back, log};
use super::future::{Future, finish_with};
use super::reading::{Read, SecondTry, Sent, in_thread, later, read_again};
use super::remote_call::{Remote, never_ends};
use crate::imported::Imported;
use crate::materialize::{function, native, standard};
use crate::raw::intern;
use crate::{blocking, errors};

static ANSWER: Imported = Imported::new("interlock.concurrent.futures._process_errors", "answer");

/// Returns the call of a future that has not been settled.
#[inline]
pub(super) fn unsettled<'a>(slf: &'a Bound<'_, Future>) -> Option<&'a Remote> {
    let remote = slf.get().remote()?;
    (!slf.get().engine(slf.py()).phase().is_done()).then_some(remote)
}

/// The thread that settles a future.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Settler {
    /// A thread that asks about the future. It may hold locks that the callbacks take, so it calls none of them.
    Asker,
    /// The pool's manager, or a thread that unpickles in the place of another one. It calls the callbacks.
    Manager,
    /// A thread of a forked child. The process that forked it calls the callbacks, which it added before the fork.
    Child,
}

/// Gives a future the answer of its call, if the answer has come, unless the pool's manager does that.
///
/// # Errors
/// A signal handler raised.
pub(super) fn settle(slf: &Bound<'_, Future>) -> PyResult<()> {
    match unsettled(slf) {
        Some(remote) => {
            remote.pool.look();
            settle_as_asker(slf, remote)
        }
        None => Ok(()),
    }
}

/// Like [`settle`], for the pool's manager. Calls the callbacks.
///
/// # Errors
/// A callback raised an exception that is not an `Exception`.
pub(crate) fn hear_of_end(slf: &Bound<'_, Future>) -> PyResult<()> {
    match unsettled(slf) {
        Some(remote) => collect(slf, remote, Settler::Manager),
        None => Ok(()),
    }
}

/// Like [`settle`], for a call that has ended for the pool.
fn settle_as_asker(slf: &Bound<'_, Future>, remote: &Remote) -> PyResult<()> {
    match remote.is_managed() {
        true => Ok(()),
        false => collect(slf, remote, asker(remote)),
    }
}

fn asker(remote: &Remote) -> Settler {
    match remote.pool.is_of_parent() {
        true => Settler::Child,
        false => Settler::Asker,
    }
}

/// Takes the answer of a call that has ended, unless another thread has, and settles the future.
fn collect(slf: &Bound<'_, Future>, remote: &Remote, settler: Settler) -> PyResult<()> {
    if remote.call.phase().is_cancelled() {
        return set_cancelled(slf, settler);
    }
    let Some(answer) = remote.call.take_answer() else {
        return Ok(());
    };
    let py = slf.py();
    remote.begin_reading();
    let read = ANSWER
        .get(py)
        .and_then(|answered| Sent::of(py, answered, &remote.call, answer))
        .map(|sent| sent.read(py));
    // A materialized future is never settled for the engine.
    let given = match read {
        Ok(Read::Answer(answer)) => give(slf, answer, settler),
        Ok(Read::Raised(error, sent)) => return read_once_more(slf, remote, error, sent),
        Err(error) => give(slf, Answer::of(py, Err(error)), settler),
    };
    remote.leave_reading();
    given
}

/// Lets another thread settle a future: unpickling has raised on the main thread.
#[cold]
fn read_once_more(slf: &Bound<'_, Future>, remote: &Remote, error: PyErr, sent: Sent) -> PyResult<()> {
    remote.leave_reading();
    let future = slf.clone().unbind();
    read_again(
        slf.py(),
        error,
        sent,
        &Arc::new(SecondTry::new()),
        move |py, answer| {
            let future = future.bind(py);
            if let Err(error) = give(future, answer, Settler::Manager) {
                report(future, error);
            }
        },
    )
}

/// Settles a future with its answer.
#[inline]
fn give(slf: &Bound<'_, Future>, answer: Answer, settler: Settler) -> PyResult<()> {
    let given = finish_with(slf, answer, |due| match settler {
        Settler::Asker if !due.is_empty() => {
            call_back_aside(slf, due);
            Ok(())
        }
        Settler::Child => Ok(()),
        _ => call_back(slf, due),
    })?;
    match given {
        None => Ok(()),
        Some(answer) => give_materialized(slf, answer, settler),
    }
}

#[cold]
fn give_materialized(slf: &Bound<'_, Future>, answer: Answer, settler: Settler) -> PyResult<()> {
    let py = slf.py();
    if settler == Settler::Child {
        forget_callbacks(slf)?;
    }
    match answer {
        Answer::Result(result) => standard(slf, intern!(py, "set_result"), (slf, result)).map(drop),
        Answer::Exception(it) => standard(slf, intern!(py, "set_exception"), (slf, it)).map(drop),
    }
}

fn forget_callbacks(slf: &Bound<'_, Future>) -> PyResult<()> {
    let callbacks = slf.getattr(intern!(slf.py(), "_done_callbacks"))?;
    callbacks.call_method0(intern!(slf.py(), "clear")).map(drop)
}

/// Has the pool's manager call callbacks that were added while the calling thread unpickled the answer. If the manager
/// has ended, a thread of their own does.
#[cold]
fn call_back_aside(slf: &Bound<'_, Future>, due: Due<Py<PyAny>>) {
    let py = slf.py();
    let call = |py: Python<'_>, (future, due): (Py<Future>, Due<Py<PyAny>>)| {
        let future = future.bind(py);
        if let Err(error) = call_back(future, due) {
            report(future, error);
        }
    };
    let by_manager = |work: Py<PyAny>| {
        let remote = slf.get().remote();
        remote.is_some_and(|it| it.pool.attend_again(&it.call, work).is_ok())
    };
    let left = later(py, (slf.clone().unbind(), due), call, |work| {
        Ok(by_manager(work.unbind()))
    });
    if let Err(data) = left.or_else(|data| in_thread(py, data, call)) {
        call(py, data); // the interpreter is at its end
    }
}

/// Reports an exception that ended the callbacks of a future, through `threading.excepthook`.
#[cold]
pub(crate) fn report(slf: &Bound<'_, PyAny>, error: PyErr) {
    let error = errors::exception(slf.py(), error);
    if let Err(error) = log(slf, "callbacks_ended", &error) {
        error.write_unraisable(slf.py(), Some(slf));
    }
}

/// Cancels the future of a cancelled call, too, and notifies its watchers. Does nothing if another thread has.
fn set_cancelled(slf: &Bound<'_, Future>, settler: Settler) -> PyResult<()> {
    let py = slf.py();
    match native(slf, |future| future.engine(py).cancel())? {
        Some(Ok(due)) => {
            let _ = slf.get().engine(py).begin();
            let due = due.filter(|_| settler != Settler::Child);
            due.map_or(Ok(()), |due| call_back(slf, due))
        }
        Some(Err(_)) => Ok(()),
        None => {
            if settler == Settler::Child {
                forget_callbacks(slf)?;
            }
            match standard(slf, intern!(py, "cancel"), (slf,))?.is_truthy()? {
                true => function(slf, intern!(py, "begin"))?.call1((slf,)).map(drop),
                false => Ok(()),
            }
        }
    }
}

/// Blocks until the call of a future has ended, or until `deadline`, and settles the future, unless the pool's manager
/// does that. Does nothing for other futures. Returns the deadline if it was needed.
///
/// # Errors
/// The call did not end in time, a signal handler raised, or the calling thread is unpickling the answer.
pub(super) fn wait(
    slf: &Bound<'_, Future>,
    deadline: impl Fn() -> PyResult<Deadline>,
) -> PyResult<Option<Deadline>> {
    let Some(remote) = unsettled(slf) else {
        return Ok(None);
    };
    if remote.is_managed() {
        return Ok(None);
    }
    let mut limit = None;
    remote.pool.look();
    if !remote.call.phase().is_done() {
        let deadline = *limit.insert(deadline()?);
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
    settle_as_asker(slf, remote)?;
    if !remote.is_managed() && unsettled(slf).is_some() {
        let until = match remote.is_reported() {
            true => Deadline::NEVER,
            false => limit.map_or_else(deadline, Ok)?,
        };
        limit = Some(until);
        wait_for_reader(slf, remote, until)?;
    }
    Ok(limit)
}

/// Blocks while another thread unpickles the answer of a call that has ended.
#[cold]
fn wait_for_reader(slf: &Bound<'_, Future>, remote: &Remote, deadline: Deadline) -> PyResult<()> {
    if remote.is_read_here() {
        return Err(PyRuntimeError::new_err(
            "this thread is unpickling the result, and can't wait for it meanwhile",
        ));
    }
    if deadline == Deadline::NEVER && remote.is_read_by_parent() {
        return Err(never_ends());
    }
    let engine = slf.get().engine(slf.py());
    match blocking::wait(slf.py(), deadline, |context| engine.wait_with(context))? {
        Waited::Done | Waited::Retired => Ok(()),
        Waited::TimedOut | Waited::Interrupted => Err(PyTimeoutError::new_err(())),
    }
}

/// Returns whether a future is settled, or any thread that asks may settle it: then it counts as done from now on.
/// Otherwise the pool's manager will settle it, or the thread that unpickles the answer.
pub(super) fn report_end(slf: &Bound<'_, Future>) -> bool {
    unsettled(slf).is_none_or(Remote::report)
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
    if remote.set_managed(true) {
        return Ok(());
    }
    match remote
        .pool
        .await_answer(&remote.call, Some(slf.clone().into_any().unbind()))
    {
        true => Ok(()),
        false => {
            remote.set_managed(false);
            collect(slf, remote, asker(remote))
        }
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
    if remote.call.phase().is_cancelled() {
        // The pool's manager has not settled the future yet, or the thread that has cancelled the call.
        return set_cancelled(slf, Settler::Asker).map(|()| Some(true));
    }
    let is_cancelled = match which {
        Calls::Waiting => remote.pool.cancel(&remote.call),
        Calls::Running => remote.pool.cancel_running(&remote.call),
    };
    if !is_cancelled {
        slf.get().engine(slf.py()).ask_to_stop();
        return Ok(Some(false));
    }
    drop(remote.call.take_host());
    set_cancelled(slf, Settler::Asker).map(|()| Some(true))
}

/// Ends the call of a materialized future, if it is running. The pool's manager then settles the future. Returns
/// `None` for other futures.
fn stop_materialized(slf: &Bound<'_, Future>, which: Calls) -> Option<bool> {
    let remote = slf.get().remote()?;
    let is_running = which == Calls::Running && remote.phase() == Phase::Running;
    (is_running && remote.pool.stop(&remote.call)).then_some(true)
}
