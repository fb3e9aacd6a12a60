//! The pool of threads behind `ThreadPoolExecutor`.

use std::collections::VecDeque;
use std::time::Duration;

use interlock_os::clock;
use interlock_pool::{DEFAULT_PRIORITY, Placed, WorkQueue};
use interlock_queue::{GetError, PutError};
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::future::Future;
use super::map::Results;
use super::task::Task;
use crate::convert::Timeout;
use crate::errors::Failure;
use crate::{blocking, hot};

/// How many tasks a worker runs before it lets other threads run, if its tasks don't.
const TURN: u32 = 256;

/// What an executor and its workers share.
///
/// The garbage collector is not told of the tasks that wait: they have several owners, and are not garbage when one of
/// these is.
struct Shared {
    queue: WorkQueue<Task>,
    submitted: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    running: AtomicU32,
}

/// The engine of an executor: where its tasks wait for workers.
///
/// An executor is a subclass that starts the workers: _adjust_thread_count() is called when more tasks wait than workers
/// are idle, as long as there are fewer than _max_workers of them.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct ThreadPool {
    shared: Arc<Shared>,
    max_workers: AtomicU32,
    workers: AtomicU32,
    blocks: AtomicBool,
    /// Whether it takes no more tasks but those that were promised before.
    closing: AtomicBool,
}

static FUTURE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The class of the futures that submit() makes: `interlock.concurrent.futures.Future`.
fn future_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    FUTURE.import(py, "interlock.concurrent.futures._base", "Future")
}

#[pymethods]
impl ThreadPool {
    #[new]
    #[pyo3(signature = (*_args, **kwargs))]
    fn new(_args: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let max_pending = match kwargs
            .map(|kwargs| kwargs.get_item("max_pending"))
            .transpose()?
            .flatten()
        {
            Some(bound) if !bound.is_none() => bound.extract()?,
            _ => 0,
        };
        Ok(ThreadPool {
            shared: Arc::new(Shared {
                queue: WorkQueue::new(max_pending),
                submitted: AtomicU64::new(0),
                done: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                running: AtomicU32::new(0),
            }),
            max_workers: AtomicU32::new(0),
            workers: AtomicU32::new(0),
            blocks: AtomicBool::new(true),
            closing: AtomicBool::new(false),
        })
    }

    /// Have `fn(*args, **kwargs)` called by a worker; the future of its result.
    ///
    /// Never blocks, unless the executor was made with `max_pending` and that many calls wait. Raises RuntimeError after
    /// shutdown().
    #[pyo3(signature = (r#fn, /, *args, **kwargs), text_signature = "($self, fn, /, *args, **kwargs)")]
    fn submit<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Future>> {
        put_new(slf, DEFAULT_PRIORITY, r#fn, args, kwargs)
    }

    /// As submit(), with a priority: the smallest number first.
    fn _submit_at<'py>(
        slf: &Bound<'py, Self>,
        priority: i64,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Future>> {
        put_new(slf, priority, r#fn, args, kwargs)
    }

    /// As _submit_at(), for a future that there is already, also after _refuse_more().
    fn _submit_held(
        slf: &Bound<'_, Self>,
        future: Py<Future>,
        priority: i64,
        call: (Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>),
    ) -> PyResult<()> {
        let (callable, args, kwargs) = call;
        let task = Task {
            future,
            callable,
            args,
            kwargs,
        };
        put(slf, priority, task)
    }

    /// Take no more tasks but those of _submit_held().
    fn _refuse_more(&self) {
        // Relaxed: it orders nothing.
        self.closing.store(true, Ordering::Relaxed);
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
            futures.push_back(put_new(slf, DEFAULT_PRIORITY, r#fn.clone(), call, None)?.unbind());
        }
        Ok(Results::over(futures, deadline, return_exceptions))
    }

    /// The seat of a new worker.
    fn _seat(&self) -> Seat {
        // Relaxed: changed only by the thread that holds the executor's lock.
        self.workers.fetch_add(1, Ordering::Relaxed);
        Seat {
            shared: self.shared.clone(),
            busy: AtomicU64::new(0),
            since: AtomicU64::new(0),
        }
    }

    /// Count no workers: in the child of a fork, where they do not exist.
    fn _forget_workers(&self) {
        self.workers.store(0, Ordering::Relaxed);
        self.shared.queue.forget_workers();
    }

    /// Take no more tasks. Those that wait are still run, unless `drain` is true: then their futures come back.
    fn _close(&self, py: Python<'_>, drain: bool) -> Vec<Py<Future>> {
        self.shared.queue.shutdown();
        if !drain {
            return Vec::new();
        }
        let tasks: Vec<_> = self.shared.queue.drain().collect();
        tasks.into_iter().map(|task| task.future.clone_ref(py)).collect()
    }

    #[getter]
    fn _max_workers(&self) -> u32 {
        self.max_workers.load(Ordering::Relaxed)
    }

    #[setter(_max_workers)]
    fn put_max_workers(&self, max_workers: u32) {
        self.max_workers.store(max_workers, Ordering::Relaxed);
    }

    #[getter]
    fn _blocks(&self) -> bool {
        self.blocks.load(Ordering::Relaxed)
    }

    #[setter(_blocks)]
    fn put_blocks(&self, blocks: bool) {
        self.blocks.store(blocks, Ordering::Relaxed);
    }

    /// How many tasks wait for a worker.
    fn _pending(&self) -> usize {
        self.shared.queue.len()
    }

    /// Counts of tasks: submitted, running, done, and failed among these.
    fn _counts(&self) -> (u64, u32, u64, u64) {
        let shared = &self.shared;
        (
            shared.submitted.load(Ordering::Relaxed),
            shared.running.load(Ordering::Relaxed),
            shared.done.load(Ordering::Relaxed),
            shared.failed.load(Ordering::Relaxed),
        )
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
) -> PyResult<Bound<'py, Future>> {
    // Relaxed: see `_refuse_more`.
    if slf.get().closing.load(Ordering::Relaxed) {
        return Err(refuse(slf));
    }
    let future = hot::new_instance(future_class(slf.py())?)?.cast_into::<Future>()?;
    let task = Task {
        future: future.clone().unbind(),
        callable: callable.unbind(),
        args: args.unbind(),
        kwargs: kwargs.map(Bound::unbind),
    };
    put(slf, priority, task)?;
    Ok(future)
}

/// Puts a task into the queue, and sees to it that there is somebody to run it.
#[inline]
fn put(slf: &Bound<'_, ThreadPool>, priority: i64, task: Task) -> PyResult<()> {
    let this = slf.get();
    let placed = match this.shared.queue.try_put(priority, task) {
        Ok(placed) => placed,
        Err(refusal) => put_slowly(slf, priority, refusal)?,
    };
    // Relaxed: a count, and a bound that may change at any moment.
    this.shared.submitted.fetch_add(1, Ordering::Relaxed);
    // Relaxed: as above.
    if placed == Placed::WorkerIsWanted
        && this.workers.load(Ordering::Relaxed) < this.max_workers.load(Ordering::Relaxed)
    {
        slf.call_method0("_adjust_thread_count")?;
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
        PutError::Full(task) if this.blocks.load(Ordering::Relaxed) => {
            let put = blocking::wait(py, Deadline::NEVER, |patience| {
                this.shared.queue.put_with(priority, task, patience)
            })?;
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

/// A worker's place at an executor; it does not keep the executor alive.
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct Seat {
    shared: Arc<Shared>,
    /// How long it was busy until `since`, and since when it is, in nanoseconds; 0 if it is not.
    busy: AtomicU64,
    since: AtomicU64,
}

#[pymethods]
impl Seat {
    /// Run tasks until there will be no more: until the executor was shut down, or collected. Blocks while there is none.
    fn work(&self, py: Python<'_>) -> PyResult<()> {
        // Relaxed: read by who only looks.
        self.since.store(clock::monotonic_nanos(), Ordering::Relaxed);
        let mut turn = 0;
        while let Some(task) = self.next(py)? {
            self.shared.run(py, task)?;
            turn += 1;
            if turn % TURN == 0 {
                blocking::give_way(py);
            }
        }
        Ok(())
    }

    /// How long it has run tasks, in seconds.
    fn busy(&self) -> f64 {
        // Relaxed, both: a worker that goes on meanwhile makes the sum a little wrong.
        let since = self.since.load(Ordering::Relaxed);
        let now = if since == 0 {
            0
        } else {
            clock::monotonic_nanos() - since
        };
        // Relaxed: as above.
        Duration::from_nanos(self.busy.load(Ordering::Relaxed) + now).as_secs_f64()
    }

    /// Take no more tasks: at the exit of the interpreter.
    fn close(&self) {
        self.shared.queue.shutdown();
    }
}

impl Seat {
    /// The next task, or none any more.
    #[inline]
    fn next(&self, py: Python<'_>) -> PyResult<Option<Task>> {
        match self.shared.queue.try_take() {
            Ok(task) => Ok(Some(task)),
            Err(GetError::Empty) => self.wait_for_next(py),
            Err(_) => Ok(None),
        }
    }

    #[cold]
    fn wait_for_next(&self, py: Python<'_>) -> PyResult<Option<Task>> {
        self.stop_clock();
        let taken = blocking::wait(py, Deadline::NEVER, |patience| {
            self.shared.queue.take_with(patience)
        })?;
        // Relaxed: read by who only looks.
        self.since.store(clock::monotonic_nanos(), Ordering::Relaxed);
        Ok(taken.ok())
    }

    fn stop_clock(&self) {
        // Relaxed: written by this thread only.
        let since = self.since.swap(0, Ordering::Relaxed);
        if since != 0 {
            // Relaxed: as above.
            self.busy
                .fetch_add(clock::monotonic_nanos() - since, Ordering::Relaxed);
        }
    }
}

impl Shared {
    #[inline]
    fn run(&self, py: Python<'_>, task: Task) -> PyResult<()> {
        // Relaxed, all: counts that order nothing.
        self.running.fetch_add(1, Ordering::Relaxed);
        let ran = task.run(py);
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        if !ran? {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
