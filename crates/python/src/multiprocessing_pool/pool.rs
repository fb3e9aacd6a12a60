//! The thread pool behind `multiprocessing.pool.ThreadPool`.

use std::sync::OnceLock;

use interlock_pool::{DEFAULT_PRIORITY, Growth};
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::AtomicUsize;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use super::apply::Apply;
use super::calls::Call;
use super::handle::PoolHandle;
use super::imap::Imap;
use super::items::Items;
use super::jobs::Job;
use super::map::Map;
use super::result::{AsyncResult, Callbacks, Origin, Progress};
use super::result_iterator::ResultIterator;
use super::shared::Shared;
use super::stream::Stream;
use crate::engine::ReorderBuffer;
use crate::futures::Answer;
use crate::imported::Imported;
use crate::initialized::Initialized;
use crate::materialize::{Exported, Native, NativeClass, begin_materialized, materialize, native};
use crate::raw::{Attached, intern};
use crate::{errors, fastcall};

/// The engine of a pool, in which the jobs of a native pool wait for workers.
///
/// Its core is the part in Python, which starts threads. This calls core.start_workers(count) if that many more workers
/// would help, and core.start_result_handler() before the first callback.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct MultiprocessingPool {
    shared: Arc<Attached<Shared>>,
    /// Not set before `__init__`, and never in a pool that is materialized from the start.
    core: OnceLock<Py<PyAny>>,
    initialized: Initialized,
}

static APPLY_RESULT: Imported<PyType> = Imported::new(RESULTS, "ApplyResult");
static MAP_RESULT: Imported<PyType> = Imported::new(RESULTS, "MapResult");
static ORDERED: Imported<PyType> = Imported::new(RESULTS, "IMapIterator");
static UNORDERED: Imported<PyType> = Imported::new(RESULTS, "IMapUnorderedIterator");

/// The module with the classes of results.
const RESULTS: &str = "interlock.multiprocessing._results";

/// The result of a job that was put into a native pool. `None` if the pool is materialized; then nothing was done.
type Submitted<'py, T> = PyResult<Option<Bound<'py, T>>>;

#[pymethods]
impl MultiprocessingPool {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let pool = MultiprocessingPool {
            shared: Arc::new(Attached::new(Shared::new())),
            core: OnceLock::new(),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(pool))
    }

    /// Return whether the pool is native.
    fn _interlock_is_native(slf: &Bound<'_, Self>) -> PyResult<bool> {
        native(slf, |_| ()).map(|native| native.is_some())
    }

    /// Mark the pool as materialized, because only the standard library's `__init__` can handle an argument.
    fn _interlock_begin_materialized(slf: &Bound<'_, Self>) {
        begin_materialized(slf);
    }

    /// Initialize as a native pool with `processes` workers.
    fn _interlock_begin(&self, py: Python<'_>, core: Py<PyAny>, processes: usize) {
        self.shared.get(py).tasks.set_limit(processes);
        let _ = self.core.set(core);
    }

    fn _interlock_core<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.core(py)
    }

    /// The handle of the pool itself, from which workers get theirs. It does not keep the pool alive.
    fn _interlock_handle(&self) -> PoolHandle {
        PoolHandle::of_owner(self.shared.clone())
    }

    /// Call `func(*args, **kwds)` in a worker, and then one of `callbacks`, with the result or with the exception.
    fn _interlock_apply<'py>(
        slf: &Bound<'py, Self>,
        func: Py<PyAny>,
        args: Py<PyAny>,
        kwds: Py<PyAny>,
        callbacks: Callbacks,
    ) -> Submitted<'py, AsyncResult> {
        if !check_running(slf)? {
            return Ok(None);
        }
        let Some(result) = new_native::<AsyncResult>(slf, APPLY_RESULT.get(slf.py())?)? else {
            return Ok(None);
        };
        result.get().begin(slf.py(), origin(slf, callbacks, None));
        let mut apply = Some(Job::Apply(Box::new(Apply {
            function: func,
            args,
            kwds,
            result: result.clone().unbind(),
        })));
        Ok(submit(slf, 1, || apply.take())?.then_some(result))
    }

    /// Call `call[0]` in workers for each item of an iterable. If `call[1]` is true, an item is a tuple of arguments.
    /// If `call[2]` is not None, it is called for each chunk, with the function and a sequence of items, and returns
    /// the results. `sizes` are the length and the chunk size, `callbacks` those for the results and for an exception.
    fn _interlock_map<'py>(
        slf: &Bound<'py, Self>,
        call: (Py<PyAny>, bool, Option<Py<PyAny>>),
        iterable: &Bound<'py, PyAny>,
        sizes: (usize, isize),
        callbacks: Callbacks,
    ) -> Submitted<'py, AsyncResult> {
        let py = slf.py();
        if !check_running(slf)? {
            return Ok(None);
        }
        let (length, chunksize) = sizes;
        let Some(result) = new_native::<AsyncResult>(slf, MAP_RESULT.get(py)?)? else {
            return Ok(None);
        };
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
            AsyncResult::finish(&result, Answer::Result(values.into_any().unbind()));
            return Ok(Some(result));
        }
        let call = Call::new(call.0, call.1, call.2);
        result
            .get()
            .begin(py, origin(slf, callbacks, Some(values.clone().unbind())));
        let job = Map::new(
            call,
            Items::of(iterable),
            &values,
            progress,
            result.clone().unbind(),
        );
        let job = Arc::new(Attached::new(job));
        Ok(submit(slf, chunks, || Some(Job::Map(job.clone())))?.then_some(result))
    }

    /// Call `func` in workers for each item of an iterable. Returns an iterator over the results, or over lists of
    /// them, one for each chunk, if `chunksize` is above 1.
    fn _interlock_imap<'py>(
        slf: &Bound<'py, Self>,
        func: Py<PyAny>,
        iterable: Py<PyAny>,
        chunksize: usize,
        ordered: bool,
    ) -> Submitted<'py, ResultIterator> {
        let py = slf.py();
        if !check_running(slf)? {
            return Ok(None);
        }
        let (class, buffer) = if ordered {
            (ORDERED.get(py)?, ReorderBuffer::in_order())
        } else {
            (UNORDERED.get(py)?, ReorderBuffer::as_they_come())
        };
        let Some(iterator) = new_native::<ResultIterator>(slf, class)? else {
            return Ok(None);
        };
        let stream = Arc::new(Attached::new(Stream::new(
            buffer,
            slf.clone().into_any().unbind(),
        )));
        iterator.get().set_stream(stream.clone());
        let call = Call::new(func, false, None);
        let job = Arc::new(Attached::new(Imap::new(call, iterable, chunksize, stream)));
        Ok(submit(slf, usize::MAX, || Some(Job::Imap(job.clone())))?.then_some(iterator))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        if let Some(core) = self.core.get() {
            visit.call(core)?;
        }
        self.shared
            .get_in_traverse(&visit)
            .state
            .get_in_traverse(&visit)
            .traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.shared.get(py).state.get(py).clear();
    }
}

impl MultiprocessingPool {
    /// Returns the part in Python, if the pool was initialized as a native one.
    pub(super) fn core<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.core.get().map(|core| core.bind(py).clone())
    }
}

impl Drop for MultiprocessingPool {
    fn drop(&mut self) {
        // An object is deallocated attached: this only gets the proof of it.
        Python::attach(|py| {
            let shared = self.shared.get(py);
            let state = shared.state.get(py);
            // A job keeps its pool alive, so there is none left.
            shared.tasks.shutdown();
            state.deliveries.shutdown();
            // The workers share this state, and the collector would not find the objects there.
            state.clear();
        });
    }
}

fn origin(pool: &Bound<'_, MultiprocessingPool>, callbacks: Callbacks, values: Option<Py<PyList>>) -> Origin {
    Origin {
        pool: pool.clone().into_any().unbind(),
        callbacks,
        values,
    }
}

/// Creates a new instance of a class of results. If a program has changed the class, its instances are
/// materialized from the start. Then this materializes the pool, so that the standard library's code creates
/// them, and returns `None`.
fn new_native<'py, T: NativeClass>(
    slf: &Bound<'py, MultiprocessingPool>,
    class: &Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, T>>> {
    let result = fastcall::new_instance(class)?.cast_into::<T>()?;
    if result.as_super().get().is_materialized() {
        materialize(slf)?;
        return Ok(None);
    }
    Ok(Some(result))
}

/// Returns whether the pool is native and takes jobs.
///
/// # Errors
/// `close()` or `terminate()` was called, or the pool was not initialized.
fn check_running(slf: &Bound<'_, MultiprocessingPool>) -> PyResult<bool> {
    let running = native(slf, |pool| {
        pool.core.get().is_some() && !pool.shared.get(slf.py()).tasks.is_shut_down()
    })?;
    match running {
        Some(false)
            if !slf
                .get()
                .shared
                .get(slf.py())
                .state
                .get(slf.py())
                .is_materialized() =>
        {
            Err(not_running())
        }
        Some(running) => Ok(running),
        None => Ok(false),
    }
}

#[cold]
fn not_running() -> PyErr {
    PyValueError::new_err("Pool not running")
}

/// Puts tickets for a job, one for each worker that can help, and makes sure that there are workers. Returns false and
/// does nothing if the pool is materialized by now.
fn submit(
    slf: &Bound<'_, MultiprocessingPool>,
    chunks: usize,
    mut ticket: impl FnMut() -> Option<Job>,
) -> PyResult<bool> {
    let (py, this) = (slf.py(), slf.get());
    let shared = this.shared.get(py);
    let state = shared.state.get(py);
    // At least one, even if the limit is 0 because the initializers of all workers failed: that ticket gets the
    // error of the pool.
    let tickets = chunks.min(shared.tasks.limit().max(1));
    start(slf, shared.tasks.missing(Growth::PerTask { more: tickets }))?;
    if !state.begun() {
        return Ok(false);
    }
    for number in 0..tickets {
        let Some(job) = ticket() else { break };
        if let Err(refusal) = shared.tasks.try_put(DEFAULT_PRIORITY, job)
            && number == 0
        {
            let job = refusal.into_inner();
            job.abandon(py, state, state.reason(py));
            return if state.is_materialized() {
                Ok(false)
            } else {
                Err(not_running())
            };
        }
    }
    if state.has_failed() {
        shared.abandon_waiting(py);
        return Ok(true);
    }
    // Another thread may have relied on the same workers.
    start(slf, shared.tasks.missing(Growth::PerTask { more: 0 })).map(|()| true)
}

fn start(slf: &Bound<'_, MultiprocessingPool>, missing: usize) -> PyResult<()> {
    if missing == 0 {
        return Ok(());
    }
    let (py, this) = (slf.py(), slf.get());
    let Some(core) = this.core(py) else {
        return Ok(());
    };
    let started = core
        .call_method1(intern!(py, "start_workers"), (missing,))
        .map_err(|error| errors::exception(py, error));
    if let Err(exception) = &started
        && this.shared.get(py).tasks.stats().workers == 0
    {
        // Other threads may have put jobs while the worker that could not be started was counted. No worker would
        // take these jobs.
        this.shared
            .get(py)
            .answer_waiting(py, || Answer::Exception(exception.clone().into_any().unbind()));
    }
    started.map(drop).map_err(errors::again)
}

/// Leaves the present jobs with the engine's workers. Once these are done, the workers continue as the standard
/// library's workers.
fn export(object: &Bound<'_, PyAny>, _attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let py = object.py();
    let pool = object.cast::<MultiprocessingPool>()?.get();
    let Some(core) = pool.core.get() else {
        return Ok(Exported::Moved(Vec::new()));
    };
    let shared = pool.shared.get(py);
    let rest = core.getattr(py, "rest")?;
    if !rest.is_none(py) {
        let end = rest.getattr(py, "end")?;
        let left = shared.state.get(py).leave_to(end);
        rest.setattr(py, "left", left + 1)?;
    }
    shared.tasks.shutdown();
    shared.state.get(py).deliveries.shutdown();
    Ok(Exported::Moved(Vec::new()))
}
