//! Waiting for many futures at once: `as_completed()` and `wait()`.

use interlock_pool::Watch;
use interlock_queue::HostQueue;
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, Interest, Owners, Resource, ResourceId, ResourceKind, fork, observes};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyStopIteration, PyTimeoutError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::future::Future;
use super::remote_call::never_ends;
use super::{remote, waiting};
use crate::blocking;
use crate::convert::Timeout;
use crate::engine::StateLock;
use crate::initialized::Initialized;
use crate::raw::Attached;

/// An iterator that yields futures as they are done. `as_completed()` uses it.
///
/// Its __next__() blocks until the next one is done, and raises TimeoutError if that does not happen in time. Follows
/// https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.as_completed.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Completed {
    waiting: Attached<StateLock<Waiting>>,
    watch: Arc<Watch>,
    total: usize,
    deadline: Deadline,
    initialized: Initialized,
}

/// The futures that were not yielded yet. The index of each is its number in the watch.
struct Waiting {
    futures: Vec<Option<Py<Future>>>,
    left: usize,
}

#[pymethods]
impl Completed {
    /// Create the iterator. Returns None if one of the futures is materialized, or belongs to another library.
    #[staticmethod]
    fn over(futures: &Bound<'_, PyList>, timeout: Timeout) -> PyResult<Option<Self>> {
        let Some((futures, watch)) = watch_all(futures)? else {
            return Ok(None);
        };
        let total = futures.len();
        let futures = futures.into_iter().map(|future| Some(future.unbind())).collect();
        Ok(Some(Completed {
            waiting: Attached::new(StateLock::new(Waiting { futures, left: total })),
            watch,
            total,
            deadline: timeout.deadline()?,
            initialized: Initialized::new(),
        }))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, Future>>> {
        if self.waiting.get(py).lock().left == 0 {
            return Ok(None);
        }
        let mut number = self.next_number(py)?;
        while !self.is_done(py, number)? {
            number = self.next_number(py)?;
        }
        let mut waiting = self.waiting.get(py).lock();
        let future = waiting.futures.get_mut(number).and_then(Option::take);
        waiting.left -= 1;
        drop(waiting);
        let future = future.map(|future| future.into_bound(py));
        if let Some(future) = future
            .as_ref()
            .filter(|future| future.as_super().get().is_materialized())
        {
            waiting::unwatch(future, &self.watch)?;
        }
        Ok(future)
    }

    /// The same as __next__(), for the send() of a generator that delegates to this.
    fn send<'py>(&self, py: Python<'py>, _value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Future>> {
        self.__next__(py)?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    /// Stop watching the futures. Never blocks for long.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let futures = {
            let mut waiting = self.waiting.get(py).lock();
            waiting.left = 0;
            std::mem::take(&mut waiting.futures)
        };
        let mut futures = futures.iter().flatten();
        futures.try_for_each(|future| waiting::unwatch(future.bind(py), &self.watch))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        // If another thread is using them, the futures are not visited. That keeps them alive, which is always safe.
        let Some(waiting) = self.waiting.get_in_traverse(&visit).try_lock() else {
            return Ok(());
        };
        waiting
            .futures
            .iter()
            .flatten()
            .try_for_each(|future| visit.call(future))
    }
}

impl Completed {
    /// Returns the number of a future whose end the watch has got.
    #[inline]
    fn next_number(&self, py: Python<'_>) -> PyResult<usize> {
        match self.watch.try_get() {
            Ok(number) => Ok(number),
            Err(_) => self.wait(py),
        }
    }

    /// Returns whether a future is done; otherwise the watch gets its number once more.
    #[inline]
    fn is_done(&self, py: Python<'_>, number: usize) -> PyResult<bool> {
        let future = {
            let waiting = self.waiting.get(py).lock();
            let future = waiting.futures.get(number).and_then(Option::as_ref);
            future.map(|future| future.clone_ref(py))
        };
        future.map_or(Ok(true), |future| {
            waiting::is_done_or_watched(future.bind(py), &self.watch, number)
        })
    }

    /// Returns the only future that is left, for an observer: any of several may be done first.
    fn last(&self, py: Python<'_>) -> Option<Py<Future>> {
        let waiting = self.waiting.get(py).lock();
        let is_last = waiting.left == 1 && observes(Interest::Waits);
        waiting
            .futures
            .iter()
            .flatten()
            .find(|_| is_last)
            .map(|future| future.clone_ref(py))
    }

    /// Returns whether nothing in this process will end any of the futures that are left.
    fn never_end(&self, py: Python<'_>) -> bool {
        let waiting = self.waiting.get(py).lock();
        let left: Vec<_> = waiting
            .futures
            .iter()
            .flatten()
            .map(|it| it.clone_ref(py))
            .collect();
        drop(waiting);
        remote::never_end(left.iter().map(|future| future.bind(py)))
    }

    #[cold]
    fn wait(&self, py: Python<'_>) -> PyResult<usize> {
        let last = self.last(py);
        let unfinished = Unfinished::of(py, last.as_slice().iter().map(Py::get));
        if self.deadline == Deadline::NEVER && fork::generation() != 0 && self.never_end(py) {
            return Err(never_ends());
        }
        let got = blocking::wait(py, self.deadline, |context| {
            self.watch.get_with(&mut context.named(&unfinished))
        })?;
        got.map_err(|_| {
            let left = self.waiting.get(py).lock().left;
            let message = format!("{left} (of {}) futures unfinished", self.total);
            PyTimeoutError::new_err(message)
        })
    }
}

/// The resource of a thread that waits for futures, for observers.
struct Unfinished<'a> {
    id: ResourceId,
    running: Vec<&'a dyn Owners>,
}

impl<'a> Unfinished<'a> {
    /// Makes the resource of a wait that lasts until all these futures are done. Without an observer, its owners
    /// are not needed.
    fn of(py: Python<'a>, futures: impl Iterator<Item = &'a Future>) -> Self {
        let asked = futures.take_while(|_| observes(Interest::Waits));
        Unfinished {
            id: ResourceId::fresh(),
            running: asked.filter_map(|future| future.engine(py).owned()).collect(),
        }
    }
}

impl Resource for Unfinished<'_> {
    fn id(&self) -> ResourceId {
        self.id
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Outcome
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.running)
    }
}

/// Futures, and a watch that is notified of the end of each.
type Watched<'py> = (Vec<Bound<'py, Future>>, Arc<Watch>);

/// Watches all futures. Returns `None` if one of them is materialized, or belongs to another library.
fn watch_all<'py>(futures: &Bound<'py, PyList>) -> PyResult<Option<Watched<'py>>> {
    let Ok(futures) = futures
        .iter()
        .map(Bound::cast_into::<Future>)
        .collect::<Result<Vec<_>, _>>()
    else {
        return Ok(None);
    };
    let watch = Arc::new(Watch::new(0));
    for (number, future) in futures.iter().enumerate() {
        if !waiting::watch(future, &watch, number)? {
            unwatch_all(&futures[..number], &watch)?;
            return Ok(None);
        }
    }
    Ok(Some((futures, watch)))
}

fn unwatch_all(futures: &[Bound<'_, Future>], watch: &Arc<Watch>) -> PyResult<()> {
    futures
        .iter()
        .try_for_each(|future| waiting::unwatch(future, watch))
}

/// When `wait()` returns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    FirstCompleted,
    FirstException,
    AllCompleted,
}

/// Wait for futures, and return those that are done. `until` is one of the constants of `concurrent.futures`.
/// Returns None at once if one of the futures is materialized, or belongs to another library.
///
/// Blocks for at most `timeout` seconds (None: without limit).
#[pyfunction]
pub(crate) fn wait_for_futures<'py>(
    py: Python<'py>,
    futures: &Bound<'py, PyList>,
    timeout: Timeout,
    until: &str,
) -> PyResult<Option<Vec<Bound<'py, Future>>>> {
    let until = match until {
        "FIRST_COMPLETED" => Until::FirstCompleted,
        "FIRST_EXCEPTION" => Until::FirstException,
        _ => Until::AllCompleted,
    };
    let deadline = timeout.deadline()?;
    let Some((futures, watch)) = watch_all(futures)? else {
        return Ok(None);
    };
    let done = collect(py, &futures, &watch, deadline, until);
    unwatch_all(&futures, &watch)?;
    let mut done = done?;
    // Add the futures that were done in the meantime, before the watch was removed.
    while let Ok(number) = watch.try_get() {
        if remote::report_end(&futures[number]) {
            done.push(number);
        }
    }
    Ok(Some(
        done.into_iter().map(|number| futures[number].clone()).collect(),
    ))
}

/// Waits until enough futures are done, and returns the numbers of those that are.
fn collect(
    py: Python<'_>,
    futures: &[Bound<'_, Future>],
    watch: &Arc<Watch>,
    deadline: Deadline,
    until: Until,
) -> PyResult<Vec<usize>> {
    let mut done = Vec::with_capacity(futures.len());
    while done.len() < futures.len() {
        let most = futures.len() - done.len();
        // If the end of one future may be enough, the wait depends on a single future only if it is the last one.
        let needed = until == Until::AllCompleted || most == 1;
        let unfinished = |number: &usize| needed && !done.contains(number);
        let numbers = (0..futures.len()).filter(unfinished);
        let unfinished = Unfinished::of(py, numbers.map(|number| futures[number].get()));
        let left = || (0..futures.len()).filter(|number| !done.contains(number));
        if deadline == Deadline::NEVER
            && fork::generation() != 0
            && watch.is_empty()
            && remote::never_end(left().map(|number| &futures[number]))
        {
            return Err(never_ends());
        }
        let came = blocking::wait(py, deadline, |context| {
            watch.get_many_with(most, &mut context.named(&unfinished))
        })?;
        let Ok(mut came) = came else {
            break;
        };
        let mut result = Ok(());
        came.retain(|&number| {
            waiting::is_done_or_watched(&futures[number], watch, number).unwrap_or_else(|error| {
                result = Err(error);
                true
            })
        });
        result?;
        if came.is_empty() {
            continue;
        }
        let mut failed = false;
        if until == Until::FirstException {
            for &number in &came {
                failed = failed || waiting::has_failed(&futures[number])?;
            }
        }
        done.extend(came);
        if until == Until::FirstCompleted || failed {
            break;
        }
    }
    Ok(done)
}
