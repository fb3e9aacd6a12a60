//! A turn of a task: the value that it gets, and the progress of the operation that it waits for.

use std::cell::Cell;
use std::io::ErrorKind;

use interlock_sched::{Direction, Reason, is_ready, receive, send};
use pyo3::exceptions::PyBlockingIOError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use super::body::{Body, Pending, Progress, Wait};
use super::closed;
use super::failing;
use super::operation::Kind;
use super::ordinary;
use super::queues::{self, Tried};
use super::sockets;
use crate::convert::Timeout;
use crate::errors::{self, os_error};
use crate::raw::intern;

/// The value that a task gets in its turn.
pub(super) enum Gets<'py> {
    /// A value; None if there is none.
    Value(Option<Bound<'py, PyAny>>),
    /// Nothing yet: the operation has to wait again.
    Nothing(Wait),
}

/// How much of the bytes is sent.
pub(super) enum Sent {
    All,
    /// The socket takes no more now, and has asked for this direction, if any.
    Part(Option<Direction>),
}

/// Returns what a task gets that goes on for this reason.
///
/// # Errors
/// The exception to raise in the task.
pub(super) fn gets<'py>(py: Python<'py>, body: &mut Body, reason: Reason) -> PyResult<Gets<'py>> {
    let ended = match reason {
        Reason::Cancelled | Reason::JoinedThenCancelled => Some(failing::cancelled(py)),
        // Without a wait, the task gets the error that its object's `fileno()` has raised.
        Reason::Closed => body.wait().map(|_| failing::closed(py, body)),
        _ => match body.wait().map(|wait| closed::is_lost(py, wait)) {
            None | Some(Ok(false)) => None,
            Some(Ok(true)) => Some(failing::closed(py, body)),
            Some(Err(error)) => Some(error),
        },
    };
    let is_late = reason == Reason::TimedOut && !is_slept(py, body);
    let pending = body.pending.take().map(|pending| *pending);
    if let Some(error) = ended {
        if let Some(Pending::Wait(mut wait)) = pending {
            wait.undo(py)?;
        }
        return Err(error);
    }
    match pending {
        None => Ok(Gets::Value(None)),
        Some(Pending::Raise(exception)) => Err(errors::again(exception.into_bound(py))),
        Some(Pending::Wait(wait)) if is_late => try_at_last(py, wait),
        Some(Pending::Wait(wait)) => go_on(py, wait),
    }
}

/// Returns whether a task has slept as long as it wanted.
fn is_slept(py: Python<'_>, body: &Body) -> bool {
    let Some(wait) = body.wait() else { return true };
    let operation = wait.operation.bind(py).get();
    match (&operation.kind, operation.timeout) {
        (Kind::Sleep(_), Timeout::Never) => true,
        (Kind::Sleep(time), Timeout::Seconds(limit)) => *time <= limit,
        _ => false,
    }
}

/// Attempts an operation that has timed out: it may have become possible just now, and with a limit of 0 it was not
/// attempted yet.
fn try_at_last(py: Python<'_>, mut wait: Wait) -> PyResult<Gets<'_>> {
    let operation = wait.operation.clone_ref(py);
    let (descriptor, wants) = (wait.progress.descriptor().unwrap_or(-1), wait.wants);
    let is_ready = |object: &Py<PyAny>, usual| {
        is_ready(descriptor, wants.unwrap_or(usual)).map_err(|_| failing::not_open(object.bind(py)))
    };
    let is_worth_it = match &operation.bind(py).get().kind {
        Kind::Sleep(_) => false,
        Kind::Ready(direction, object) => is_ready(object, *direction)?,
        Kind::Receive(object, _) => {
            is_ready(object, Direction::Read)? || sockets::has_pending(object.bind(py))?
        }
        Kind::Send(object, _) => may_send(py, &wait.progress) && is_ready(object, Direction::Write)?,
        // An error that run() has raised is not delivered again.
        Kind::Join(task) => task.bind(py).get().is_to_be_told(py),
        Kind::Call(_) => match &wait.handle {
            Some(future) => future.bind(py).call_method0(intern!(py, "done"))?.is_truthy()?,
            None => false,
        },
        Kind::Get(_) | Kind::Put(..) => {
            wait.undo(py)?;
            true
        }
    };
    let mut wait = match is_worth_it {
        true => match go_on(py, wait)? {
            Gets::Nothing(wait) => wait,
            done => return Ok(done),
        },
        false => wait,
    };
    wait.undo(py)?;
    Err(failing::timed_out(py, &wait))
}

/// Goes on with an operation that is worth an attempt.
fn go_on<'py>(py: Python<'py>, mut wait: Wait) -> PyResult<Gets<'py>> {
    let operation = wait.operation.clone_ref(py);
    let done = match &operation.bind(py).get().kind {
        Kind::Sleep(_) | Kind::Ready(..) => None,
        Kind::Receive(object, most) => match received(object.bind(py), &wait.progress, *most)? {
            Attempt::Done(bytes) => Some(bytes),
            Attempt::WouldBlock(wants) => {
                wait.wants = wants;
                return Ok(Gets::Nothing(wait));
            }
        },
        Kind::Send(..) if !may_send(py, &wait.progress) => return Ok(Gets::Nothing(wait)),
        Kind::Send(object, _) => match go_on_sending(py, object.bind(py), &mut wait.progress)? {
            Sent::All => None,
            Sent::Part(wants) => {
                wait.wants = wants;
                return Ok(Gets::Nothing(wait));
            }
        },
        Kind::Join(task) => match task.bind(py).get().outcome(py)? {
            Ok(value) => Some(value.into_bound(py)),
            Err(exception) => {
                let (task, exception) = (task.bind(py).get(), exception.into_bound(py));
                task.error_is_known(py);
                return Err(match ordinary::is_ordinary(&exception) {
                    true => errors::again(exception),
                    // run() has raised it already, and it should not end the program once more.
                    false => failing::ended_by(task, &exception),
                });
            }
        },
        Kind::Call(_) => match &wait.handle {
            // The future is done: there is nothing to give up, whatever its call has raised.
            Some(future) => {
                let result = future.bind(py).call_method0(intern!(py, "result"));
                drop(wait.handle.take());
                Some(result?)
            }
            None => None,
        },
        kind @ (Kind::Get(_) | Kind::Put(..)) => match queues::attempt(py, kind)? {
            Tried::Done(value) => {
                drop(wait.handle.take());
                Some(value)
            }
            Tried::NotYet => return Ok(Gets::Nothing(wait)),
        },
    };
    Ok(Gets::Value(done))
}

thread_local! {
    /// Room for received bytes, which is reused.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The most bytes that one system call receives. A program that asks for more gets fewer, as from any socket.
const MOST: usize = 256 * 1024;

/// Receives the bytes that have arrived.
fn received<'py>(object: &Bound<'py, PyAny>, progress: &Progress, most: usize) -> PyResult<Attempt<'py>> {
    let py = object.py();
    if !sockets::is_plain(object)? {
        return attempt(object.call_method1(intern!(py, "recv"), (most,)), py);
    }
    let most = most.min(MOST);
    let mut room = ROOM.take();
    if room.len() < most {
        room.resize(most, 0);
    }
    let got = receive(progress.descriptor().unwrap_or(-1), &mut room[..most]);
    let bytes = match got {
        Ok(size) => Ok(Attempt::Done(PyBytes::new(py, &room[..size]).into_any())),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Attempt::WouldBlock(None)),
        Err(error) => Err(os_error(error)),
    };
    ROOM.set(room);
    bytes
}

/// The result of a socket's method.
enum Attempt<'py> {
    Done(Bound<'py, PyAny>),
    /// It would block, and has asked for this direction, if any.
    WouldBlock(Option<Direction>),
}

fn attempt<'py>(done: PyResult<Bound<'py, PyAny>>, py: Python<'py>) -> PyResult<Attempt<'py>> {
    done.map(Attempt::Done).or_else(|error| {
        let exception = errors::exception(py, error);
        let name = exception.get_type().name()?;
        match name.to_str()? {
            "SSLWantReadError" => Ok(Attempt::WouldBlock(Some(Direction::Read))),
            "SSLWantWriteError" => Ok(Attempt::WouldBlock(Some(Direction::Write))),
            _ if exception.is_instance_of::<PyBlockingIOError>() => Ok(Attempt::WouldBlock(None)),
            _ => Err(errors::again(exception)),
        }
    })
}

/// Returns the bytes of a bytes-like object.
pub(super) fn bytes_of<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = data.cast_exact::<PyBytes>() {
        return Ok(bytes.clone());
    }
    let view = PyMemoryView::from(data)?;
    Ok(view.call_method0(intern!(data.py(), "tobytes"))?.cast_into()?)
}

/// Whether no other task's send to the same descriptor comes first.
fn may_send(py: Python<'_>, progress: &Progress) -> bool {
    match progress {
        Progress::Sending {
            place: Some(place), ..
        } => place.is_first(py),
        _ => true,
    }
}

/// Sends as much as the socket takes.
pub(super) fn go_on_sending(
    py: Python<'_>,
    object: &Bound<'_, PyAny>,
    progress: &mut Progress,
) -> PyResult<Sent> {
    let Progress::Sending {
        descriptor,
        bytes,
        sent,
        ..
    } = progress
    else {
        return Ok(Sent::All);
    };
    let all = bytes.bind(py).as_bytes();
    let plain = sockets::is_plain(object)?;
    // A plain socket is asked to send even no bytes at all, which may be an empty datagram. Others, such as those of
    // `ssl`, might begin a handshake for that.
    let mut is_first = plain;
    while std::mem::take(&mut is_first) || *sent < all.len() {
        let rest = &all[*sent..];
        if plain {
            match send(*descriptor, rest) {
                Ok(taken) => *sent += taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Sent::Part(None)),
                Err(error) => return Err(os_error(error)),
            }
        } else {
            let done = object.call_method1(intern!(py, "send"), (PyBytes::new(py, rest),));
            match attempt(done, py)? {
                Attempt::Done(taken) => *sent += taken.extract::<usize>()?,
                Attempt::WouldBlock(wants) => return Ok(Sent::Part(wants)),
            }
        }
    }
    Ok(Sent::All)
}
