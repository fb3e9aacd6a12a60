//! The state of a pool that its jobs use, and the callbacks that are due.

use interlock_pool::{DEFAULT_PRIORITY, Growth};
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::result::AsyncResult;
use crate::engine::{PoolCore, StateLock};
use crate::futures::Answer;
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// The part of a pool that its jobs know.
pub(super) struct State {
    /// The deliveries that wait for the one thread that runs callbacks.
    pub(super) deliveries: PoolCore<Delivery>,
    terminated: AtomicBool,
    jobs: StateLock<Jobs>,
    /// The reason why no more calls are made, if the pool itself failed.
    failure: StateLock<Option<Py<PyAny>>>,
}

struct Jobs {
    unfinished: usize,
    /// For a pool that has been materialized: called at the end of each earlier job, with the delivery that is due or
    /// with None.
    rest: Option<Py<PyAny>>,
}

impl State {
    pub(super) fn new() -> Self {
        State {
            deliveries: PoolCore::new_in(1, 0),
            terminated: AtomicBool::new(false),
            jobs: StateLock::new(Jobs {
                unfinished: 0,
                rest: None,
            }),
            failure: StateLock::new(None),
        }
    }

    /// Returns whether workers must make no more calls.
    #[inline]
    pub(super) fn is_terminated(&self) -> bool {
        // Relaxed: a worker that sees this late makes one more call.
        self.terminated.load(Ordering::Relaxed)
    }

    pub(super) fn terminate(&self) {
        // Relaxed: as above.
        self.terminated.store(true, Ordering::Relaxed);
    }

    /// Makes `error` the reason why no more calls are made.
    pub(super) fn fail(&self, error: Py<PyAny>) {
        let before = self.failure.lock().replace(error);
        drop(before);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.lock().is_some()
    }

    /// Counts one more job. Returns false if the pool is materialized and has its jobs elsewhere.
    pub(super) fn begun(&self) -> bool {
        let mut jobs = self.jobs.lock();
        if jobs.rest.is_none() {
            jobs.unfinished += 1;
        }
        jobs.rest.is_none()
    }

    /// Registers `rest` for the end of all present jobs, and returns how many there are.
    pub(super) fn leave_to(&self, rest: Py<PyAny>) -> usize {
        let mut jobs = self.jobs.lock();
        jobs.rest = Some(rest);
        jobs.unfinished
    }

    /// Returns whether the pool is materialized.
    pub(super) fn is_materialized(&self) -> bool {
        self.jobs.lock().rest.is_some()
    }

    /// Returns how many jobs are not finished.
    pub(super) fn unfinished(&self) -> usize {
        self.jobs.lock().unfinished
    }

    /// Sets the number of jobs to 0.
    pub(super) fn forget_jobs(&self) {
        self.jobs.lock().unfinished = 0;
    }

    /// Counts one job as finished.
    pub(super) fn finished(&self, py: Python<'_>) {
        if let Some(rest) = self.count_out(py) {
            notify(py, &rest, None);
        }
    }

    /// Counts one job as finished, and returns the callable to notify, if there is one.
    fn count_out(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let mut jobs = self.jobs.lock();
        // In the child of a fork the count started again from 0.
        jobs.unfinished = jobs.unfinished.saturating_sub(1);
        jobs.rest.as_ref().map(|rest| rest.clone_ref(py))
    }

    /// Returns the answer of calls that are not made.
    pub(super) fn reason(&self, py: Python<'_>) -> Answer {
        let failure = self.failure.lock().as_ref().map(|failure| failure.clone_ref(py));
        failure.map_or_else(
            || {
                let message = "the pool was terminated before it made this call";
                Answer::of(py, Err(PyRuntimeError::new_err(message)))
            },
            Answer::Exception,
        )
    }

    /// Ends a job: runs the callback for its answer, then delivers the answer.
    pub(super) fn deliver(
        state: &Arc<Attached<Self>>,
        result: Py<AsyncResult>,
        py: Python<'_>,
        answer: Answer,
    ) {
        let (callback, error_callback) = result.get().take_callbacks(py);
        let (callback, other) = match answer {
            Answer::Result(_) => (callback, error_callback),
            Answer::Exception(_) => (error_callback, callback),
        };
        drop(other);
        match callback {
            Some(callback) if !state.get(py).is_terminated() => Self::call_back(
                state,
                py,
                Delivery {
                    result,
                    answer,
                    callback,
                },
            ),
            _ => state.get(py).abandon(result.bind(py), answer),
        }
    }

    /// Ends a job without a callback.
    pub(super) fn abandon(&self, result: &Bound<'_, AsyncResult>, answer: Answer) {
        self.finished(result.py());
        AsyncResult::finish(result, answer);
    }

    /// Passes a delivery to the thread that runs callbacks, or runs it here if there can be no such thread.
    fn call_back(state: &Arc<Attached<Self>>, py: Python<'_>, delivery: Delivery) {
        let (mut delivery, pool) = (delivery, state.get(py));
        if !pool.is_materialized() {
            let missing = pool.deliveries.missing(Growth::PerTask { more: 1 });
            if missing > 0 && delivery.start_handler(py).is_err() {
                return delivery.run(py, pool);
            }
            match pool.deliveries.try_put(DEFAULT_PRIORITY, delivery) {
                Ok(_) => return,
                // The pool was materialized, or the interpreter is exiting.
                Err(refusal) => delivery = refusal.into_inner(),
            }
        }
        let rest = pool.jobs.lock().rest.as_ref().map(|rest| rest.clone_ref(py));
        match rest {
            None => delivery.run(py, pool),
            Some(rest) => {
                pool.count_out(py);
                let delivery = MultiprocessingDelivery {
                    delivery: Attached::new(StateLock::new(Some(delivery))),
                    state: state.clone(),
                    initialized: Initialized::new(),
                };
                notify(py, &rest, Some(delivery));
            }
        }
    }

    /// Visits the contents for the garbage collector. The pool is the only Python object that holds the state, so it
    /// reports the contents as its own.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(failure) = self.failure.try_lock() {
            visit.call(&*failure)?;
        }
        match self.jobs.try_lock() {
            Some(jobs) => visit.call(&jobs.rest),
            None => Ok(()),
        }
    }

    /// Releases the objects that `traverse` visits.
    pub(super) fn clear(&self) {
        let failure = self.failure.lock().take();
        let rest = self.jobs.lock().rest.take();
        drop((failure, rest));
    }
}

fn notify(py: Python<'_>, rest: &Py<PyAny>, delivery: Option<MultiprocessingDelivery>) {
    if let Err(error) = rest.call1(py, (delivery,)) {
        error.write_unraisable(py, Some(rest.bind(py)));
    }
}

/// An answer whose callback has to run first.
pub(super) struct Delivery {
    pub(super) result: Py<AsyncResult>,
    pub(super) answer: Answer,
    pub(super) callback: Py<PyAny>,
}

impl Delivery {
    /// Calls the callback, then wakes the threads that wait for the result.
    pub(super) fn run(self, py: Python<'_>, state: &State) {
        let result = self.result.bind(py);
        self.call(py, state);
        state.finished(py);
        AsyncResult::finish(result, self.answer);
    }

    fn call(&self, py: Python<'_>, state: &State) {
        if state.is_terminated() {
            return;
        }
        if let Err(error) = self.callback.bind(py).call1((self.answer.object(),)) {
            report(py, error);
        }
    }

    fn start_handler(&self, py: Python<'_>) -> PyResult<()> {
        let Some(pool) = self.result.get().pool(py) else {
            return Ok(());
        };
        let core = pool.call_method0(py, intern!(py, "_interlock_core"))?;
        core.call_method0(py, intern!(py, "start_result_handler"))
            .map(drop)
    }
}

/// Reports an exception of a callback like an uncaught exception of a thread.
#[cold]
fn report(py: Python<'_>, error: PyErr) {
    let reported = py
        .import("interlock.multiprocessing._core")
        .and_then(|module| module.call_method1("report", (error,)));
    if let Err(error) = reported {
        error.write_unraisable(py, None);
    }
}

/// A delivery of a pool that has been materialized. The standard library's result handler thread calls it.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct MultiprocessingDelivery {
    delivery: Attached<StateLock<Option<Delivery>>>,
    state: Arc<Attached<State>>,
    initialized: Initialized,
}

#[pymethods]
impl MultiprocessingDelivery {
    fn __call__(&self, py: Python<'_>) {
        let delivery = self.delivery.get(py).lock().take();
        if let Some(delivery) = delivery {
            delivery.call(py, self.state.get(py));
            AsyncResult::finish(delivery.result.bind(py), delivery.answer);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        let Some(delivery) = self.delivery.get_in_traverse(&visit).try_lock() else {
            return Ok(());
        };
        let Some(delivery) = &*delivery else {
            return Ok(());
        };
        visit.call(&delivery.result)?;
        visit.call(delivery.answer.object())?;
        visit.call(&delivery.callback)
    }

    fn __clear__(&self, py: Python<'_>) {
        let delivery = self.delivery.get(py).lock().take();
        drop(delivery);
    }
}
