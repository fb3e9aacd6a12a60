//! The methods of `queue.Queue`, `LifoQueue` and `PriorityQueue`, but for what their classes in Python add.

use std::sync::OnceLock;

use interlock_queue::{Discard, Hooked, JoinError, Queue as Engine};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyInt, PyList};

use super::base::Queue;
use super::items::Items;
use super::kind::Kind;
use super::maxsize::Maxsize;
use super::open::{Opened, Overridden};
use super::registration::{Registration, parse_side};
use super::{many, open};
use crate::blocking;
use crate::convert::{Timeout, Truth};
use crate::count::Given;
use crate::errors;
use crate::made::Made;

#[pymethods]
impl Queue {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(maxsize=0)")]
    fn new(
        class: &Bound<'_, pyo3::types::PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let kind = Kind::of_class(class)?;
        Ok(Queue {
            engine: Engine::with_store(Items::new(kind), 0),
            maxsize: Maxsize::unlimited(),
            kind,
            overridden: Overridden::of_class(class, &class.py().get_type::<Queue>())?,
            open: OnceLock::new(),
            made: Made::new(),
        })
    }

    #[pyo3(signature = (maxsize = Given::default()))]
    fn __init__(slf: &Bound<'_, Self>, maxsize: Given) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let unlimited = || PyInt::new(py, 0).into_any();
        this.set_maxsize(&maxsize.0.map_or_else(unlimited, |given| given.into_bound(py)))?;
        if !this.is_new() {
            this.begin_anew(py)?;
        }
        if this.overridden.any() {
            this.open(py)?;
            slf.call_method1("_init", (this.maxsize.get(py)?,))?;
        }
        Ok(())
    }

    /// Put an item into the queue.
    ///
    /// Blocks while the queue is full, for at most `timeout` seconds (None: without limit), or not at all if `block` is
    /// false. Raises Full when there was no room, ShutDown when the queue was shut down, ValueError for a negative timeout.
    #[pyo3(signature = (item, block = Truth(true), timeout = None), text_signature = "($self, item, block=True, timeout=None)")]
    #[inline]
    fn put(
        slf: &Bound<'_, Self>,
        item: Py<PyAny>,
        block: Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        // As in the standard library, a timeout counts, and is looked at, only where there may be a wait.
        let this = slf.get();
        let is_limited = || PyResult::Ok(!this.is_shutdown() && this.maxsize.is_limit(slf.py())?);
        let timeout = match timeout {
            Some(timeout) if block.0 && is_limited()? => Timeout::of(Some(timeout))?,
            _ => Timeout::Never,
        };
        timeout.refuse_negative()?;
        if this.open.get().is_some() {
            is_limited()?; // or else its bound is no number, and it is refused
        }
        match this.try_put(item) {
            Ok(()) => Ok(()),
            Err(refusal) => Self::put_slow(slf, refusal, block.0, timeout),
        }
    }

    /// Put an item into the queue if there is room; raises Full if there is not, ShutDown when the queue was shut down.
    #[inline]
    fn put_nowait(slf: &Bound<'_, Self>, item: Py<PyAny>) -> PyResult<()> {
        match slf.get().overridden.put_method {
            true => slf
                .call_method("put", (item,), Some(&not_blocking(slf.py())?))
                .map(drop),
            false => Self::put(slf, item, Truth(false), None),
        }
    }

    /// Take an item out of the queue.
    ///
    /// Blocks while the queue is empty, for at most `timeout` seconds (None: without limit), or not at all if `block` is
    /// false. Raises Empty when there was none, ShutDown when the queue is empty and was shut down, ValueError for a
    /// negative timeout.
    #[pyo3(signature = (block = Truth(true), timeout = None), text_signature = "($self, block=True, timeout=None)")]
    #[inline]
    fn get(slf: &Bound<'_, Self>, block: Truth, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let timeout = match timeout {
            Some(timeout) if block.0 && !Self::has_ended(slf)? => Timeout::of(Some(timeout))?,
            _ => Timeout::Never,
        };
        timeout.refuse_negative()?;
        match slf.get().engine.try_get() {
            Ok(item) => Ok(item),
            Err(refusal) => Self::get_slow(slf, refusal, block.0, timeout),
        }
    }

    /// Take an item out of the queue if there is one; raises Empty if not, ShutDown when the queue was shut down as well.
    #[inline]
    fn get_nowait(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        match slf.get().overridden.get_method {
            true => slf
                .call_method("get", (), Some(&not_blocking(slf.py())?))
                .map(Bound::unbind),
            false => Self::get(slf, Truth(false), None),
        }
    }

    /// Put all items of an iterable into the queue, in their order, as many at a time as there is room for.
    ///
    /// Blocks as put() does, `timeout` being for all items. When it raises Full or ShutDown, or what a hook or the handler of
    /// a signal raises, the exception's `remaining` is the list of the items taken from the iterable that are not in the queue.
    #[pyo3(signature = (items, *, block = Truth(true), timeout = Timeout::Never), text_signature = "($self, items, *, block=True, timeout=None)")]
    fn put_many(
        slf: &Bound<'_, Self>,
        items: &Bound<'_, PyAny>,
        block: Truth,
        timeout: Timeout,
    ) -> PyResult<()> {
        many::put(slf, items, block.0, timeout)
    }

    /// Take at least one item and at most `max` items (1 or more) out of the queue, as a list.
    ///
    /// Blocks as get() does, for the first item only; raises what get() raises. What a hook of a derived class or the
    /// handler of a signal raises after the first item comes out, too: the exception's `got` is then the list of the items
    /// that were taken out of the queue.
    #[pyo3(signature = (max, *, block = Truth(true), timeout = Timeout::Never), text_signature = "($self, max, *, block=True, timeout=None)")]
    fn get_many<'py>(
        slf: &Bound<'py, Self>,
        max: isize,
        block: Truth,
        timeout: Timeout,
    ) -> PyResult<Bound<'py, PyList>> {
        many::get(slf, max, block.0, timeout)
    }

    /// Say that the task of an item that was got is done; wakes join() at the last. Never blocks for long.
    ///
    /// Raises ValueError if called more often than items were put.
    #[inline]
    fn task_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().opened(slf) {
            None => slf
                .get()
                .engine
                .task_done()
                .map_err(errors::too_many_done(slf.py())),
            Some(opened) => opened.task_done(),
        }
    }

    /// Wait until task_done() was called for every item. Blocks until then.
    fn join(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.open.get().is_none() {
            let joined = blocking::wait(slf.py(), Timeout::Never.deadline()?, |patience| {
                this.engine.join_with(patience)
            })?;
            if joined != Err(JoinError::Retired) {
                return Ok(());
            }
        }
        this.open(slf.py())?.with(slf.as_any()).join()
    }

    /// Shut the queue down: put() raises ShutDown from now on, and get() when the queue is empty.
    ///
    /// If `immediate`, the queue is emptied at once, and the tasks of its items count as done. Wakes all who wait.
    #[pyo3(signature = (immediate = Truth(false)), text_signature = "($self, immediate=False)")]
    fn shutdown(slf: &Bound<'_, Self>, immediate: Truth) -> PyResult<()> {
        let discard = if immediate.0 {
            Discard::Items
        } else {
            Discard::Nothing
        };
        match slf.get().opened(slf) {
            Some(opened) => opened.shutdown(discard),
            None => {
                // What is discarded is dropped here, under no lock.
                drop(slf.get().engine.shutdown(discard));
                Ok(())
            }
        }
    }

    /// How many items there are, about: it may have changed already.
    #[inline]
    pub(super) fn qsize(slf: &Bound<'_, Self>) -> PyResult<usize> {
        slf.get()
            .opened(slf)
            .map_or_else(|| Ok(slf.get().engine.len()), |opened| opened.locked_size())
    }

    /// Whether there is no item, about: it may have changed already.
    #[inline]
    fn empty(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(Self::qsize(slf)? == 0)
    }

    /// Whether there is no room, about: it may have changed already.
    fn full(slf: &Bound<'_, Self>) -> PyResult<bool> {
        slf.get().maxsize.is_reached(slf.py(), || Self::qsize(slf))
    }

    /// The most items there may be; 0 or less for any number.
    #[getter(maxsize)]
    fn maxsize(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.maxsize.get(py)
    }

    #[setter(maxsize)]
    fn set_maxsize(&self, maxsize: &Bound<'_, PyAny>) -> PyResult<()> {
        if !self.maxsize.set(maxsize)? {
            // A queue whose every put() is refused: that is none for the engine.
            self.open(maxsize.py())?;
        }
        let bound = self.maxsize.bound();
        self.engine.set_bound(bound);
        if let Some(open) = self.open.get() {
            open.counters.lock().bound = bound;
        }
        Ok(())
    }

    /// How many items were put whose task is not done.
    #[getter]
    fn unfinished_tasks(&self) -> usize {
        self.open.get().map_or_else(
            || self.engine.unfinished(),
            |open| open.counters.lock().unfinished,
        )
    }

    #[setter(unfinished_tasks)]
    fn set_unfinished_tasks(&self, py: Python<'_>, count: usize) -> PyResult<()> {
        self.open(py)?.counters.lock().unfinished = count;
        Ok(())
    }

    /// Whether the queue was shut down.
    #[getter]
    pub(super) fn is_shutdown(&self) -> bool {
        self.open.get().map_or_else(
            || self.engine.is_shut_down(),
            |open| open.counters.lock().shut_down,
        )
    }

    #[setter(is_shutdown)]
    fn set_is_shutdown(&self, py: Python<'_>, shut_down: bool) -> PyResult<()> {
        self.open(py)?.counters.lock().shut_down = shut_down;
        Ok(())
    }

    /// The lock under which everything happens, from the moment that somebody asks for it.
    #[getter]
    fn mutex(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.open(py)?.mutex.clone_ref(py).into_any())
    }

    /// The condition on which get() waits, on `mutex`.
    #[getter]
    fn not_empty(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.open(py)?.not_empty.clone_ref(py).into_any())
    }

    /// The condition on which put() waits, on `mutex`.
    #[getter]
    fn not_full(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.open(py)?.not_full.clone_ref(py).into_any())
    }

    /// The condition on which join() waits, on `mutex`.
    #[getter]
    fn all_tasks_done(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.open(py)?.all_tasks_done.clone_ref(py).into_any())
    }

    /// The container of the items, to be used with `mutex` only.
    #[getter]
    fn queue(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.open(py)?.items(py))
    }

    #[setter(queue)]
    fn set_queue(&self, py: Python<'_>, items: Py<PyAny>) -> PyResult<()> {
        self.open(py)?.set_items(items);
        Ok(())
    }

    /// Hook: makes the container of the items.
    #[expect(
        unused_variables,
        reason = "the name is the standard library's, and the size is known"
    )]
    fn _init(&self, py: Python<'_>, maxsize: &Bound<'_, PyAny>) -> PyResult<()> {
        let open = self.open(py)?;
        open.set_items(open::container(py, self.kind)?.unbind());
        Ok(())
    }

    /// Hook: how many items there are.
    fn _qsize(&self, py: Python<'_>) -> PyResult<usize> {
        self.open(py)?.default_size(py)
    }

    /// Hook: puts an item into the container.
    fn _put(&self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open(item.py())?.default_put(item)
    }

    /// Hook: takes the next item out of the container.
    fn _get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.open(py)?.default_get(py)
    }

    /// Have `callback()` called, from whatever thread, when "get", "put" or "join" is worth trying; None if it is now.
    fn _when_ready(slf: &Bound<'_, Self>, side: &str, callback: Py<PyAny>) -> PyResult<Option<Registration>> {
        Registration::new(slf, parse_side(side)?, callback)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        let mut result = Ok(());
        // Items that another thread is at work on are not visited: that keeps them alive, which is always safe.
        self.engine.try_for_each(&mut |item| {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| visit.call(item));
        });
        result?;
        self.maxsize.traverse(&visit)?;
        self.open.get().map_or(Ok(()), |open| open.traverse(&visit))
    }

    fn __clear__(&self) {
        // Dropped here, under no lock: the items may run code that uses this queue.
        drop(self.engine.clear());
    }
}

impl Opened<'_, '_> {
    fn locked_size(&self) -> PyResult<usize> {
        self.with_mutex(|| self.size())
    }
}

/// The keyword argument of `put` or `get` that says so.
fn not_blocking(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    [("block", false)].into_py_dict(py)
}
