//! The thread that waits for the queues of all event loops.

use std::time::Duration;

use interlock_shm::{Awaited, Side, Watch};
use interlock_wait::Deadline;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::queue::SharedQueue;
use crate::blocking;

/// How long a thread sleeps at most before it checks.
const PATIENCE: Duration = Duration::from_secs(1);

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

    /// Have the thread that is in `run()` choose anew. Never blocks.
    fn call(&self) {
        self.0.call();
    }

    /// Wait for the queues that `choose()` returns, again and again, until it returns None.
    ///
    /// It returns a list of queues, True beside one that is to have room, False beside one that is to have an object. It is called
    /// with the places in its last list of those that are ready, when there are any, when a thread has called `call()`, and once
    /// a second: should the process that was to wake this one have been killed, its queues are ready.
    fn run(&self, py: Python<'_>, choose: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut ready = Vec::new();
        loop {
            let seen = self.0.calls();
            let chosen: Option<Vec<(Py<SharedQueue>, bool)>> = choose.call1((ready,))?.extract()?;
            let Some(queues) = chosen else {
                return Ok(());
            };
            ready = self.ready(py, seen, &queues)?;
        }
    }
}

impl QueueWatch {
    /// Waits until one of the queues is ready, or for a call after the `seen`th, or a second. Returns the places of those that are.
    fn ready(&self, py: Python<'_>, seen: u32, queues: &[(Py<SharedQueue>, bool)]) -> PyResult<Vec<usize>> {
        if queues.len() > Watch::MOST {
            return Err(PyValueError::new_err("too many queues for one thread"));
        }
        let side = |is_put| if is_put { Side::Put } else { Side::Get };
        let awaited = queues
            .iter()
            .map(|(queue, is_put)| Ok(queue.get().engine()?.awaited(side(*is_put))))
            .collect::<PyResult<Vec<Awaited<'_>>>>()?;
        blocking::wait(py, Deadline::after(PATIENCE), |context| {
            self.0.wait(seen, &awaited, context);
        })?;
        let ready = awaited.iter().enumerate().filter(|(_, side)| side.is_ready());
        Ok(ready.map(|(place, _)| place).collect())
    }
}
