//! Waiting for many futures at once: `as_completed()` and `wait()`.

use std::collections::VecDeque;

use interlock_pool::Watch;
use interlock_queue::{Discard, GetError};
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, StateLock};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyTimeoutError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::answer::Answer;
use super::future::Future;
use crate::blocking;
use crate::convert::Timeout;
use crate::made::Made;

/// An iterator over futures that gives each as it is done.
///
/// Its __next__() blocks until the next one is; it raises TimeoutError when that does not happen in time. Follows
/// https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.as_completed.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Completed {
    waiting: StateLock<Waiting>,
    watch: Arc<Watch>,
    total: usize,
    deadline: Deadline,
    made: Made,
}

/// The futures that were not given yet, at the numbers that their watch knows them by.
struct Waiting {
    futures: Vec<Option<Py<Future>>>,
    left: usize,
}

#[pymethods]
impl Completed {
    #[new]
    fn new(futures: Vec<Bound<'_, Future>>, timeout: Timeout) -> PyResult<Self> {
        let deadline = timeout.deadline()?;
        let watch = Arc::new(Watch::new(0));
        for (number, future) in futures.iter().enumerate() {
            future.get().engine().watch(&watch, number);
        }
        let total = futures.len();
        let futures = futures.into_iter().map(|future| Some(future.unbind())).collect();
        Ok(Completed {
            waiting: StateLock::new(Waiting { futures, left: total }),
            watch,
            total,
            deadline,
            made: Made::new(),
        })
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<Future>>> {
        let number = match self.watch.try_get() {
            Ok(number) => number,
            Err(_) => match self.wait(py)? {
                Some(number) => number,
                None => return Ok(None),
            },
        };
        let mut waiting = self.waiting.lock();
        // None if close() was called meanwhile.
        let future = waiting.futures.get_mut(number).and_then(Option::take);
        if future.is_some() {
            waiting.left -= 1;
            if waiting.left == 0 {
                drop(waiting);
                self.end();
            }
        }
        Ok(future)
    }

    /// Hear of no more futures. Never blocks.
    fn close(&self) {
        let futures = {
            let mut waiting = self.waiting.lock();
            waiting.left = 0;
            std::mem::take(&mut waiting.futures)
        };
        self.end();
        for future in futures.iter().flatten() {
            future.get().engine().unwatch(&self.watch);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        // Not visited if another thread is at work on it: that keeps the futures alive, which is always safe.
        let Some(waiting) = self.waiting.try_lock() else {
            return Ok(());
        };
        waiting
            .futures
            .iter()
            .flatten()
            .try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self) {
        self.close();
    }
}

impl Completed {
    #[cold]
    fn wait(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        if self.waiting.lock().left == 0 {
            return Ok(None);
        }
        let got = blocking::wait(py, self.deadline, |patience| self.watch.get_with(patience))?;
        match got {
            Ok(number) => Ok(Some(number)),
            Err(GetError::ShutDown | GetError::Retired) => Ok(None),
            Err(GetError::Empty | GetError::Interrupted) => {
                let left = self.waiting.lock().left;
                self.close();
                let message = format!("{left} (of {}) futures unfinished", self.total);
                Err(PyTimeoutError::new_err(message))
            }
        }
    }

    /// Lets other threads that wait for the next future know that there is none.
    fn end(&self) {
        self.watch.shutdown(Discard::Nothing);
    }
}

impl Drop for Completed {
    fn drop(&mut self) {
        self.close();
    }
}

/// What `wait()` waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    FirstCompleted,
    FirstException,
    AllCompleted,
}

/// Wait for futures; those that are done. `until` is one of the constants of `concurrent.futures`.
///
/// Blocks for at most `timeout` seconds (None: without limit).
#[pyfunction]
pub(crate) fn wait_for_futures<'py>(
    py: Python<'py>,
    futures: Vec<Bound<'py, Future>>,
    timeout: Timeout,
    until: &str,
) -> PyResult<Vec<Bound<'py, Future>>> {
    let until = match until {
        "FIRST_COMPLETED" => Until::FirstCompleted,
        "FIRST_EXCEPTION" => Until::FirstException,
        _ => Until::AllCompleted,
    };
    let deadline = timeout.deadline()?;
    let watch = Arc::new(Watch::new(0));
    for (number, future) in futures.iter().enumerate() {
        future.get().engine().watch(&watch, number);
    }
    let done = collect(py, &futures, &watch, deadline, until);
    for future in &futures {
        future.get().engine().unwatch(&watch);
    }
    let mut done = done?;
    // Those that were done while the others were being left.
    while let Ok(number) = watch.try_get() {
        done.push(number);
    }
    Ok(done.into_iter().map(|number| futures[number].clone()).collect())
}

/// The numbers of the futures that are done when enough are.
fn collect(
    py: Python<'_>,
    futures: &[Bound<'_, Future>],
    watch: &Watch,
    deadline: Deadline,
    until: Until,
) -> PyResult<Vec<usize>> {
    let mut done = Vec::with_capacity(futures.len());
    let mut came = VecDeque::new();
    while done.len() < futures.len() {
        let most = futures.len() - done.len();
        match blocking::wait(py, deadline, |patience| watch.get_many_with(most, patience))? {
            Ok(numbers) => came.extend(numbers),
            Err(GetError::Empty | GetError::ShutDown | GetError::Interrupted | GetError::Retired) => break,
        }
        let failed = came.iter().any(|&number| {
            let engine = futures[number].get().engine();
            let raised = engine.value(|answer| matches!(answer, Answer::Exception(_)));
            !engine.phase().is_cancelled() && raised == Some(true)
        });
        done.extend(came.drain(..));
        if until == Until::FirstCompleted || (until == Until::FirstException && failed) {
            break;
        }
    }
    Ok(done)
}
