//! The pool of threads behind `multiprocessing.pool.ThreadPool`.

use interlock_pool::{Crew, Gather};
use interlock_queue::GetError;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicU32, AtomicUsize, Ordering};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use super::calls::{Call, Turn};
use super::gathered::Gathered;
use super::items::Items;
use super::jobs::{Apply, End, Imap, Job, Map};
use super::result::{AsyncResult, Progress};
use super::state::State;
use crate::futures::Answer;
use crate::imported::Imported;
use crate::{blocking, hot};

/// What a pool and its workers share.
///
/// The garbage collector is not told of the jobs that wait: they have several owners, and keep the pool alive.
struct Shared {
    crew: Crew<Job>,
    state: State,
}

impl Shared {
    /// Takes no more jobs and ends those that wait without their calls.
    fn terminate(&self, py: Python<'_>) {
        self.state.terminate();
        self.crew.close();
        self.abandon_waiting(py);
    }

    fn abandon_waiting(&self, py: Python<'_>) {
        self.answer_waiting(|| self.state.reason(py));
    }

    /// Ends the jobs that wait without their calls.
    fn answer_waiting(&self, reason: impl Fn() -> Answer) {
        let jobs: Vec<_> = self.crew.drain().collect();
        for job in jobs {
            job.abandon(&self.state, reason());
        }
    }
}

/// The engine of a pool: where its jobs wait for workers.
///
/// A pool is a subclass that starts the workers: _start_workers(count) is called when so many more would be of use,
/// _start_result_handler() when a callback is to be called for the first time.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct MappingPool {
    shared: Arc<Shared>,
    most: AtomicU32,
}

/// What is called with the result, and what with the exception.
type Callbacks = (Option<Py<PyAny>>, Option<Py<PyAny>>);

static APPLY_RESULT: Imported<PyType> = Imported::new(RESULTS, "ApplyResult");
static MAP_RESULT: Imported<PyType> = Imported::new(RESULTS, "MapResult");
static ORDERED: Imported<PyType> = Imported::new(RESULTS, "IMapIterator");
static UNORDERED: Imported<PyType> = Imported::new(RESULTS, "IMapUnorderedIterator");

/// The module of the classes of results.
const RESULTS: &str = "interlock.multiprocessing._results";

#[pymethods]
impl MappingPool {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        MappingPool {
            shared: Arc::new(Shared {
                crew: Crew::new(),
                state: State::new(),
            }),
            most: AtomicU32::new(0),
        }
    }

    /// Have `func(*args, **kwds)` called, and then one of `callbacks`: with the result, or with what was raised.
    fn _apply<'py>(
        slf: &Bound<'py, Self>,
        func: Py<PyAny>,
        args: Py<PyAny>,
        kwds: Py<PyAny>,
        callbacks: Callbacks,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let result = hot::new_instance(APPLY_RESULT.get(slf.py())?)?.cast_into::<AsyncResult>()?;
        let end = end(slf, &result, callbacks);
        let mut apply = Some(Job::Apply(Box::new(Apply {
            function: func,
            args,
            kwds,
            end,
        })));
        submit(slf, 1, || apply.take())?;
        Ok(result)
    }

    /// Have `call[0]` called for each item of an iterable, or for the arguments in each if `call[1]` is true; `call[2]`, if it is
    /// not None, gives the results of a function for a sequence of items, and is called for each chunk. `sizes` are the
    /// length and the size of a chunk, `callbacks` those for the results and for what is raised.
    fn _map<'py>(
        slf: &Bound<'py, Self>,
        call: (Py<PyAny>, bool, Option<Py<PyAny>>),
        iterable: &Bound<'py, PyAny>,
        sizes: (usize, isize),
        callbacks: Callbacks,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let py = slf.py();
        let (length, chunksize) = sizes;
        let result = hot::new_instance(MAP_RESULT.get(py)?)?.cast_into::<AsyncResult>()?;
        let none = PyList::new(py, [py.None()])?;
        let values = none.as_sequence().repeat(length)?.cast_into::<PyList>()?;
        let chunk = usize::try_from(chunksize).unwrap_or(0);
        let chunks = if chunk == 0 { 0 } else { length.div_ceil(chunk) };
        let progress = Arc::new(Progress {
            chunk: chunksize,
            left: AtomicUsize::new(chunks),
        });
        result.get().set_progress(progress.clone());
        if chunks == 0 {
            result.get().finish(Answer::Result(values.into_any().unbind()));
            return Ok(result);
        }
        let call = Call::new(call.0, call.1, call.2);
        let end = end(slf, &result, callbacks);
        let job = Map::new(call, Items::of(iterable), &values, progress, end);
        let job = Arc::new(job);
        submit(slf, chunks, || Some(Job::Map(job.clone())))?;
        Ok(result)
    }

    /// Have `func` called for each item of an iterable, or for the items of each chunk if `chunksize` is above one: an
    /// iterator over the results, or over lists of them.
    fn _imap<'py>(
        slf: &Bound<'py, Self>,
        func: Py<PyAny>,
        iterable: Py<PyAny>,
        chunksize: usize,
        ordered: bool,
    ) -> PyResult<Bound<'py, Gathered>> {
        let py = slf.py();
        let iterator = if ordered {
            hot::new_instance(ORDERED.get(py)?)?
        } else {
            hot::new_instance(UNORDERED.get(py)?)?
        };
        let iterator = iterator.cast_into::<Gathered>()?;
        let gather = Arc::new(if ordered {
            Gather::in_order()
        } else {
            Gather::as_they_come()
        });
        iterator.get().gather_from(gather.clone());
        let call = Call::new(func, false, None);
        let pool = slf.clone().into_any().unbind();
        let job = Arc::new(Imap::new(call, iterable, chunksize, gather, pool));
        submit(slf, usize::MAX, || Some(Job::Imap(job.clone())))?;
        Ok(iterator)
    }

    /// The seat of a new worker, or that of the thread that calls callbacks.
    fn _seat(&self, for_callbacks: bool) -> MappingSeat {
        let seat = MappingSeat {
            shared: self.shared.clone(),
            for_callbacks,
        };
        seat.enter();
        seat
    }

    /// What ends the pool, and does not keep it alive.
    fn _end(&self) -> MappingSeat {
        MappingSeat {
            shared: self.shared.clone(),
            for_callbacks: false,
        }
    }

    /// Take no more jobs. Those that wait are still done.
    fn _close(&self) {
        self.shared.crew.close();
    }

    /// Call no more callbacks than those that are due now: the workers have ended.
    fn _close_deliveries(&self) {
        self.shared.state.deliveries.close();
    }

    /// Make no more calls: each of them raises `error` from now on.
    fn _fail(&self, py: Python<'_>, error: Py<PyAny>) {
        self.shared.state.fail(error);
        self.shared.abandon_waiting(py);
    }

    /// In the child of a fork: count no workers, which do not exist, and leave the jobs to the parent.
    fn _after_fork(&self, py: Python<'_>) {
        let shared = &self.shared;
        shared.crew.forget_workers();
        shared.state.deliveries.forget_workers();
        shared.abandon_waiting(py);
        let deliveries: Vec<_> = shared.state.deliveries.drain().collect();
        drop(deliveries);
        shared.state.forget_jobs();
    }

    /// How many tickets wait for a worker.
    fn _waiting(&self) -> usize {
        self.shared.crew.waiting()
    }

    /// How many jobs are not finished.
    fn _unfinished(&self) -> usize {
        self.shared.state.unfinished()
    }

    #[getter]
    fn _processes(&self) -> u32 {
        // Relaxed: a count that orders nothing.
        self.most.load(Ordering::Relaxed)
    }

    #[setter(_processes)]
    fn put_processes(&self, processes: u32) {
        // Relaxed: a count that orders nothing.
        self.most.store(processes, Ordering::Relaxed);
    }
}

impl Drop for MappingPool {
    fn drop(&mut self) {
        // A job keeps its pool, so there is none.
        self.shared.crew.close();
        self.shared.state.deliveries.close();
    }
}

fn end(
    pool: &Bound<'_, MappingPool>,
    result: &Bound<'_, AsyncResult>,
    (callback, error_callback): Callbacks,
) -> End {
    End {
        result: result.clone().unbind(),
        callback,
        error_callback,
        pool: pool.clone().into_any().unbind(),
    }
}

/// Puts tickets for a job, one for each worker that may be of use, and sees to it that there are workers.
fn submit(
    slf: &Bound<'_, MappingPool>,
    chunks: usize,
    mut ticket: impl FnMut() -> Option<Job>,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let shared = &this.shared;
    // Relaxed: a count that orders nothing.
    let most = this.most.load(Ordering::Relaxed);
    let tickets = chunks.min(most as usize);
    start(slf, shared.crew.missing(tickets, most))?;
    shared.state.begun();
    for number in 0..tickets {
        let Some(job) = ticket() else { break };
        if let Err(job) = shared.crew.put(job)
            && number == 0
        {
            job.abandon(&shared.state, shared.state.reason(py));
            return Err(PyValueError::new_err("Pool not running"));
        }
    }
    if shared.state.has_failed() {
        shared.abandon_waiting(py);
        return Ok(());
    }
    // Another thread may have counted on the same workers.
    start(slf, shared.crew.missing(0, most))
}

fn start(slf: &Bound<'_, MappingPool>, missing: u32) -> PyResult<()> {
    if missing == 0 {
        return Ok(());
    }
    let (py, shared) = (slf.py(), &slf.get().shared);
    let started = slf.call_method1("_start_workers", (missing,)).map(drop);
    if let Err(error) = &started
        && shared.crew.workers() == 0
    {
        // Others may have put their jobs when the worker that could not be started was counted: nobody would come for these.
        shared.answer_waiting(|| Answer::of(py, Err(error.clone_ref(py))));
    }
    started
}

/// A worker's place at a pool; it does not keep the pool alive.
#[pyclass(frozen, weakref, module = "interlock._interlock")]
pub(crate) struct MappingSeat {
    shared: Arc<Shared>,
    for_callbacks: bool,
}

#[pymethods]
impl MappingSeat {
    /// Do jobs, or call callbacks, until there will be no more. Blocks while there is none.
    fn work(&self, py: Python<'_>) -> PyResult<()> {
        let shared = &self.shared;
        let mut turn = Turn::new();
        if self.for_callbacks {
            while let Some(delivery) = next(py, &shared.state.deliveries)? {
                let ran = delivery.run(py, &shared.state);
                shared.state.deliveries.done();
                ran?;
                turn.count(py);
            }
        } else {
            while let Some(job) = next(py, &shared.crew)? {
                let ran = job.run(py, &shared.state, &mut turn);
                shared.crew.done();
                ran?;
            }
        }
        Ok(())
    }

    /// Leave the seat, without having worked.
    fn leave(&self) {
        if self.for_callbacks {
            self.shared.state.deliveries.leave();
        } else {
            self.shared.crew.leave();
        }
    }

    /// End the pool: make no more calls, and call no more callbacks. Does not wait for those that are being made.
    fn terminate(&self, py: Python<'_>) {
        self.shared.terminate(py);
    }
}

impl MappingSeat {
    fn enter(&self) {
        if self.for_callbacks {
            self.shared.state.deliveries.enter();
        } else {
            self.shared.crew.enter();
        }
    }
}

/// The next of what a worker does, or nothing any more.
#[inline]
fn next<W>(py: Python<'_>, crew: &Crew<W>) -> PyResult<Option<W>> {
    match crew.try_take() {
        Ok(work) => Ok(Some(work)),
        Err(GetError::Empty) => {
            let taken = blocking::wait(py, Deadline::NEVER, |patience| crew.take_with(patience))?;
            Ok(taken.ok())
        }
        Err(_) => Ok(None),
    }
}
