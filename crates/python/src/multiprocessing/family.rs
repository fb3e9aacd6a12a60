//! The family of processes, and the handles by which a process that is being started gets objects.

use std::sync::Arc;

use interlock_shm::{Arena, Ended, Id, Name, Object};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::shared::refused;

/// The memory that this process shares with the processes that it starts, or was started by.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Family {
    pub(super) arena: Arc<Arena>,
}

impl Family {
    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }
}

#[pymethods]
impl Family {
    /// The family in which this process makes its objects.
    #[staticmethod]
    fn home() -> PyResult<Self> {
        let arena = Arena::home().map_err(refused)?;
        Ok(Family { arena })
    }

    /// The family behind a descriptor, in which a place is kept for this process.
    #[staticmethod]
    fn adopt(descriptor: i32, place: u32) -> PyResult<Self> {
        let arena = Arena::adopt(descriptor, Name::of_word(place)).map_err(refused)?;
        Ok(Family { arena })
    }

    /// The number of the descriptor, which a process that is started needs for `adopt()`. Raises OSError if the program has
    /// closed it.
    #[getter]
    fn descriptor(&self) -> PyResult<i32> {
        self.arena.descriptor().map_err(refused)
    }

    /// Whether the program has left the descriptor open.
    #[getter]
    fn is_open(&self) -> bool {
        self.arena.descriptor().is_ok()
    }

    /// The family's name in the kernel: the same in all processes.
    #[getter]
    fn inode(&self) -> u64 {
        self.arena.inode()
    }

    /// This process's own place.
    #[getter]
    fn place(&self) -> u32 {
        self.arena.me().word()
    }

    /// Keeps a place for a process that is going to be started.
    fn expect_child(&self) -> PyResult<u32> {
        self.arena.expect_child().map(Name::word).map_err(refused)
    }

    /// The place of the child that the calling thread forked last.
    fn last_child(&self) -> u32 {
        self.arena.last_child().word()
    }

    /// Says that the process for which the place is kept has this id; None if it was not started.
    fn started(&self, place: u32, pid: Option<u32>) {
        self.arena.started(Name::of_word(place), pid);
    }

    /// Says how a child of this process ended: its exit code, or the number of a signal with a minus.
    fn has_ended(&self, pid: u32, exitcode: i32) {
        let ended = match exitcode {
            ..0 => Ended::Killed(-exitcode),
            code => Ended::Exited(code),
        };
        self.arena.has_ended(pid, ended);
    }

    /// Says that this process is about to end in the ordinary way: permits that it has taken and not given are not lost then.
    fn end_in_order(&self) {
        self.arena.end_in_order();
    }

    /// Names this process for messages about its death.
    fn set_label(&self, label: &str) {
        if !self.arena.me().is_none() {
            self.arena.set_label(label);
        }
    }
}

/// An object of a family, of any kind, for the process that hands it on.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct SharedHandle {
    pub(super) object: Object,
}

impl SharedHandle {
    pub(crate) fn of(object: &Object) -> Self {
        SharedHandle {
            object: object.clone(),
        }
    }
}

#[pymethods]
impl SharedHandle {
    /// The family that it belongs to.
    #[getter]
    fn family(&self) -> Family {
        Family {
            arena: Arc::clone(self.object.arena()),
        }
    }

    /// Its number in the family.
    #[getter]
    fn number(&self) -> u32 {
        self.object.id().number()
    }

    /// Gives it to the process for which the place is kept.
    fn hand(&self, place: u32) {
        self.object.arena().hand(Name::of_word(place), &self.object);
    }
}

/// Returns the engine's object of this number, by its `open`.
///
/// # Errors
/// There is no such object, or this process was not given it.
pub(crate) fn open<T>(
    family: &Family,
    number: u32,
    open: impl FnOnce(&Arc<Arena>, Id) -> Option<T>,
) -> PyResult<T> {
    Id::from_number(number)
        .and_then(|id| open(&family.arena, id))
        .ok_or_else(|| PyRuntimeError::new_err("this process was not given the object, or it is gone"))
}
