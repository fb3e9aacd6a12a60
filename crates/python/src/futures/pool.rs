//! The pool of threads behind `ThreadPoolExecutor`.

use std::collections::VecDeque;
use std::sync::OnceLock;

use interlock_pool::DEFAULT_PRIORITY;
use interlock_queue::{PutError, PutOutcome};
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, StateLock};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyAttributeError, PyException};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple, PyType};

use super::calls::WaitingCalls;
use super::future::{Future, future_class};
use super::map::Results;
use super::place::Place;
use super::task::Task;
use super::worker::Shared;
use crate::convert::Timeout;
use crate::errors::{self, Failure};
use crate::initialized::Initialized;
use crate::native::{Exported, Native, function, native, standard};
use crate::raw::intern;
use crate::standard::Standard;
use crate::{blocking, fastcall, raw};

/// What an executor was made with, and whether it takes calls.
#[derive(Clone, Copy, Default)]
struct Settings {
    /// Whether calls that come from outside are taken.
    takes: bool,
    /// Whether there is room for so many tasks only.
    bounded: bool,
    /// Whether submit() waits for room.
    blocks: bool,
    /// Whether exceptions say where their calls were submitted.
    notes: bool,
}

/// A call that was held: the function, its arguments, and where it was submitted, if that is noted.
type HeldCall = (Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>, Option<Py<PyAny>>);

/// What a closed executor works with.
struct PoolCore {
    /// Its `_threads`.
    threads: Py<PySet>,
    max_workers: usize,
    /// Its `_work_queue`.
    calls: Py<WaitingCalls>,
}

/// The engine of an executor: where its calls wait for workers.
///
/// An executor is a subclass that starts the workers: _interlock_start_worker() is called when more calls wait than workers
/// are idle, as long as there are fewer than _max_workers of them.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct ThreadPool {
    shared: Arc<Shared>,
    settings: StateLock<Settings>,
    core: OnceLock<PoolCore>,
    initialized: Initialized,
}

/// A call as it is given to submit().
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
            settings: StateLock::default(),
            core: OnceLock::new(),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(pool))
    }

    /// Begin with these attributes, which the standard library's `__init__` has made. At most `max_pending` calls wait (0: any
    /// number), and `blocks` says whether submit() then waits for room. False, and nothing was done, if the executor is open,
    /// or has begun before.
    fn _interlock_begin(
        slf: &Bound<'_, Self>,
        attributes: &Bound<'_, PyDict>,
        max_pending: usize,
        blocks: bool,
        notes: bool,
    ) -> PyResult<bool> {
        let py = slf.py();
        let found = |name| attributes.as_any().get_item(name);
        let core = PoolCore {
            threads: found("_threads")?.cast_into::<PySet>()?.unbind(),
            max_workers: found("_max_workers")?.extract::<MaxWorkers>()?.0,
            calls: Py::new(py, WaitingCalls::of(slf, slf.get().shared.clone())?)?,
        };
        let own = raw::instance_dict(slf)?;
        let began = native(slf, |pool| {
            if pool.core.set(core).is_err() {
                return Ok(false);
            }
            pool.shared.queue.set_bound(max_pending);
            *pool.settings.lock() = Settings {
                takes: true,
                bounded: max_pending > 0,
                blocks,
                notes,
            };
            own.update(attributes.as_mapping()).map(|()| true)
        })?;
        began.unwrap_or(Ok(false))
    }

    /// Have `fn(*args, **kwargs)` called by a worker; the future of its result.
    ///
    /// Never blocks, unless the executor was made with `max_pending` and that many calls wait: then until a worker takes one
    /// of them, or one is cancelled. A worker of the executor itself never waits here. Raises RuntimeError after shutdown().
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

    /// As submit(), with a priority: the smallest number first. None if the executor does not take the call in this way: if
    /// it is open, or takes no more calls.
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

    /// As _interlock_submit_at(), for a future that there is already, for which there is always room: never blocks. `call` is
    /// the function, its arguments, and where it was submitted, for a note on the exception that it may raise. Whether the
    /// executor takes the call. If an Exception is raised, it does not.
    fn _interlock_submit_held(
        slf: &Bound<'_, Self>,
        future: Bound<'_, Future>,
        priority: i64,
        call: HeldCall,
    ) -> PyResult<bool> {
        let (callable, args, kwargs, site) = call;
        if slf.get().settings.lock().bounded {
            future.get().waits_at(Arc::downgrade(&slf.get().shared) as _);
        }
        let held = future.clone();
        let task = Task {
            future: future.unbind(),
            callable,
            args,
            kwargs,
            site,
        };
        match native(slf, |pool| pool.shared.queue.put_over(priority, task))? {
            Some(Ok(placed)) => match see_to(slf, placed) {
                Ok(true) => Ok(true),
                Ok(false) => Ok(!slf.get().shared.take_back(&held)),
                Err(error) => no_further_worker(slf, &held, error).map(|()| true),
            },
            Some(Err(_)) | None => Ok(false),
        }
    }

    /// Submit `fn(*args)` for each tuple of arguments from `calls`; the results in their order. None, and nothing was done, if
    /// somebody has changed the class of the futures.
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

    /// Take no more calls from outside.
    fn _interlock_refuse(&self) {
        self.settings.lock().takes = false;
    }

    /// Say that the executor is shut down. Those that wait are still run, unless `drain` is true: then their futures come
    /// back. If `holds`, calls that there are already may still come. None, and nothing was done, if the executor is open.
    fn _interlock_shut_down(
        slf: &Bound<'_, Self>,
        holds: bool,
        drain: bool,
    ) -> PyResult<Option<Vec<Py<Future>>>> {
        let py = slf.py();
        let attributes = raw::instance_dict(slf)?;
        let ended = native(slf, |pool| {
            attributes.set_item(intern!(py, "_shutdown"), true)?;
            pool.settings.lock().takes = false;
            Ok(if holds && !drain {
                Vec::new()
            } else {
                pool.shared.close(py, drain)
            })
        })?;
        ended.transpose()
    }

    /// Count no workers: in the child of a fork, where they do not exist. Nothing if the executor is open.
    fn _interlock_forget_workers(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let forgot = native(slf, |pool| {
            pool.shared.forget_workers();
            pool.core.get().map(|core| core.threads.clone_ref(py))
        })?;
        if let Some(threads) = forgot.flatten() {
            threads.bind(py).clear();
        }
        Ok(())
    }

    /// What waits in the executor, if that is closed: its `_work_queue`.
    fn _interlock_calls(&self, py: Python<'_>) -> PyResult<Py<WaitingCalls>> {
        match self.core.get() {
            Some(core) => Ok(core.calls.clone_ref(py)),
            None => Err(PyAttributeError::new_err("_work_queue")),
        }
    }

    /// Whether exceptions say where their calls were submitted.
    #[getter]
    fn _interlock_notes(&self) -> bool {
        self.settings.lock().notes
    }

    /// Counts of calls: submitted, running, done, and failed among these.
    fn _interlock_counts(&self) -> (u64, u64, u64, u64) {
        let counted = self.shared.counts.look();
        (counted.submitted, counted.running, counted.done, counted.failed)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.core.get().filter(|_| self.initialized.is_set()) {
            Some(core) => visit.call(&core.threads).and_then(|()| visit.call(&core.calls)),
            None => Ok(()),
        }
    }
}

/// A number of workers. The standard library compares with whatever number it is given: 2.5 allows for three.
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

impl ThreadPool {
    #[inline]
    fn may_have_more_workers(&self, py: Python<'_>) -> bool {
        let core = self.core.get();
        core.is_some_and(|core| core.threads.bind(py).len() < core.max_workers)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // The workers do what waits, and end.
        self.shared.queue.shutdown();
    }
}

/// Puts a call into the queue; the future of its result. The call comes back if the executor does not take it so: if it is
/// open, or takes no more calls.
#[inline]
fn put_new<'py>(
    slf: &Bound<'py, ThreadPool>,
    priority: i64,
    call: Call<'py>,
) -> PyResult<Result<Bound<'py, Future>, Call<'py>>> {
    let py = slf.py();
    let settings = *slf.get().settings.lock();
    if !settings.takes {
        return Ok(Err(call));
    }
    let future = fastcall::new_instance(future_class(py)?)?.cast_into::<Future>()?;
    if future.as_super().get().is_materialized() {
        standard(&future, intern!(py, "__init__"), (&future,))?; // somebody has changed the class
    }
    if settings.bounded {
        future.get().waits_at(Arc::downgrade(&slf.get().shared) as _);
    }
    let task = Task {
        future: future.clone().unbind(),
        callable: call.callable.unbind(),
        args: call.args.unbind(),
        kwargs: call.kwargs.map(Bound::unbind),
        site: settings.notes.then(|| site(py)).transpose()?,
    };
    let refused = match put(slf, priority, task)? {
        Ok(placed) if see_to(slf, placed)? => return Ok(Ok(future)),
        Ok(_) => slf.get().shared.take_out(&future),
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

/// Where the code is that submits a call.
#[cold]
fn site(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let notes = py.import("interlock.concurrent.futures._notes")?;
    notes.call_method0("site").map(Bound::unbind)
}

/// Puts a task into the queue. It comes back if the executor is open, or takes no more tasks.
#[inline]
fn put(slf: &Bound<'_, ThreadPool>, priority: i64, task: Task) -> PyResult<Result<PutOutcome, Task>> {
    let mut task = Some(task);
    let placed = native(slf, |pool| {
        task.take().map(|task| pool.shared.queue.try_put(priority, task))
    })?;
    match placed.flatten() {
        Some(Ok(placed)) => Ok(Ok(placed)),
        Some(Err(PutError::Full(task))) => put_slowly(slf, priority, task),
        Some(Err(refusal)) => Ok(Err(refusal.into_inner())),
        None => task.map(Err).ok_or_else(|| Failure::Full.raise(slf.py())),
    }
}

/// As [`put`], when there is no room.
#[cold]
fn put_slowly(slf: &Bound<'_, ThreadPool>, priority: i64, task: Task) -> PyResult<Result<PutOutcome, Task>> {
    let (py, this) = (slf.py(), slf.get());
    let put = if !this.settings.lock().blocks {
        Err(PutError::Full(task))
    } else if this.shared.is_worked_for_here() {
        // Each worker might wait so, and there would never be room.
        this.shared.queue.put_over(priority, task)
    } else {
        blocking::wait(py, Deadline::NEVER, |context| {
            this.shared.queue.put_with(priority, task, context)
        })?
    };
    match put {
        Ok(placed) => Ok(Ok(placed)),
        Err(PutError::Full(_) | PutError::Interrupted(_)) => Err(Failure::Full.raise(py)),
        Err(PutError::ShutDown(task) | PutError::Retired(task)) => Ok(Err(task)),
    }
}

/// Counts a task that was put, and has a worker started for it if none is idle. Whether there is anybody to run it, or it
/// was moved to where others see to that.
#[inline]
fn see_to(slf: &Bound<'_, ThreadPool>, placed: PutOutcome) -> PyResult<bool> {
    let this = slf.get();
    this.shared.counts.submitted();
    if placed == PutOutcome::NoGetter && this.may_have_more_workers(slf.py()) {
        return slf
            .call_method0(intern!(slf.py(), "_interlock_start_worker"))?
            .is_truthy();
    }
    Ok(true)
}

/// What is left of an error by which no further worker was started for a task that was put: nothing, if there are workers,
/// which live until nothing waits. If not, the task is taken back. (What is no Exception is for who called: the task waits.)
#[cold]
fn no_further_worker(slf: &Bound<'_, ThreadPool>, future: &Bound<'_, Future>, error: PyErr) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let alone = this
        .core
        .get()
        .is_none_or(|core| core.threads.bind(py).is_empty());
    let exception = errors::exception(py, error);
    if !exception.is_instance_of::<PyException>() || (alone && this.shared.take_back(future)) {
        return Err(errors::again(exception));
    }
    Ok(())
}

/// What the standard library's submit() makes of a call.
#[cold]
fn submit_standard<'py>(slf: &Bound<'py, ThreadPool>, call: Call<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let first = [slf.as_any().clone(), call.callable];
    let args = PyTuple::new(py, first.into_iter().chain(call.args.iter()).collect::<Vec<_>>())?;
    function(slf, intern!(py, "submit"))?.call(args, call.kwargs.as_ref())
}

/// Moves the calls that wait into the queue of the attributes, in their order. Workers go on with the standard library's loop.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let py = object.py();
    let pool = object.cast::<ThreadPool>()?.get();
    pool.settings.lock().takes = false;
    let Some(core) = pool.core.get() else {
        return Ok(Exported::Moved(Vec::new())); // its `__init__` is yet to come
    };
    let queue = attributes.as_any().get_item("_work_queue")?;
    // Before the retirement: a worker that finds out about that goes on there.
    core.calls.get().move_to(&queue);
    let Some(retired) = pool.shared.queue.retire() else {
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
