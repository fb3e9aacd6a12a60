//! The state of a pool that its jobs look at, and the callbacks that are due.

use interlock_pool::Crew;
use interlock_wait::StateLock;
use interlock_wait::primitive::global::{AtomicBool, AtomicUsize, Ordering};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::result::AsyncResult;
use crate::call::call_one;
use crate::futures::Answer;

/// What jobs know of their pool.
pub(super) struct State {
    pub(super) deliveries: Crew<Delivery>,
    terminated: AtomicBool,
    unfinished: AtomicUsize,
    /// Why no call is made any more, if there is a reason of the pool's own.
    failure: StateLock<Option<Py<PyAny>>>,
}

impl State {
    pub(super) fn new() -> Self {
        State {
            deliveries: Crew::new(),
            terminated: AtomicBool::new(false),
            unfinished: AtomicUsize::new(0),
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

    /// Counts one job more.
    pub(super) fn begun(&self) {
        // Relaxed: for those who only want to know.
        self.unfinished.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one job less.
    pub(super) fn finished(&self) {
        // Relaxed: for those who only want to know. In the child of a fork the count began again from 0.
        let _ = self
            .unfinished
            // Relaxed: as above.
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
    }

    /// How many jobs are not finished.
    pub(super) fn unfinished(&self) -> usize {
        // Relaxed: for those who only want to know.
        self.unfinished.load(Ordering::Relaxed)
    }

    /// Counts no jobs.
    pub(super) fn forget_jobs(&self) {
        // Relaxed: the child of a fork has one thread.
        self.unfinished.store(0, Ordering::Relaxed);
    }

    /// The answer to calls that are not made.
    pub(super) fn reason(&self, py: Python<'_>) -> Answer {
        let failure = self.failure.lock().as_ref().map(|failure| failure.clone_ref(py));
        Answer::Exception(failure.unwrap_or_else(|| {
            PyRuntimeError::new_err("the pool was terminated before it made this call")
                .into_value(py)
                .into_any()
        }))
    }

    /// Has the thread for callbacks take a delivery, or takes it along here if there can be no such thread.
    pub(super) fn call_back(&self, py: Python<'_>, delivery: Delivery) {
        let started = self.deliveries.workers() > 0
            || delivery
                .pool
                .bind(py)
                .call_method0("_start_result_handler")
                .is_ok();
        let refused = if started {
            self.deliveries.put(delivery).err()
        } else {
            Some(delivery)
        };
        if let Some(delivery) = refused
            && let Err(error) = delivery.run(py, self)
        {
            error.write_unraisable(py, None);
        }
    }
}

/// An answer on its way through a callback.
pub(super) struct Delivery {
    pub(super) result: Py<AsyncResult>,
    pub(super) answer: Answer,
    pub(super) callback: Py<PyAny>,
    pub(super) pool: Py<PyAny>,
}

impl Delivery {
    /// Calls the callback, and then wakes who waits for the result.
    pub(super) fn run(self, py: Python<'_>, state: &State) -> PyResult<()> {
        let called = if state.is_terminated() {
            Ok(())
        } else {
            call_one(self.callback.bind(py), self.answer.object().bind_borrowed(py))
                .map(drop)
                .or_else(|error| report(py, error))
        };
        state.finished();
        self.result.get().finish(self.answer);
        called
    }
}

/// Has what a callback raised reported as what a thread raises is.
#[cold]
fn report(py: Python<'_>, error: PyErr) -> PyResult<()> {
    let module = py.import("interlock.multiprocessing._thread_pool")?;
    module.call_method1("report", (error,)).map(drop)
}
