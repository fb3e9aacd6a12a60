//! The pool of threads behind `ThreadPoolExecutor`.

use std::collections::VecDeque;

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
        put(slf, DEFAULT_PRIORITY, r#fn, args, kwargs)
    }

    /// As submit(), with a priority: the smallest number first.
    fn _submit_at<'py>(
        slf: &Bound<'py, Self>,
        priority: i64,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Future>> {
        put(slf, priority, r#fn, args, kwargs)
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
            futures.push_back(put(slf, DEFAULT_PRIORITY, r#fn.clone(), call, None)?.unbind());
        }
        Ok(Results::over(futures, deadline, return_exceptions))
    }

    /// The seat of a new worker.
    fn _seat(&self) -> Seat {
        // Relaxed: changed only by the thread that holds the executor's lock.
        self.workers.fetch_add(1, Ordering::Relaxed);
        Seat {
            shared: self.shared.clone(),
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

/// Puts a call into the queue, and sees to it that there is somebody to make it.
fn put<'py>(
    slf: &Bound<'py, ThreadPool>,
    priority: i64,
    callable: Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, Future>> {
    let (py, this) = (slf.py(), slf.get());
    let future = hot::new_instance(future_class(py)?)?.cast_into::<Future>()?;
    let task = Task {
        future: future.clone().unbind(),
        callable: callable.unbind(),
        args: args.unbind(),
        kwargs: kwargs.map(Bound::unbind),
    };
    let placed = match this.shared.queue.try_put(priority, task) {
        Ok(placed) => placed,
        Err(refusal) => put_slowly(slf, priority, refusal)?,
    };
    // Relaxed: a count, and a bound that may change at any moment.
    this.shared.submitted.fetch_add(1, Ordering::Relaxed);
    if placed == Placed::WorkerIsWanted
        && this.workers.load(Ordering::Relaxed) < this.max_workers.load(Ordering::Relaxed)
    {
        slf.call_method0("_adjust_thread_count")?;
    }
    Ok(future)
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
        PutError::ShutDown(_) | PutError::Retired(_) => match slf.call_method0("_refuse") {
            Ok(_) => Err(PyRuntimeError::new_err(
                "cannot schedule new futures after shutdown",
            )),
            Err(error) => Err(error),
        },
    }
}

/// A worker's place at an executor; it does not keep the executor alive.
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct Seat {
    shared: Arc<Shared>,
}

#[pymethods]
impl Seat {
    /// Run tasks until there will be no more: until the executor was shut down, or collected. Blocks while there is none.
    fn work(&self, py: Python<'_>) -> PyResult<()> {
        let mut turn = 0;
        while let Some(task) = self.shared.next(py)? {
            self.shared.run(py, task)?;
            turn += 1;
            if turn % TURN == 0 {
                blocking::give_way(py);
            }
        }
        Ok(())
    }

    /// Take no more tasks: at the exit of the interpreter.
    fn close(&self) {
        self.shared.queue.shutdown();
    }
}

impl Shared {
    /// The next task, or none any more.
    #[inline]
    fn next(&self, py: Python<'_>) -> PyResult<Option<Task>> {
        match self.queue.try_take() {
            Ok(task) => Ok(Some(task)),
            Err(GetError::Empty) => {
                let taken = blocking::wait(py, Deadline::NEVER, |patience| self.queue.take_with(patience))?;
                Ok(taken.ok())
            }
            Err(_) => Ok(None),
        }
    }

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
