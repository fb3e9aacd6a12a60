//! A child process, held by its descriptor.

use interlock_os::exchange::FileWork;
use interlock_os::files::{Awaited, FileWait};
use interlock_os::pidfd::Pidfd;
use interlock_wait::{Wake, block_on_files};
use pyo3::prelude::*;

use super::outside::Outside;
use crate::blocking;
use crate::convert::Timeout;

/// A child process, named by a descriptor: its id may belong to another process as soon as any code has waited for
/// it.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ChildProcess(pub(super) Pidfd);

/// The wait for the end of a process.
struct End([FileWait; 1]);

impl FileWork for End {
    fn waits(&mut self) -> &mut [FileWait] {
        &mut self.0
    }

    fn advance(&mut self) -> bool {
        true
    }
}

#[pymethods]
impl ChildProcess {
    /// Return the child `pid` of this process, which no thread has waited for yet. None if the system has no descriptor for it.
    #[staticmethod]
    fn open(pid: i32) -> Option<Self> {
        Pidfd::open(pid).ok().map(ChildProcess)
    }

    /// Its id.
    #[getter]
    fn pid(&self) -> i32 {
        self.0.pid()
    }

    /// The descriptor, or -1 after the program has closed it, and in a forked child of this process.
    fn fileno(&self) -> i32 {
        self.0.descriptor().unwrap_or(-1)
    }

    /// Wait until the process has ended, at most `timeout` seconds. Returns whether it has; not if the descriptor is gone.
    ///
    /// The process stays to be waited for. Signal handlers run meanwhile, and may end the wait.
    fn wait(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        let Some(descriptor) = self.0.descriptor() else {
            return Ok(false);
        };
        let mut end = End([FileWait::new(descriptor, Awaited::Readable)]);
        let wake = blocking::wait(py, timeout.deadline()?, |context| {
            block_on_files(&mut end, &Outside, context)
        })?;
        Ok(wake == Wake::Notified)
    }
}
