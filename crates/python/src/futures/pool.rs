//! The thread pool behind `ThreadPoolExecutor`.

use std::collections::VecDeque;
use std::sync::OnceLock;

use interlock_pool::{DEFAULT_PRIORITY, Growth};
use interlock_queue::{PutError, PutOutcome};
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyAttributeError, PyException};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PySet, PyString, PyTuple, PyType};

use super::backlog::Backlog;
use super::calls::WaitingCalls;
use super::executor_worker::Shared;
use super::future::{Future, future_class, new_future};
use super::living;
use super::map::Results;
use super::task::Task;
use crate::convert::Timeout;
use crate::engine::StateLock;
use crate::errors::{self, Failure};
use crate::initialized::Initialized;
use crate::materialize::{Exported, Native, function, native};
use crate::raw::{Attached, intern};
use crate::standard_class::Standard;
use crate::{blocking, raw};

/// The settings of an executor, and whether it takes calls.
#[derive(Clone, Copy, Default)]
struct Settings {
    /// Whether it takes calls from outside.
    takes: bool,
    /// Whether the number of waiting tasks is bounded.
    bounded: bool,
    /// Whether submit() waits for room.
    blocks: bool,
    /// Whether exceptions name the place where their calls were submitted.
    notes: bool,
}

/// A call that was held back: the function, its arguments, and the place where it was submitted, if that is noted.
type HeldCall = (Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>, Option<Py<PyAny>>);

/// The Python parts of a native executor.
struct Parts {
    /// Its `_threads`.
    threads: Py<PySet>,
    /// Its `_work_queue`.
    calls: Py<WaitingCalls>,
}

/// The engine of an executor, in which calls wait for workers.
///
/// An executor is a subclass that starts the workers. This calls _interlock_start_worker() if more calls wait than
/// workers are idle, and there are fewer than _max_workers of them.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct ThreadPool {
    shared: Arc<Attached<Shared>>,
    settings: Attached<StateLock<Settings>>,
    parts: OnceLock<Parts>,
    initialized: Initialized,
}

/// A call as passed to submit().
struct Call<'py> {
    callable: Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
}

#[pymethods]
impl ThreadPool {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let pool = ThreadPool {
            shared: Shared::new(),
            settings: Attached::default(),
            parts: OnceLock::new(),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(pool))
    }

    /// Initialize with these attributes, which are those that the standard library's `__init__` creates; no other
    /// code has them. At most `max_pending` calls can wait (0: any number); `blocks` says whether submit() then
    /// waits for room. Returns False and does nothing if the executor is materialized or was initialized before.
    fn _interlock_begin<'py>(
        slf: &Bound<'py, Self>,
        attributes: &Bound<'py, PyDict>,
        max_pending: usize,
        blocks: bool,
        notes: bool,
    ) -> PyResult<bool> {
        let py = slf.py();
        let found = |name: &Bound<'py, PyString>| attributes.as_any().get_item(name);
        let max_workers = found(intern!(py, "_max_workers"))?.extract::<MaxWorkers>()?.0;
        let parts = Parts {
            threads: found(intern!(py, "_threads"))?.cast_into::<PySet>()?.unbind(),
            calls: Py::new(py, WaitingCalls::of(slf, slf.get().shared.clone())?)?,
        };
        let began = native(slf, |pool| {
            let executor = parts.calls.get().executor().clone_ref(py);
            if pool.parts.set(parts).is_err() {
                return Ok(false);
            }
            living::remember(pool, executor.bind(py));
            pool.shared.get(py).core.set_limit(max_workers);
            pool.shared.get(py).core.set_bound(max_pending);
            *pool.settings.get(py).lock() = Settings {
                takes: true,
                bounded: max_pending > 0,
                blocks,
                notes,
            };
            raw::add_attributes(slf, attributes).map(|()| true)
        })?;
        began.unwrap_or(Ok(false))
    }

    /// Run `fn(*args, **kwargs)` in a worker, and return the future of its result.
    ///
    /// Blocks only if the executor has `max_pending` and that many calls wait: then until a worker takes one of them,
    /// or one is cancelled. A worker of the executor itself never waits here. Raises RuntimeError after shutdown().
    #[pyo3(signature = (r#fn, /, *args, **kwargs), text_signature = "($self, fn, /, *args, **kwargs)")]
    fn submit<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let callable = r#fn;
        let call = Call {
            callable,
            args,
            kwargs,
        };
        match put_new(slf, DEFAULT_PRIORITY, call)? {
            Ok(future) => Ok(future.into_any()),
            Err(call) => submit_standard(slf, call),
        }
    }

    /// Like submit(), with a priority; the smallest number runs first. Returns None if the executor is materialized or
    /// takes no more calls.
    fn _interlock_submit_at<'py>(
        slf: &Bound<'py, Self>,
        priority: i64,
        callable: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Option<Bound<'py, Future>>> {
        put_new(
            slf,
            priority,
            Call {
                callable,
                args,
                kwargs,
            },
        )
        .map(Result::ok)
    }

    /// Like _interlock_submit_at(), for a future that exists already. Ignores the bound, so it never blocks. `call` has
    /// the function, its arguments, and the place where it was submitted, for a note on an exception. Returns whether
    /// the executor takes the call. If this raises an Exception, the executor does not take it.
    fn _interlock_submit_held(
        slf: &Bound<'_, Self>,
        future: Bound<'_, Future>,
        priority: i64,
        call: HeldCall,
    ) -> PyResult<bool> {
        let (callable, args, kwargs, site) = call;
        if slf.get().settings.get(slf.py()).lock().bounded {
            future.get().waits_in(Arc::downgrade(&slf.get().shared) as _);
        }
        let held = future.clone();
        let task = Task {
            future: future.unbind(),
            callable,
            args,
            kwargs,
            site,
        };
        match native(slf, |pool| {
            pool.shared.get(slf.py()).core.put_unbounded(priority, task)
        })? {
            Some(Ok(placed)) => match ensure_worker(slf, placed) {
                Ok(true) => Ok(true),
                Ok(false) => Ok(!slf.get().shared.take_back(&held)),
                Err(error) => no_further_worker(slf, &held, error).map(|()| true),
            },
            Some(Err(_)) | None => Ok(false),
        }
    }

    /// Submit `fn(*args)` for each tuple of arguments from `calls`, and return an iterator over the results in order.
    /// Returns None and does nothing if a program has changed the class of the futures.
    fn _interlock_map(
        slf: &Bound<'_, Self>,
        r#fn: &Bound<'_, PyAny>,
        calls: &Bound<'_, PyAny>,
        timeout: Timeout,
        return_exceptions: bool,
    ) -> PyResult<Option<Results>> {
        if Standard::untouched(future_class(slf.py())?)?.is_none() {
            return Ok(None);
        }
        let deadline = timeout.deadline()?;
        let mut futures = VecDeque::new();
        for call in calls.try_iter()? {
            let args = call?.cast_into::<PyTuple>()?;
            futures.push_back(Self::submit(slf, r#fn.clone(), args, None)?.unbind());
        }
        Ok(Some(Results::over(futures, deadline, return_exceptions)))
    }

    /// Stop taking calls from outside.
    fn _interlock_refuse(&self, py: Python<'_>) {
        self.settings.get(py).lock().takes = false;
    }

    /// Shut the executor down. Workers still run the waiting calls, unless `drain` is true: then this returns their
    /// futures. If `holds`, calls that are held back may still be submitted. Returns None and does nothing if the
    /// executor is materialized.
    fn _interlock_shut_down(
        slf: &Bound<'_, Self>,
        holds: bool,
        drain: bool,
    ) -> PyResult<Option<Vec<Py<Future>>>> {
        let py = slf.py();
        let ended = native(slf, |pool| {
            raw::generic_set_attribute(
                slf,
                intern!(py, "_shutdown"),
                Some(PyBool::new(py, true).as_any()),
            )?;
            pool.settings.get(py).lock().takes = false;
            Ok(if holds && !drain {
                Vec::new()
            } else {
                pool.shared.get(py).close(py, drain)
            })
        })?;
        ended.transpose()
    }

    /// Return how many workers there are, including those that are being started.
    fn _interlock_workers(&self, py: Python<'_>) -> usize {
        self.shared.get(py).core.workers()
    }

    /// Forget the workers: for the child of a fork, where they do not exist. Does nothing if the executor is
    /// materialized.
    fn _interlock_forget_workers(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let forgot = native(slf, |pool| {
            pool.shared.get(py).core.forget_workers();
            pool.parts.get().map(|parts| parts.threads.clone_ref(py))
        })?;
        if let Some(threads) = forgot.flatten() {
            threads.bind(py).clear();
        }
        Ok(())
    }

    /// The calls that wait in a native executor: its `_work_queue`.
    fn _interlock_calls(&self, py: Python<'_>) -> PyResult<Py<WaitingCalls>> {
        match self.parts.get() {
            Some(parts) => Ok(parts.calls.clone_ref(py)),
            None => Err(PyAttributeError::new_err("_work_queue")),
        }
    }

    /// Whether exceptions name the place where their calls were submitted.
    #[getter]
    fn _interlock_notes(&self, py: Python<'_>) -> bool {
        self.settings.get(py).lock().notes
    }

    /// The numbers of calls submitted, running, done, and failed. Failed calls count as done too.
    fn _interlock_counts(&self, py: Python<'_>) -> (u64, u64, u64, u64) {
        let stats = self.shared.get(py).core.stats();
        (
            stats.submitted,
            stats.running,
            stats.done + stats.dropped,
            stats.failed,
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.parts.get().filter(|_| self.initialized.is_set()) {
            Some(parts) => visit.call(&parts.threads).and_then(|()| visit.call(&parts.calls)),
            None => Ok(()),
        }
    }
}

/// A number of workers. The standard library accepts any number and compares with it: 2.5 allows three workers.
struct MaxWorkers(usize);

impl<'py> FromPyObject<'_, 'py> for MaxWorkers {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(number) = object.extract::<usize>() {
            return Ok(MaxWorkers(number));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the largest number is no limit, and a negative one is zero"
        )]
        object
            .extract::<f64>()
            .map(|number| MaxWorkers(number.ceil() as usize))
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // The workers run the waiting tasks, and then end. An object is deallocated attached: this only gets the
        // proof of it.
        Python::attach(|py| {
            living::forget(py, self);
            self.shared.get(py).core.shutdown();
        });
    }
}

/// Puts a call into the queue and returns the future of its result. Returns the call if the executor is materialized or
/// takes no more calls.
#[inline]
fn put_new<'py>(
    slf: &Bound<'py, ThreadPool>,
    priority: i64,
    call: Call<'py>,
) -> PyResult<Result<Bound<'py, Future>, Call<'py>>> {
    let py = slf.py();
    let settings = *slf.get().settings.get(py).lock();
    if !settings.takes {
        return Ok(Err(call));
    }
    let future = new_future(py)?;
    if settings.bounded {
        future.get().waits_in(Arc::downgrade(&slf.get().shared) as _);
    }
    let task = Task {
        future: future.clone().unbind(),
        callable: call.callable.unbind(),
        args: call.args.unbind(),
        kwargs: call.kwargs.map(Bound::unbind),
        site: settings.notes.then(|| site(py)).transpose()?,
    };
    let refused = match put(slf, priority, task)? {
        Ok(placed) if ensure_worker(slf, placed)? => return Ok(Ok(future)),
        Ok(_) => slf.get().shared.get(py).take_out(&future),
        Err(task) => Some(task),
    };
    Ok(match refused {
        Some(task) => Err(Call {
            callable: task.callable.into_bound(py),
            args: task.args.into_bound(py),
            kwargs: task.kwargs.map(|kwargs| kwargs.into_bound(py)),
        }),
        None => Ok(future),
    })
}

/// Returns the place in the code that submits a call.
#[cold]
fn site(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let notes = py.import("interlock.concurrent.futures._notes")?;
    notes.call_method0("site").map(Bound::unbind)
}

/// Puts a task into the queue. Returns the task if the executor is materialized or takes no more tasks.
#[inline]
fn put(slf: &Bound<'_, ThreadPool>, priority: i64, task: Task) -> PyResult<Result<PutOutcome, Task>> {
    let mut task = Some(task);
    let placed = native(slf, |pool| {
        task.take()
            .map(|task| pool.shared.get(slf.py()).core.try_put(priority, task))
    })?;
    match placed.flatten() {
        Some(Ok(placed)) => Ok(Ok(placed)),
        Some(Err(PutError::Full(task))) => put_slowly(slf, priority, task),
        Some(Err(refusal)) => Ok(Err(refusal.into_inner())),
        None => task.map(Err).ok_or_else(|| Failure::Full.raise(slf.py())),
    }
}

/// Like [`put`], if there is no room.
#[cold]
fn put_slowly(slf: &Bound<'_, ThreadPool>, priority: i64, task: Task) -> PyResult<Result<PutOutcome, Task>> {
    let (py, this) = (slf.py(), slf.get());
    let put = if !this.settings.get(py).lock().blocks {
        Err(PutError::Full(task))
    } else if this.shared.get(py).core.is_worker() {
        // If workers waited here, all of them might, and there would never be room.
        this.shared.get(py).core.put_unbounded(priority, task)
    } else {
        blocking::wait(py, Deadline::NEVER, |context| {
            this.shared.get(py).core.put_with(priority, task, context)
        })?
    };
    match put {
        Ok(placed) => Ok(Ok(placed)),
        Err(PutError::Full(_) | PutError::Interrupted(_)) => Err(Failure::Full.raise(py)),
        Err(PutError::ShutDown(task) | PutError::Retired(task)) => Ok(Err(task)),
    }
}

/// Starts a worker for a task that was put, if none was idle. Returns whether the task will be run: by a worker, or in
/// the standard library's queue if the executor was materialized.
#[inline]
fn ensure_worker(slf: &Bound<'_, ThreadPool>, placed: PutOutcome) -> PyResult<bool> {
    if slf
        .get()
        .shared
        .get(slf.py())
        .core
        .missing(Growth::UnlessIdle(placed))
        > 0
    {
        return slf
            .call_method0(intern!(slf.py(), "_interlock_start_worker"))?
            .is_truthy();
    }
    Ok(true)
}

/// Handles an error that kept a worker from being started for a task that was put. If there are other workers, ignores
/// the error: they run until no task waits. If there are none, takes the task back and raises the error. (An error that
/// is not an `Exception` is always raised to the caller, and the task keeps waiting.)
#[cold]
fn no_further_worker(slf: &Bound<'_, ThreadPool>, future: &Bound<'_, Future>, error: PyErr) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    // Not the count of workers, which includes those that are being started.
    let alone = this
        .parts
        .get()
        .is_none_or(|parts| parts.threads.bind(py).is_empty());
    let exception = errors::exception(py, error);
    if !exception.is_instance_of::<PyException>() || (alone && this.shared.take_back(future)) {
        return Err(errors::again(exception));
    }
    Ok(())
}

/// Submits a call with the standard library's submit().
#[cold]
fn submit_standard<'py>(slf: &Bound<'py, ThreadPool>, call: Call<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let first = [slf.as_any().clone(), call.callable];
    let args = PyTuple::new(py, first.into_iter().chain(call.args.iter()).collect::<Vec<_>>())?;
    function(slf, intern!(py, "submit"))?.call(args, call.kwargs.as_ref())
}

/// Moves the waiting calls into the queue among the attributes, in order. Workers continue with the standard library's
/// loop.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let py = object.py();
    let pool = object.cast::<ThreadPool>()?.get();
    pool.settings.get(py).lock().takes = false;
    let Some(parts) = pool.parts.get() else {
        return Ok(Exported::Moved(Vec::new())); // its `__init__` has not run yet
    };
    let queue = attributes.as_any().get_item("_work_queue")?;
    // Before retiring the queue: a worker that finds it retired continues with the new one.
    parts.calls.get().move_to(&queue);
    let Some(retired) = pool.shared.get(py).core.retire() else {
        return Ok(Exported::Moved(Vec::new()));
    };
    for task in retired.tasks {
        queue.call_method1("put", (task.into_item(py)?,))?;
    }
    if retired.shut_down {
        queue.call_method1("put", (py.None(),))?;
    }
    Ok(Exported::Moved(retired.wakeups))
}
