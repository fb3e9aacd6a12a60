//! Warnings and exceptions about the death of a process that held a lock or permits.

use std::sync::Arc;

use interlock_shm::{Arena, Death, Ended, Name};
use pyo3::prelude::*;

use crate::imported::Imported;

static WARN: Imported = Imported::new("interlock._owner_died", "warn");
static ERROR: Imported = Imported::new("interlock._owner_died", "error");

/// The description of a process in messages: its id, its name in `multiprocessing`, and its exit code, as far as
/// they are known.
type Known = (Option<u32>, Option<String>, Option<i32>);

fn known(arena: &Arc<Arena>, name: Name) -> Known {
    match arena.death_of(name) {
        None => (None, None, None),
        Some(Death { pid, label, ended }) => {
            let label = Some(label).filter(|label| !label.is_empty());
            (Some(pid), label, ended.map(exit_code))
        }
    }
}

/// Returns the exit code as in `Process.exitcode`.
pub(crate) fn exit_code(ended: Ended) -> i32 {
    match ended {
        Ended::Exited(code) => code,
        Ended::Killed(signal) => -signal,
    }
}

/// Warns that `name` died while it held `what`.
///
/// # Errors
/// The program's filters turn the warning into an exception.
#[cold]
#[inline(never)]
pub(super) fn warn(py: Python<'_>, arena: &Arc<Arena>, name: Name, what: &str) -> PyResult<()> {
    let (pid, label, code) = known(arena, name);
    WARN.get(py)?.call1((what, pid, label, code)).map(drop)
}

/// Returns the exception of an object that is refused because `name` died while it held it.
#[cold]
#[inline(never)]
pub(super) fn error(py: Python<'_>, arena: &Arc<Arena>, name: Name, what: &str) -> PyErr {
    let (pid, label, code) = known(arena, name);
    let made = ERROR
        .get(py)
        .and_then(|error| error.call1((what, pid, label, code)));
    made.map_or_else(|error| error, PyErr::from_value)
}

static LOST: Imported = Imported::new("interlock._owner_died", "warn_of_lost_permits");

/// Warns that `lost` permits of a semaphore were lost.
///
/// # Errors
/// The program's filters turn the warning into an exception.
#[cold]
pub(super) fn warn_of_lost_permits(py: Python<'_>, lost: u32) -> PyResult<()> {
    LOST.get(py)?.call1((lost,)).map(drop)
}

static BARRIER_MESSAGE: Imported = Imported::new("interlock._owner_died", "barrier_message");

/// Returns the message for a barrier that broke when `name` died.
#[cold]
pub(super) fn barrier_message(py: Python<'_>, arena: &Arc<Arena>, name: Name) -> PyResult<String> {
    let (pid, label, code) = known(arena, name);
    BARRIER_MESSAGE.get(py)?.call1((pid, label, code))?.extract()
}
