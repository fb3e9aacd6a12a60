//! Futures that are cancelled when their time is over.

use interlock_pool::DelayQueue;
use interlock_wait::Deadline;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::Timeout;

/// Objects that come out when their time has come; see `interlock.concurrent.futures._clock`.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Alarms {
    engine: DelayQueue<Py<PyAny>>,
}

#[pymethods]
impl Alarms {
    #[new]
    fn new() -> Self {
        Alarms {
            engine: DelayQueue::new(),
        }
    }

    /// Have next() give `item` in `timeout` seconds; whether somebody has to call that now. Never blocks.
    fn put(&self, timeout: Timeout, item: Py<PyAny>) -> PyResult<bool> {
        Ok(self.engine.put(timeout.deadline()?, item))
    }

    /// The item whose time has come first. Blocks until there is one; None when there is no item at all.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        blocking::wait(py, Deadline::NEVER, |patience| self.engine.take_with(patience))
    }

    /// Forget all items: in the child of a fork, where nobody takes them.
    fn reset(&self) {
        drop(self.engine.reset());
    }
}
