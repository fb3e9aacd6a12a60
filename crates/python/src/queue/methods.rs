//! The methods of `queue.Queue`, `LifoQueue` and `PriorityQueue`, but for what their classes in Python add.

use interlock_queue::{Discard, JoinError};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyList};

use super::base::{self, Queue};
use super::many;
use super::registration::{Registration, parse_side};
use crate::blocking;
use crate::convert::{Given, Timeout, Truth, plain_number};
use crate::errors;
use crate::native::{begin_materialized, function, goes_own_way, native, standard};
use crate::raw::intern;

#[pymethods]
impl Queue {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(maxsize=0)")]
    fn new(
        class: &Bound<'_, pyo3::types::PyType>,
        _args: &Bound<'_, PyAny>,
        _kwargs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        Queue::new_of(class)
    }

    /// A queue with a `maxsize` that is no plain number is open, and so is one that is initialized again.
    #[pyo3(signature = (maxsize = Given::default()))]
    fn __init__<'py>(slf: &Bound<'py, Self>, maxsize: Given<'py>) -> PyResult<()> {
        let plain = maxsize.0.as_ref().map_or(Some(0), plain_number);
        let begun = native(slf, |queue| {
            let begun = plain.is_some_and(|maxsize| queue.begin(maxsize));
            if !begun {
                begin_materialized(slf);
            }
            begun
        })?;
        if begun == Some(true) {
            return Ok(());
        }
        let init = function(slf, intern!(slf.py(), "__init__"))?;
        match maxsize.0 {
            Some(maxsize) => init.call1((slf, maxsize)).map(drop),
            None => init.call1((slf,)).map(drop),
        }
    }

    /// Put an item into the queue.
    ///
    /// Blocks while the queue is full, for at most `timeout` seconds (None: without limit), or not at all if `block` is
    /// false. Raises Full when there was no room, ShutDown when the queue was shut down, ValueError for a negative timeout.
    #[pyo3(signature = (item, block = Truth(true), timeout = None), text_signature = "($self, item, block=True, timeout=None)")]
    #[inline]
    fn put<'py>(
        slf: &Bound<'py, Self>,
        item: &Bound<'py, PyAny>,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        base::put(slf, item, block.0, timeout)
    }

    /// Put an item into the queue if there is room; raises Full if there is not, ShutDown when the queue was shut down.
    #[inline]
    fn put_nowait(slf: &Bound<'_, Self>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        if goes_own_way(slf)? {
            return base::put(slf, item, false, None);
        }
        let py = slf.py();
        slf.call_method(intern!(py, "put"), (item,), Some(&not_blocking(py)?))
            .map(drop)
    }

    /// Take an item out of the queue.
    ///
    /// Blocks while the queue is empty, for at most `timeout` seconds (None: without limit), or not at all if `block` is
    /// false. Raises Empty when there was none, ShutDown when the queue is empty and was shut down, ValueError for a
    /// negative timeout.
    #[pyo3(signature = (block = Truth(true), timeout = None), text_signature = "($self, block=True, timeout=None)")]
    #[inline]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        base::get(slf, block.0, timeout)
    }

    /// Take an item out of the queue if there is one; raises Empty if not, ShutDown when the queue was shut down as well.
    #[inline]
    fn get_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if goes_own_way(slf)? {
            return base::get(slf, false, None);
        }
        let py = slf.py();
        slf.call_method(intern!(py, "get"), (), Some(&not_blocking(py)?))
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
        let py = slf.py();
        match native(slf, |queue| queue.engine.task_done())? {
            Some(done) => done.map_err(errors::too_many_done(py)),
            None => standard(slf, intern!(py, "task_done"), (slf,)).map(drop),
        }
    }

    /// Wait until task_done() was called for every item. Blocks until then.
    fn join(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let joined = native(slf, |queue| {
            blocking::wait(py, Timeout::Never.deadline()?, |context| {
                queue.engine.join_with(context)
            })
        })?;
        match joined.transpose()? {
            None | Some(Err(JoinError::Retired)) => standard(slf, intern!(py, "join"), (slf,)).map(drop),
            Some(_) => Ok(()),
        }
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
        match native(slf, |queue| queue.engine.shutdown(discard))? {
            // What is discarded is dropped here, under no lock.
            Some(discarded) => drop(discarded),
            None => drop(standard(slf, intern!(slf.py(), "shutdown"), (slf, immediate.0))?),
        }
        Ok(())
    }

    /// How many items there are, about: it may have changed already.
    #[inline]
    fn qsize<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |queue| queue.engine.len())? {
            Some(size) => Ok(size.into_pyobject(py)?.into_any()),
            None => standard(slf, intern!(py, "qsize"), (slf,)),
        }
    }

    /// Whether there is no item, about: it may have changed already.
    #[inline]
    fn empty<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |queue| queue.engine.is_empty())? {
            Some(empty) => Ok(empty.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "empty"), (slf,)),
        }
    }

    /// Whether there is no room, about: it may have changed already.
    fn full<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |queue| queue.maxsize() > 0 && queue.engine.is_full())? {
            Some(full) => Ok(full.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "full"), (slf,)),
        }
    }

    /// What the attributes of these names are, if the queue is closed.
    fn _interlock_maxsize(&self) -> isize {
        self.maxsize()
    }

    fn _interlock_unfinished(&self) -> usize {
        self.engine.unfinished()
    }

    fn _interlock_shut_down(&self) -> bool {
        self.engine.is_shut_down()
    }

    /// Have `callback()` called, from whatever thread, when "get", "put" or "join" is worth trying; None if it is now.
    fn _interlock_when_ready<'py>(
        slf: &Bound<'py, Self>,
        side: &str,
        callback: Py<PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let parsed = parse_side(side)?;
        let kept = callback.clone_ref(py);
        match native(slf, |_| Registration::new(slf, parsed, kept))? {
            Some(registration) => Ok(registration.into_pyobject(py)?.into_any()),
            None => standard(slf, intern!(py, "when_ready"), (slf, side, callback)),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        let mut result = Ok(());
        // Items that another thread is at work on are not visited: that keeps them alive, which is always safe.
        self.engine.try_for_each(&mut |item| {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| visit.call(item));
        });
        result?;
        self.callbacks.traverse(&visit)
    }

    fn __clear__(&self) {
        // Dropped here, under no lock: the items may run code that uses this queue.
        drop(self.engine.clear());
        self.callbacks.forget();
    }
}

/// The keyword argument of `put` or `get` that says so.
fn not_blocking(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    [("block", false)].into_py_dict(py)
}
