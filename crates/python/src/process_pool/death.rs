//! What Python code is told of the death of a worker.

use interlock_pool::process::WorkerDeath;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::multiprocessing::exit_code;

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
