//! Futures that are cancelled when their time is over.

use interlock_pool::Ticket;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::Timeout;
use crate::engine::DelayQueue;
use crate::raw::Attached;

/// Objects with a deadline, which come out when it has passed; see `interlock.concurrent.futures._clock`.
///
/// The garbage collector does not see them: they are weak references without callbacks, which refer to nothing else.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Alarms {
    engine: Arc<Attached<DelayQueue<Py<PyAny>>>>,
}

/// The handle of an object among the alarms. Calling it, as a callback of a future, forgets the object.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Alarm {
    engine: Arc<Attached<DelayQueue<Py<PyAny>>>>,
    ticket: Ticket,
}

#[pymethods]
impl Alarms {
    #[new]
    fn new() -> Self {
        Alarms {
            engine: Arc::new(Attached::new(DelayQueue::new_in())),
        }
    }

    /// Let next() return `item` in `timeout` seconds. Returns its alarm, and whether a thread has to call next() now.
    /// Never blocks.
    fn put(&self, py: Python<'_>, timeout: Timeout, item: Py<PyAny>) -> PyResult<(Alarm, bool)> {
        let (ticket, wanted) = self.engine.get(py).put(timeout.deadline()?, item);
        let engine = self.engine.clone();
        Ok((Alarm { engine, ticket }, wanted))
    }

    /// Return the item whose time came first. Blocks until there is one. Returns None if there is no item at all.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        blocking::wait(py, Deadline::NEVER, |context| {
            self.engine.get(py).take_with(context)
        })
    }

    /// Return how many items there are.
    fn __len__(&self, py: Python<'_>) -> usize {
        self.engine.get(py).len()
    }

    /// Forget all items: for the child of a fork, where no thread takes them.
    fn reset(&self, py: Python<'_>) {
        drop(self.engine.get(py).reset());
    }
}

#[pymethods]
impl Alarm {
    /// Forget the object, unless next() has returned it.
    fn __call__(&self, py: Python<'_>, _future: &Bound<'_, PyAny>) {
        drop(self.engine.get(py).take_back(self.ticket));
    }
}
