//! Descriptors that forked children do not keep: the write ends of the pipes by which children learn that this
//! process has ended. They are closed here, before any Python code of the child runs: a handler in Python would
//! cost the child ten pages of memory.

use interlock_os::held::{self, Held};
use interlock_wait::WordLock;
use interlock_wait::fork::fork_guarded;
use pyo3::prelude::*;

use crate::errors::os_error;

/// The descriptors, in the order in which they came. Their lock is taken last, and never while a thread forks.
static HELD: WordLock<Vec<Held>> = WordLock::new(Vec::new());

/// Keep a descriptor from forked children, which close it unless its number names another file by then.
///
/// Raises OSError if there is no such descriptor.
#[pyfunction]
pub(crate) fn keep_from_children(descriptor: i32) -> PyResult<()> {
    let held = Held::of(descriptor).map_err(os_error)?;
    fork_guarded(|| {
        let mut all = HELD.lock();
        all.retain(|known| known.number() != descriptor);
        all.push(held);
    });
    Ok(())
}

/// Let forked children have a descriptor again. The caller is about to close it.
#[pyfunction]
pub(crate) fn leave_to_children(descriptor: i32) {
    fork_guarded(|| HELD.lock().retain(|known| known.number() != descriptor));
}

/// Have the kernel send this process SIGTERM when its parent has ended; `life` is the read end of its pipe.
///
/// Raises OSError if there is no such descriptor.
#[pyfunction]
pub(crate) fn end_with_parent(life: i32) -> PyResult<()> {
    held::terminate_at_hang_up(life).map_err(os_error)
}

/// Closes them all: for the child of a fork, which must not keep them.
pub(super) fn close_all() {
    // No other thread was in `fork_guarded` at the fork, so the lock is free.
    HELD.lock().drain(..).for_each(Held::close);
}
