//! The engine's part of a task: the object to resume, and the operation that it waits for.

use interlock_sched::{Direction, Keeper};
use interlock_wait::Deadline;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyBaseException;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyWeakrefReference};

use super::operation::Operation;
use super::resume::Sender;
use super::sockets;
use super::task::Task;
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
    /// future of a call.
    pub(super) handle: Option<Py<PyAny>>,
    /// When it ends at the latest.
    pub(super) deadline: Deadline,
}

/// The progress of an operation.
pub(super) enum Progress {
    /// Nothing to remember.
    Nothing,
    /// The descriptor that it waits for.
    Descriptor(i32),
    /// The bytes, how many of them are sent, and the descriptor that they go to.
    Sending {
        descriptor: i32,
        bytes: Py<PyBytes>,
        sent: usize,
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
    pub(super) fn undo(&self, py: Python<'_>) -> PyResult<()> {
        match &self.handle {
            Some(handle) => handle.call_method0(py, intern!(py, "cancel")).map(drop),
            None => Ok(()),
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
