//! The engine's part of a task: the object to resume, and the operation that it waits for.

use interlock_sched::{Direction, Keeper};
use interlock_wait::Deadline;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyAttributeError, PyBaseException};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyWeakrefReference};

use super::operation::Operation;
use super::ordinary;
use super::resume::Sender;
use super::sends::Place;
use super::sockets;
use super::task::{End, Task};
use crate::errors;
use crate::raw::intern;

/// A task's part in the engine.
pub(super) struct Body {
    pub(super) coroutine: Py<PyAny>,
    pub(super) sender: Sender,
    pub(super) task: Py<Task>,
    pub(super) pending: Option<Box<Pending>>,
}

/// The value or exception that a task gets in its next turn, if not None.
pub(super) enum Pending {
    /// This exception.
    Raise(Py<PyBaseException>),
    /// The result of an operation.
    Wait(Wait),
}

/// An operation that is not done.
pub(super) struct Wait {
    pub(super) operation: Py<Operation>,
    pub(super) progress: Progress,
    /// The direction that the socket has asked for, if it differs from the operation's: a socket of `ssl` may have
    /// to write in order to read.
    pub(super) wants: Option<Direction>,
    /// The object that tells that the operation is worth another attempt: the place in a queue's line, or the
    /// future of a call. The operation takes it out when it is done: if the wait is dropped before that, the drop
    /// gives it up.
    pub(super) handle: Option<Py<PyAny>>,
    /// When it ends at the latest.
    pub(super) deadline: Deadline,
}

/// The way in which a wait is ended early: [`Wait::undone`] or [`Wait::dropped`].
pub(super) type Undo = fn(Wait, Python<'_>) -> PyResult<()>;

/// The progress of an operation.
pub(super) enum Progress {
    /// Nothing to remember.
    Nothing,
    /// The descriptor that it waits for.
    Descriptor(i32),
    /// The bytes, how many of them are sent, and the descriptor that they go to. If they are not sent at once, the
    /// send has a place in the descriptor's line of sends.
    Sending {
        descriptor: i32,
        bytes: Py<PyBytes>,
        sent: usize,
        place: Option<Place>,
    },
}

impl Progress {
    pub(super) fn descriptor(&self) -> Option<i32> {
        match self {
            Progress::Nothing => None,
            Progress::Descriptor(descriptor) | Progress::Sending { descriptor, .. } => Some(*descriptor),
        }
    }
}

impl Body {
    pub(super) fn wait(&self) -> Option<&Wait> {
        match self.pending.as_deref() {
            Some(Pending::Wait(wait)) => Some(wait),
            _ => None,
        }
    }

    /// Closes the task's generator or coroutine, so that its `finally` clauses run. `undo` ends its wait.
    pub(super) fn close(mut self, py: Python<'_>, undo: Undo) -> PyResult<()> {
        let undone = match self.pending.take().map(|pending| *pending) {
            Some(Pending::Wait(wait)) => undo(wait, py),
            _ => Ok(()),
        };
        let closed = self.coroutine.call_method0(py, intern!(py, "close")).map(drop);
        self.task.bind(py).get().finish(py, End::Cancelled);
        ordinary::worse(py, undone, closed)
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)?;
        visit.call(&self.task)?;
        match self.pending.as_deref() {
            None => Ok(()),
            Some(Pending::Raise(exception)) => visit.call(exception),
            Some(Pending::Wait(wait)) => {
                visit.call(&wait.operation)?;
                if let Progress::Sending { bytes, .. } = &wait.progress {
                    visit.call(bytes)?;
                }
                visit.call(&wait.handle)
            }
        }
    }
}

impl Wait {
    /// Takes back what a wait has begun elsewhere: its place in a line, which may have been notified, or a call.
    pub(super) fn undo(&mut self, py: Python<'_>) -> PyResult<()> {
        match self.handle.take() {
            Some(handle) => handle.call_method0(py, intern!(py, "cancel")).map(drop),
            None => Ok(()),
        }
    }

    /// Ends a wait by [`undo`](Self::undo).
    pub(super) fn undone(mut self, py: Python<'_>) -> PyResult<()> {
        self.undo(py)
    }

    /// Ends a wait by dropping it.
    pub(super) fn dropped(self, _: Python<'_>) -> PyResult<()> {
        drop(self);
        Ok(())
    }

    /// Does the same as `undo` without blocking: the garbage collector may have dropped the wait, at any moment of
    /// the thread's work.
    fn abandon(py: Python<'_>, handle: &Py<PyAny>) {
        let handle = handle.bind(py);
        let given_up = match handle.getattr_opt(intern!(py, "_interlock_abandon")) {
            Ok(Some(abandon)) => abandon.call0(),
            Ok(None) => handle.call_method0(intern!(py, "cancel")),
            Err(error) => Err(error),
        };
        if let Err(error) = given_up {
            let exception = errors::exception(py, error);
            // The collector has cleared the object, because the queue is garbage, too. So nothing waits there.
            if !exception.is_instance_of::<PyAttributeError>() {
                errors::again(exception).write_unraisable(py, Some(handle));
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            // Once the interpreter is gone, no other task or thread waits.
            Python::try_attach(|py| Wait::abandon(py, &handle));
        }
    }
}

/// A weak reference to the socket that has a descriptor. Other objects never count as the same: they may close one
/// file and open another one, which gets the same number.
///
/// As long as such a reference is held, the object has only one plain weak reference, so comparing addresses is
/// enough.
pub(super) struct Holder(Option<Py<PyWeakrefReference>>);

impl Holder {
    /// # Errors
    /// The class of sockets can't be found.
    pub(super) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Holder(match sockets::keeps_its_descriptor(object)? {
            true => PyWeakrefReference::new(object).ok().map(Bound::unbind),
            false => None,
        }))
    }
}

impl Keeper for Holder {
    fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.is(other),
            _ => false,
        }
    }
}
