//! Futures that are cancelled when their time is over.

use interlock_pool::{DelayQueue, Ticket};
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::Timeout;

/// Objects that come out when their time has come; see `interlock.concurrent.futures._clock`.
///
/// The garbage collector is not told of them: they are weak references without callbacks, which refer to nothing else.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Alarms {
    engine: Arc<DelayQueue<Py<PyAny>>>,
}

/// An object among the alarms, which is forgotten when this is called: a callback of a future.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Alarm {
    engine: Arc<DelayQueue<Py<PyAny>>>,
    ticket: Ticket,
}

#[pymethods]
impl Alarms {
    #[new]
    fn new() -> Self {
        Alarms {
            engine: Arc::new(DelayQueue::new()),
        }
    }

    /// Have next() give `item` in `timeout` seconds; its alarm, and whether somebody has to call next() now. Never blocks.
    fn put(&self, timeout: Timeout, item: Py<PyAny>) -> PyResult<(Alarm, bool)> {
        let (ticket, wanted) = self.engine.put(timeout.deadline()?, item);
        let engine = self.engine.clone();
        Ok((Alarm { engine, ticket }, wanted))
    }

    /// The item whose time has come first. Blocks until there is one; None when there is no item at all.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        blocking::wait(py, Deadline::NEVER, |context| self.engine.take_with(context))
    }

    /// How many items there are.
    fn __len__(&self) -> usize {
        self.engine.len()
    }

    /// Forget all items: in the child of a fork, where nobody takes them.
    fn reset(&self) {
        drop(self.engine.reset());
    }
}

#[pymethods]
impl Alarm {
    /// Forget the object, unless it came out.
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        drop(self.engine.take_back(self.ticket));
    }
}
