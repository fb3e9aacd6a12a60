//! Fork, exit, and the start and exit of threads, as far as the extension takes part. `docs/lifecycle.md` describes
//! the whole order, including the Python modules, whose handlers `interlock._lifecycle` registers.
//!
//! When the extension is loaded, [`begin`] registers the fork handlers and looks up the objects that are needed at
//! the end of the interpreter.
//!
//! At a fork, in this order:
//!
//! 1. The forking thread waits until no thread is in `interlock_wait::fork::fork_guarded`.
//! 2. The parent lets threads in there again.
//! 3. The child's only thread, before any Python code: a new generation begins, in which every line of waiters is
//!    empty; then the thread becomes the main thread, and closes the descriptors that the child must not have
//!    (`fork.rs`, `held.rs`). The objects' own `_at_fork_reinit()` and the pools' functions that forget workers
//!    come after that: Python calls them.
//!
//! At the end of the interpreter nothing is torn down here. A wait asks `exit.rs` whether any thread is left that
//! could end it. Detached threads stay detached until the process ends.
//!
//! The start of a thread needs no action: its state is created at its first wait (`thread.rs`). Its exit needs no
//! action either. Thread-local marks have no destructors, and a mark in a table is a hint only.

pub(crate) mod exit;
mod fork;
pub(crate) mod held;
pub(crate) mod thread;

use pyo3::prelude::*;

use crate::errors::os_error;

/// Registers the fork handlers, and prepares for the end of the interpreter. One thread calls this, when the extension is
/// loaded, before the first wait.
pub(crate) fn begin(py: Python<'_>) -> PyResult<()> {
    fork::register().map_err(os_error)?;
    thread::handles_signals(py); // as a rule this is the main thread, and then no other thread has to ask
    exit::prepare(py)
}
