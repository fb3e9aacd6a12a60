//! The pool of threads behind `ThreadPoolExecutor`.

use std::collections::VecDeque;

use interlock_pool::{DEFAULT_PRIORITY, Placed};
use interlock_queue::PutError;
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, StateLock};
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::future::Future;
use super::map::Results;
use super::opened::future_class;
use super::place::Place;
use super::task::Task;
use super::worker::{Seat, Shared};
use crate::convert::Timeout;
use crate::errors::Failure;
use crate::{blocking, hot};

/// What an executor may change at any time.
struct Settings {
    max_workers: usize,
    /// Whether there is room for so many tasks only.
    bounded: bool,
    /// Whether submit() waits for room.
    blocks: bool,
    /// Whether tasks are taken in the ordinary way; if not, _submit_otherwise() is asked.
    ordinary: bool,
    workers: usize,
}

/// The engine of an executor: where its tasks wait for workers.
///
/// An executor is a subclass that starts the workers: _adjust_thread_count() is called when more tasks wait than workers
/// are idle, as long as there are fewer than _max_workers of them.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct ThreadPool {
    shared: Arc<Shared>,
    settings: StateLock<Settings>,
}

/// A function, its arguments, and where the call was submitted.
type Call = (Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>, Option<Py<PyAny>>);

#[pymethods]
impl ThreadPool {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        ThreadPool {
            shared: Shared::new(),
            settings: StateLock::new(Settings {
                max_workers: 0,
                bounded: false,
                blocks: true,
                ordinary: true,
                workers: 0,
            }),
        }
    }

    /// Have at most so many tasks wait, 0 for any number; `blocks` says whether submit() then waits for room.
    fn _set_bound(&self, max_pending: usize, blocks: bool) {
        self.shared.queue.set_bound(max_pending);
        let mut settings = self.settings.lock();
        (settings.bounded, settings.blocks) = (max_pending > 0, blocks);
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
        put_new(slf, DEFAULT_PRIORITY, r#fn, args, kwargs)
    }

    /// As submit(), with a priority: the smallest number first.
    fn _submit_at<'py>(
        slf: &Bound<'py, Self>,
        priority: i64,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        put_new(slf, priority, r#fn, args, kwargs)
    }

    /// As _submit_at(), for a future that there is already, also after _submit_no_more(). `call` is the function, its
    /// arguments, and where it was submitted, for a note on the exception that it may raise. With `over`, there is always
    /// room: never blocks; and if an Exception is raised, the call is not taken.
    fn _submit_held(
        slf: &Bound<'_, Self>,
        future: Py<Future>,
        priority: i64,
        call: Call,
        over: bool,
    ) -> PyResult<()> {
        let (callable, args, kwargs, site) = call;
        if slf.get().settings.lock().bounded {
            future.get().waits_at(Arc::downgrade(&slf.get().shared) as _);
        }
        let held = future.bind(slf.py()).clone();
        let task = Task {
            future,
            callable,
            args,
            kwargs,
            site,
        };
        if !over {
            return put(slf, priority, task);
        }
        match slf.get().shared.queue.put_over(priority, task) {
            Ok(placed) => count_placed(slf, placed).or_else(|error| no_further_worker(slf, &held, error)),
            Err(_) => Err(refuse(slf)),
        }
    }

    /// Leave every task to _submit_otherwise() from now on, apart from those of _submit_held().
    fn _submit_no_more(&self) {
        self.settings.lock().ordinary = false;
    }

    /// Take the next task out: its future, the function, and the arguments; None if there is none. Never blocks.
    fn _take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Ok(task) = self.shared.queue.try_take() else {
            return Ok(None);
        };
        self.shared.counts.taken_out(1);
        let kwargs = task.kwargs.unwrap_or_else(|| PyDict::new(py).unbind());
        (task.future, task.callable, task.args, kwargs)
            .into_pyobject(py)
            .map(Some)
    }

    /// Submit `fn(*args)` for each tuple of arguments from `calls`; the results in their order.
    fn _map_each(
        slf: &Bound<'_, Self>,
        r#fn: &Bound<'_, PyAny>,
        calls: &Bound<'_, PyAny>,
        timeout: Timeout,
        return_exceptions: bool,
    ) -> PyResult<Results> {
        let deadline = timeout.deadline()?;
        let mut futures = VecDeque::new();
        for call in calls.try_iter()? {
            let call = call?.cast_into::<PyTuple>()?;
            let future = put_new(slf, DEFAULT_PRIORITY, r#fn.clone(), call, None)?;
            futures.push_back(future.cast_into()?.unbind());
        }
        Ok(Results::over(futures, deadline, return_exceptions))
    }

    /// The seat of a new worker, which _count_workers() counts when it is there.
    fn _seat(&self) -> Seat {
        Seat::at(self.shared.clone())
    }

    /// There are so many workers now.
    fn _count_workers(&self, number: usize) {
        self.settings.lock().workers = number;
    }

    /// Count no workers: in the child of a fork, where they do not exist.
    fn _forget_workers(&self) {
        self.settings.lock().workers = 0;
        self.shared.forget_workers();
    }

    /// Take no more tasks. Those that wait are still run, unless `drain` is true: then their futures come back.
    fn _close(&self, py: Python<'_>, drain: bool) -> Vec<Py<Future>> {
        self.shared.close(py, drain)
    }

    #[getter]
    fn _max_workers(&self) -> usize {
        self.settings.lock().max_workers
    }

    #[setter(_max_workers)]
    fn put_max_workers(&self, max_workers: MaxWorkers) {
        self.settings.lock().max_workers = max_workers.0;
    }

    /// How many tasks wait for a worker.
    fn _pending(&self) -> usize {
        self.shared.queue.len()
    }

    /// Wait until `number` tasks are done, for at most `timeout` seconds; how many are.
    fn _wait_for_done(&self, py: Python<'_>, number: u64, timeout: Timeout) -> PyResult<u64> {
        blocking::wait(py, timeout.deadline()?, |patience| {
            self.shared.counts.wait_with(number, patience)
        })
    }

    /// Counts of tasks: submitted, running, done, and failed among these.
    fn _counts(&self) -> (u64, u64, u64, u64) {
        let counted = self.shared.counts.look();
        (counted.submitted, counted.running, counted.done, counted.failed)
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
    fn may_have_more_workers(&self) -> bool {
        let settings = self.settings.lock();
        settings.workers < settings.max_workers
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // The workers do what waits, and end.
        self.shared.queue.shutdown();
    }
}

/// Puts a call into the queue; the future of its result.
#[inline]
fn put_new<'py>(
    slf: &Bound<'py, ThreadPool>,
    priority: i64,
    callable: Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let settings = slf.get().settings.lock();
    let (ordinary, bounded) = (settings.ordinary, settings.bounded);
    drop(settings);
    if !ordinary {
        return slf.call_method1("_submit_otherwise", (priority, callable, args, kwargs));
    }
    let future = hot::new_instance(future_class(py)?)?.cast_into::<Future>()?;
    if bounded {
        future.get().waits_at(Arc::downgrade(&slf.get().shared) as _);
    }
    let task = Task {
        future: future.clone().unbind(),
        callable: callable.unbind(),
        args: args.unbind(),
        kwargs: kwargs.map(Bound::unbind),
        site: None,
    };
    put(slf, priority, task)?;
    Ok(future.into_any())
}

/// Puts a task into the queue, and sees to it that there is somebody to run it.
#[inline]
fn put(slf: &Bound<'_, ThreadPool>, priority: i64, task: Task) -> PyResult<()> {
    let this = slf.get();
    let placed = match this.shared.queue.try_put(priority, task) {
        Ok(placed) => placed,
        Err(refusal) => put_slowly(slf, priority, refusal)?,
    };
    count_placed(slf, placed)
}

/// Counts a task that was put, and has a worker started for it if none is idle.
#[inline]
fn count_placed(slf: &Bound<'_, ThreadPool>, placed: Placed) -> PyResult<()> {
    let this = slf.get();
    this.shared.counts.submitted();
    if placed == Placed::WorkerIsWanted && this.may_have_more_workers() {
        slf.call_method0("_adjust_thread_count")?;
    }
    Ok(())
}

/// What is left of an error by which no further worker was started for a task that was put: nothing, if there are workers,
/// which live until nothing waits. If not, the task is taken back. (What is no Exception is for who called: the task waits.)
#[cold]
fn no_further_worker(slf: &Bound<'_, ThreadPool>, future: &Bound<'_, Future>, error: PyErr) -> PyResult<()> {
    let this = slf.get();
    if !error.is_instance_of::<PyException>(slf.py()) {
        return Err(error);
    }
    let workers = this.settings.lock().workers;
    if workers == 0 && this.shared.take_back(future) {
        return Err(error);
    }
    Ok(())
}

/// The error of a task that is not taken any more.
#[cold]
fn refuse(slf: &Bound<'_, ThreadPool>) -> PyErr {
    match slf.call_method0("_refuse") {
        Ok(_) => PyRuntimeError::new_err("cannot schedule new futures after shutdown"),
        Err(error) => error,
    }
}

#[cold]
fn put_slowly(slf: &Bound<'_, ThreadPool>, priority: i64, refusal: PutError<Task>) -> PyResult<Placed> {
    let (py, this) = (slf.py(), slf.get());
    let refusal = match refusal {
        PutError::Full(task) if this.settings.lock().blocks => {
            let put = if this.shared.is_worked_for_here() {
                // Each worker might wait so, and there would never be room.
                this.shared.queue.put_over(priority, task)
            } else {
                blocking::wait(py, Deadline::NEVER, |patience| {
                    this.shared.queue.put_with(priority, task, patience)
                })?
            };
            match put {
                Ok(placed) => return Ok(placed),
                Err(refusal) => refusal,
            }
        }
        refusal => refusal,
    };
    match refusal {
        PutError::Full(_) | PutError::Interrupted(_) => Err(Failure::Full.raise(py)),
        PutError::ShutDown(_) | PutError::Retired(_) => Err(refuse(slf)),
    }
}
