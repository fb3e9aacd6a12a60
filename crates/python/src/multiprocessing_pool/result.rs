//! `multiprocessing.pool.AsyncResult` and `MapResult`.

use std::sync::OnceLock;

use interlock_pool::{Refusal, Waited};
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicUsize, Ordering};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use crate::blocking;
use crate::convert::Timeout;
use crate::engine::StateLock;
use crate::errors::Failure;
use crate::futures::{Answer, Engine};
use crate::initialized::Initialized;
use crate::materialize::{Exported, Native, function, native, standard};
use crate::raw::{Attached, intern};

/// The progress of a map.
pub(super) struct Progress {
    pub(super) chunk: isize,
    /// How many chunks are not done.
    pub(super) left: AtomicUsize,
}

/// The callback for the result, and the callback for the exception.
pub(super) type Callbacks = (Option<Py<PyAny>>, Option<Py<PyAny>>);

/// The pool of a result, its callbacks and partial results, kept until the result is finished.
pub(super) struct Origin {
    /// Keeps the pool alive while it has something to do.
    pub(super) pool: Py<PyAny>,
    pub(super) callbacks: Callbacks,
    /// The results of a map so far.
    pub(super) values: Option<Py<PyList>>,
}

/// The result of a call in a pool; see
/// https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.AsyncResult.
///
/// wait() and get() block until the call is done and its callback has returned; Ctrl-C ends the wait.
#[pyclass(frozen, subclass, generic, extends = Native, module = "interlock._interlock")]
pub(crate) struct AsyncResult {
    engine: Attached<Engine>,
    progress: OnceLock<Arc<Progress>>,
    origin: Attached<StateLock<Option<Origin>>>,
    initialized: Initialized,
}

#[pymethods]
impl AsyncResult {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let result = AsyncResult {
            engine: Attached::new(Engine::new()),
            progress: OnceLock::new(),
            origin: Attached::new(StateLock::new(None)),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(result))
    }

    /// Return whether the call is done. Never blocks.
    fn ready<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |result| result.engine.get(py).phase().is_done())? {
            Some(ready) => Ok(ready.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "ready"), (slf,)),
        }
    }

    /// Return whether the call returned without an exception. Raises ValueError if it is not done. Never
    /// blocks.
    fn successful<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let succeeded = |answer: &Answer| matches!(answer, Answer::Result(_));
        match native(slf, |result| result.engine.get(py).value(succeeded))? {
            Some(Some(succeeded)) => Ok(succeeded.into_pyobject(py)?.to_owned().into_any()),
            Some(None) => Err(PyValueError::new_err(format!("{} not ready", slf.repr()?))),
            None => standard(slf, intern!(py, "successful"), (slf,)),
        }
    }

    /// Wait until the call is done. Blocks for at most `timeout` seconds (None: without limit).
    #[pyo3(signature = (timeout = None))]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match Self::wait_native(slf, timeout)? {
            Ok(_) => Ok(py.None().into_bound(py)),
            Err(timeout) => standard(slf, intern!(py, "wait"), (slf, timeout)),
        }
    }

    /// Return the result of the call, or raise its exception.
    ///
    /// Blocks until the call is done. Raises multiprocessing.TimeoutError if that takes more than `timeout` seconds
    /// (None: no limit).
    #[pyo3(signature = (timeout = None))]
    fn get<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match Self::wait_native(slf, timeout)? {
            Ok(true) => match slf.get().engine.get(py).value(|answer| answer.clone_ref(py)) {
                Some(answer) => Ok(answer.unwrap(py)?.into_bound(py)),
                None => Ok(py.None().into_bound(py)), // the garbage collector has taken it
            },
            Ok(false) => Err(Failure::ResultNotThere.raise(py)),
            Err(timeout) => standard(slf, intern!(py, "get"), (slf, timeout)),
        }
    }

    /// Return whether the call succeeded, and its result or its exception, if it is done.
    fn _interlock_answer(&self, py: Python<'_>) -> Option<(bool, Py<PyAny>)> {
        self.engine
            .get(py)
            .value(|answer| (matches!(answer, Answer::Result(_)), answer.object().clone_ref(py)))
    }

    /// The pool, the two callbacks, and the results of a map so far, as long as it is not done.
    fn _interlock_origin(&self, py: Python<'_>) -> Option<(Py<PyAny>, Callbacks, Option<Py<PyList>>)> {
        self.origin.get(py).lock().as_ref().map(|origin| {
            let (callback, error_callback) = &origin.callbacks;
            let copy = |callback: &Option<Py<PyAny>>| callback.as_ref().map(|it| it.clone_ref(py));
            (
                origin.pool.clone_ref(py),
                (copy(callback), copy(error_callback)),
                origin.values.as_ref().map(|values| values.clone_ref(py)),
            )
        })
    }

    /// The chunk size of a map, and how many chunks are not done.
    fn _interlock_progress(&self) -> Option<(isize, usize)> {
        let progress = self.progress.get()?;
        // Relaxed: only for information.
        Some((progress.chunk, progress.left.load(Ordering::Relaxed)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        let mut result = Ok(());
        self.engine
            .get_in_traverse(&visit)
            .try_visit(|answer| result = visit.call(answer.object()), |_| ());
        result?;
        // The pool's job holds the result too. So while the result has an origin, it is garbage only together with that
        // job.
        let Some(origin) = self.origin.get_in_traverse(&visit).try_lock() else {
            return Ok(());
        };
        let Some(origin) = &*origin else {
            return Ok(());
        };
        visit.call(&origin.pool)?;
        visit.call(&origin.callbacks.0)?;
        visit.call(&origin.callbacks.1)?;
        visit.call(&origin.values)
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.engine.get(py).clear());
        let origin = self.origin.get(py).lock().take();
        drop(origin);
    }
}

impl AsyncResult {
    /// Sets the origin. Called before other code sees the result.
    pub(super) fn begin(&self, py: Python<'_>, origin: Origin) {
        *self.origin.get(py).lock() = Some(origin);
    }

    /// Marks this as the result of a map.
    pub(super) fn set_progress(&self, progress: Arc<Progress>) {
        let _ = self.progress.set(progress);
    }

    /// Takes out the callbacks. The caller must call the right one.
    pub(super) fn take_callbacks(&self, py: Python<'_>) -> Callbacks {
        let mut origin = self.origin.get(py).lock();
        origin
            .as_mut()
            .map(|origin| std::mem::take(&mut origin.callbacks))
            .unwrap_or_default()
    }

    /// Sets the answer of the result if it has none, and wakes the threads that wait for it.
    pub(super) fn finish(result: &Bound<'_, Self>, answer: Answer) {
        let (py, this) = (result.py(), result.get());
        // An answer that comes too late is dropped here, without a lock. The engine has no callbacks of this result.
        if let Err((Refusal::Retired, answer)) = this.engine.get(py).finish(answer) {
            let pool = this.pool(py);
            let succeeded = matches!(answer, Answer::Result(_));
            let finished = function(result, intern!(py, "finish"))
                .and_then(|finish| finish.call1((result, pool, succeeded, answer.object())));
            if let Err(error) = finished {
                error.write_unraisable(py, Some(result.as_any()));
            }
        }
        // Not earlier: a thread that materializes the result in the meantime needs it.
        let origin = this.origin.get(py).lock().take();
        drop(origin);
    }

    /// Returns the pool, until the result is finished.
    pub(super) fn pool(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.origin
            .get(py)
            .lock()
            .as_ref()
            .map(|origin| origin.pool.clone_ref(py))
    }

    /// Waits until the call is done, and returns whether it was done in time. If the result is materialized, returns
    /// the rest of the timeout, for the standard library's function.
    fn wait_native<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Result<bool, Option<Bound<'py, PyAny>>>> {
        let py = slf.py();
        let waited = native(slf, |result| {
            if result.engine.get(py).phase().is_done() {
                return Ok((Waited::Done, Deadline::NEVER));
            }
            let deadline = Timeout::of(timeout)?.deadline_of_one_wait()?;
            let waited = blocking::wait(py, deadline, |context| result.engine.get(py).wait_with(context))?;
            PyResult::Ok((waited, deadline))
        })?;
        Ok(match waited.transpose()? {
            None => Err(timeout.cloned()),
            Some((Waited::Retired, deadline)) => match deadline.remaining() {
                Some(left) => Err(Some(left.as_secs_f64().into_pyobject(py)?.into_any())),
                None => Err(None),
            },
            Some((waited, _)) => Ok(waited == Waited::Done),
        })
    }
}

/// A materialized result gets its answer as one of the standard library does: from the pool's result handler thread,
/// which finds it in the pool's `_cache`.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let (py, result) = (object.py(), object.cast::<AsyncResult>()?.get());
    let are_for_a_done_result = attributes.get_item("_pool")?.is_none_or(|pool| pool.is_none());
    let mut origin = result.origin.get(py).lock();
    if result.engine.get(py).phase().is_done() || origin.is_none() {
        return Ok(if are_for_a_done_result {
            Exported::Moved(Vec::new())
        } else {
            Exported::Outdated
        });
    }
    let callbacks = match &mut *origin {
        Some(origin) if !are_for_a_done_result => &mut origin.callbacks,
        _ => return Ok(Exported::Outdated),
    };
    for (callback, name) in [(&callbacks.0, "_callback"), (&callbacks.1, "_error_callback")] {
        let given = attributes.get_item(name)?.filter(|given| !given.is_none());
        if given.as_ref().map(Bound::as_ptr) != callback.as_ref().map(Py::as_ptr) {
            return Ok(Exported::Outdated); // the callback is being called at this moment
        }
    }
    // The attributes hold the callbacks from now on, so this does not drop the last reference.
    *callbacks = (None, None);
    drop(origin);
    if let Some(progress) = result.progress.get() {
        // Relaxed: only for information. A result that is not done counts at least one chunk as not done.
        let left = progress.left.load(Ordering::Relaxed).max(1);
        attributes.set_item("_number_left", left)?;
    }
    if let (Some(cache), Some(job)) = (attributes.get_item("_cache")?, attributes.get_item("_job")?) {
        cache.cast::<PyDict>()?.set_item(job, object)?;
    }
    // Waiting threads continue in the standard library's way. The engine holds no answer yet, and nothing else.
    let wakeups = result.engine.get(py).retire().map(|(_, wakeups)| wakeups);
    Ok(Exported::Moved(wakeups.into_iter().collect()))
}
