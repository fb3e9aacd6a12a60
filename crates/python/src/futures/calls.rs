//! The `_work_queue` of a native executor.

#![expect(
    clippy::disallowed_methods,
    reason = "the code that PyO3 generates for __getattr__ reads errors that are exceptions already"
)]

use std::sync::OnceLock;

use interlock_wait::primitive::Arc;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyReferenceError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use super::executor_worker::{Shared, Worker};
use crate::blocking;
use crate::convert::Timeout;
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// The calls that wait in an executor, with the methods of a queue.
///
/// Counting the calls changes nothing. Any other operation materializes the executor, and is then done on its queue.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct WaitingCalls {
    shared: Arc<Attached<Shared>>,
    executor: Py<PyWeakrefReference>,
    /// The queue of the executor, once it is materialized.
    queue: OnceLock<Py<PyAny>>,
    initialized: Initialized,
}

#[pymethods]
impl WaitingCalls {
    /// Return how many calls wait.
    fn qsize<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.queue.get() {
            Some(queue) => queue.bind(py).call_method0(intern!(py, "qsize")),
            None => Ok(self.shared.get(py).core.waiting().into_pyobject(py)?.into_any()),
        }
    }

    /// Return whether no call waits.
    fn empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(!self.qsize(py)?.is_truthy()?)
    }

    /// Put an item in. At interpreter exit, None means that there will be no more calls.
    #[pyo3(signature = (item, *args, **kwargs))]
    fn put<'py>(
        &self,
        item: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = item.py();
        if self.queue.get().is_none() && item.is_none() {
            let exits = py.import("concurrent.futures.thread")?.getattr("_shutdown")?;
            if exits.is_truthy()? {
                self.shared.get(py).core.shutdown();
                return Ok(py.None().into_bound(py));
            }
        }
        let args = [item.clone()].into_iter().chain(args.iter()).collect::<Vec<_>>();
        let put = self.materialized_queue(py)?.getattr(intern!(py, "put"))?;
        put.call(PyTuple::new(py, args)?, kwargs)
    }

    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.materialized_queue(name.py())?.getattr(name)
    }

    /// The handle of a new worker, which is counted from now on. None if the executor has as many as it may.
    fn _interlock_worker(&self, py: Python<'_>) -> Option<Worker> {
        Worker::enter(py, self.shared.clone())
    }

    /// Called by the weak references of the workers when the executor is gone. (A native executor has notified them
    /// itself.)
    fn _interlock_lost(&self, reference: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = reference.py();
        match self.queue.get() {
            Some(queue) => queue.call_method1(py, intern!(py, "put"), (py.None(),)).map(drop),
            None => Ok(()),
        }
    }

    /// The executor's queue, once the executor is materialized.
    fn _interlock_materialized(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.queue.get().map(|queue| queue.clone_ref(py))
    }

    /// Wait until `number` calls are done (None: all that were submitted so far), for at most `timeout` seconds (None:
    /// without limit). Returns how many are done.
    #[pyo3(signature = (number = None, timeout = Timeout::Never))]
    fn _interlock_wait(&self, py: Python<'_>, number: Option<u64>, timeout: Timeout) -> PyResult<u64> {
        let core = &self.shared.get(py).core;
        let number = number.unwrap_or_else(|| core.stats().submitted);
        blocking::wait(py, timeout.deadline()?, |context| {
            core.wait_for_ended(number, context)
        })
    }

    /// Count `count` calls as done whose futures _interlock_shut_down() or Worker.drain() returned, and which the
    /// caller has ended since. Threads that wait until all calls are done rely on this.
    fn _interlock_taken_out(&self, py: Python<'_>, count: u64) {
        self.shared.get(py).core.drop_drained(count);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        visit.call(&self.executor)?;
        self.queue.get().map_or(Ok(()), |queue| visit.call(queue))
    }
}

impl WaitingCalls {
    pub(super) fn of(pool: &Bound<'_, PyAny>, shared: Arc<Attached<Shared>>) -> PyResult<Self> {
        Ok(WaitingCalls {
            shared,
            executor: PyWeakrefReference::new(pool)?.unbind(),
            queue: OnceLock::new(),
            initialized: Initialized::new(),
        })
    }

    /// Returns the weak reference to the executor.
    pub(super) fn executor(&self) -> &Py<PyWeakrefReference> {
        &self.executor
    }

    /// Makes `queue` the place where calls wait from now on.
    pub(super) fn move_to(&self, queue: &Bound<'_, PyAny>) {
        let _ = self.queue.set(queue.clone().unbind());
    }

    /// Returns the executor's queue. Materializes the executor.
    fn materialized_queue<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.queue.get().is_none()
            && let Some(executor) = self.executor.bind(py).upgrade()
        {
            executor.call_method0(intern!(py, "_interlock_materialize"))?;
        }
        let queue = self.queue.get().map(|queue| queue.bind(py).clone());
        queue.ok_or_else(|| PyReferenceError::new_err("the executor does not exist any more"))
    }
}
