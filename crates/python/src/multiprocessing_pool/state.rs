//! The state of a pool that its jobs look at, and the callbacks that are due.

use interlock_pool::CountedQueue;
use interlock_wait::StateLock;
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::result::AsyncResult;
use crate::futures::Answer;
use crate::initialized::Initialized;
use crate::raw::intern;

/// What jobs know of their pool.
pub(super) struct State {
    pub(super) deliveries: CountedQueue<Delivery>,
    terminated: AtomicBool,
    jobs: StateLock<Jobs>,
    /// Why no call is made any more, if there is a reason of the pool's own.
    failure: StateLock<Option<Py<PyAny>>>,
}

struct Jobs {
    unfinished: usize,
    /// Of a pool that is open by now: called at the end of each job that it had, with the delivery that is due, or with None.
    rest: Option<Py<PyAny>>,
}

impl State {
    pub(super) fn new() -> Self {
        State {
            deliveries: CountedQueue::new(),
            terminated: AtomicBool::new(false),
            jobs: StateLock::new(Jobs {
                unfinished: 0,
                rest: None,
            }),
            failure: StateLock::new(None),
        }
    }

    /// Whether no more calls are to be made.
    #[inline]
    pub(super) fn is_terminated(&self) -> bool {
        // Relaxed: whoever sees it late makes one call more.
        self.terminated.load(Ordering::Relaxed)
    }

    pub(super) fn terminate(&self) {
        // Relaxed: as above.
        self.terminated.store(true, Ordering::Relaxed);
    }

    /// Makes `error` the reason why no calls are made.
    pub(super) fn fail(&self, error: Py<PyAny>) {
        let before = self.failure.lock().replace(error);
        drop(before);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.lock().is_some()
    }

    /// Counts one job more; false if the pool is open, and has its jobs somewhere else.
    pub(super) fn begun(&self) -> bool {
        let mut jobs = self.jobs.lock();
        if jobs.rest.is_none() {
            jobs.unfinished += 1;
        }
        jobs.rest.is_none()
    }

    /// Has `rest` hear of the end of all jobs that there are: so many.
    pub(super) fn leave_to(&self, rest: Py<PyAny>) -> usize {
        let mut jobs = self.jobs.lock();
        jobs.rest = Some(rest);
        jobs.unfinished
    }

    /// Whether the pool is open.
    pub(super) fn is_left(&self) -> bool {
        self.jobs.lock().rest.is_some()
    }

    /// How many jobs are not finished.
    pub(super) fn unfinished(&self) -> usize {
        self.jobs.lock().unfinished
    }

    /// Counts no jobs.
    pub(super) fn forget_jobs(&self) {
        self.jobs.lock().unfinished = 0;
    }

    /// Counts one job less.
    pub(super) fn finished(&self, py: Python<'_>) {
        if let Some(rest) = self.count_out(py) {
            tell(py, &rest, None);
        }
    }

    /// Counts one job less; what is to hear of it, if there is somebody.
    fn count_out(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let mut jobs = self.jobs.lock();
        // In the child of a fork the count began again from 0.
        jobs.unfinished = jobs.unfinished.saturating_sub(1);
        jobs.rest.as_ref().map(|rest| rest.clone_ref(py))
    }

    /// The answer to calls that are not made.
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

    /// Hands an answer over, by way of the callback for it; the job is at its end.
    pub(super) fn deliver(state: &Arc<Self>, result: Py<AsyncResult>, py: Python<'_>, answer: Answer) {
        let (callback, error_callback) = result.get().take_callbacks();
        let (callback, other) = match answer {
            Answer::Result(_) => (callback, error_callback),
            Answer::Exception(_) => (error_callback, callback),
        };
        drop(other);
        match callback {
            Some(callback) if !state.is_terminated() => Self::call_back(
                state,
                py,
                Delivery {
                    result,
                    answer,
                    callback,
                },
            ),
            _ => state.abandon(result.bind(py), answer),
        }
    }

    /// Ends a job without a callback.
    pub(super) fn abandon(&self, result: &Bound<'_, AsyncResult>, answer: Answer) {
        self.finished(result.py());
        AsyncResult::finish(result, answer);
    }

    /// Has the thread for callbacks take a delivery, or takes it along here if there can be no such thread.
    fn call_back(state: &Arc<Self>, py: Python<'_>, delivery: Delivery) {
        let mut delivery = delivery;
        if !state.is_left() {
            let started = state.deliveries.workers() > 0 || delivery.start_handler(py).is_ok();
            if !started {
                return delivery.run(py, state);
            }
            match state.deliveries.put(delivery) {
                Ok(()) => return,
                Err(refused) => delivery = refused, // the pool was opened meanwhile, or the interpreter ends
            }
        }
        let rest = state.jobs.lock().rest.as_ref().map(|rest| rest.clone_ref(py));
        match rest {
            None => delivery.run(py, state),
            Some(rest) => {
                state.count_out(py);
                let delivery = MultiprocessingDelivery {
                    delivery: StateLock::new(Some(delivery)),
                    state: state.clone(),
                    initialized: Initialized::new(),
                };
                tell(py, &rest, Some(delivery));
            }
        }
    }

    /// For the garbage collector. Others than the pool have the state, too, but no Python object among them; so the pool
    /// answers for what is in it.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(failure) = self.failure.try_lock() {
            visit.call(&*failure)?;
        }
        match self.jobs.try_lock() {
            Some(jobs) => visit.call(&jobs.rest),
            None => Ok(()),
        }
    }

    /// Lets go of what the collector is told of.
    pub(super) fn clear(&self) {
        let failure = self.failure.lock().take();
        let rest = self.jobs.lock().rest.take();
        drop((failure, rest));
    }
}

fn tell(py: Python<'_>, rest: &Py<PyAny>, delivery: Option<MultiprocessingDelivery>) {
    if let Err(error) = rest.call1(py, (delivery,)) {
        error.write_unraisable(py, Some(rest.bind(py)));
    }
}

/// An answer on its way through a callback.
pub(super) struct Delivery {
    pub(super) result: Py<AsyncResult>,
    pub(super) answer: Answer,
    pub(super) callback: Py<PyAny>,
}

impl Delivery {
    /// Calls the callback, and then wakes who waits for the result.
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

/// Has what a callback raised reported as what a thread raises is.
#[cold]
fn report(py: Python<'_>, error: PyErr) {
    let reported = py
        .import("interlock.multiprocessing._core")
        .and_then(|module| module.call_method1("report", (error,)));
    if let Err(error) = reported {
        error.write_unraisable(py, None);
    }
}

/// A delivery of a pool that is open by now: called by the thread that hands over the results.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct MultiprocessingDelivery {
    delivery: StateLock<Option<Delivery>>,
    state: Arc<State>,
    initialized: Initialized,
}

#[pymethods]
impl MultiprocessingDelivery {
    fn __call__(&self, py: Python<'_>) {
        let delivery = self.delivery.lock().take();
        if let Some(delivery) = delivery {
            delivery.call(py, &self.state);
            AsyncResult::finish(delivery.result.bind(py), delivery.answer);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        let Some(delivery) = self.delivery.try_lock() else {
            return Ok(());
        };
        let Some(delivery) = &*delivery else {
            return Ok(());
        };
        visit.call(&delivery.result)?;
        visit.call(delivery.answer.object())?;
        visit.call(&delivery.callback)
    }

    fn __clear__(&self) {
        let delivery = self.delivery.lock().take();
        drop(delivery);
    }
}
