//! The wait of the thread that waits for the queues of all event loops.

use interlock_shm::{Awaited, Side, Watch};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::queue::SharedQueue;
use super::shared::deadline;
use crate::blocking;

/// Where one thread waits for many queues at once, and takes nothing out of any.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct QueueWatch(Watch);

#[pymethods]
impl QueueWatch {
    /// How many queues one thread can wait for.
    #[classattr]
    const MOST: usize = Watch::MOST;

    #[new]
    fn new() -> Self {
        QueueWatch(Watch::new())
    }

    /// How often `call()` was called so far.
    fn calls(&self) -> u32 {
        self.0.calls()
    }

    /// End the wait of the thread that waits here, or its next one. Never blocks.
    fn call(&self) {
        self.0.call();
    }

    /// Wait until a queue may be ready, or `call()` is called after the `seen`th time, for at most `timeout` seconds. Returns the
    /// places of those that are ready: True beside a queue stands for room to put, False for something to get.
    fn wait(
        &self,
        py: Python<'_>,
        seen: u32,
        queues: Vec<(Py<SharedQueue>, bool)>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<usize>> {
        if queues.len() > Watch::MOST {
            return Err(PyValueError::new_err("too many queues for one thread"));
        }
        let side = |is_put| if is_put { Side::Put } else { Side::Get };
        let awaited = queues
            .iter()
            .map(|(queue, is_put)| Ok(queue.get().engine()?.awaited(side(*is_put))))
            .collect::<PyResult<Vec<Awaited<'_>>>>()?;
        blocking::wait(py, deadline(timeout)?, |context| {
            self.0.wait(seen, &awaited, context)
        })?;
        let ready = awaited.iter().enumerate().filter(|(_, side)| side.is_ready());
        Ok(ready.map(|(place, _)| place).collect())
    }
}
