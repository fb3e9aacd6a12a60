//! The methods of `queue.Queue`, `LifoQueue` and `PriorityQueue`, except those that their Python classes add.

use interlock_queue::{Discard, HostQueue, JoinError};
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
use crate::materialize::{begin_materialized, function, goes_own_way, native, standard};
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

    /// A queue whose `maxsize` is not a plain number is materialized, and so is one that is initialized again.
    #[pyo3(signature = (maxsize = Given::default()))]
    fn __init__<'py>(slf: &Bound<'py, Self>, maxsize: Given<'py>) -> PyResult<()> {
        let plain = maxsize.0.as_ref().map_or(Some(0), plain_number);
        let begun = native(slf, |queue| {
            let begun = plain.is_some_and(|maxsize| queue.begin(slf.py(), maxsize));
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
    /// false. Raises Full if there was no room, ShutDown if the queue was shut down, ValueError for a negative timeout.
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

    /// Put an item into the queue if there is room. Raises Full if there is not, ShutDown if the queue was shut down.
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
    /// Blocks while the queue is empty, for at most `timeout` seconds (None: without limit), or not at all if `block`
    /// is false. Raises Empty if there was none, ShutDown if the queue is empty and was shut down, ValueError for a
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

    /// Take an item out of the queue if there is one. Raises Empty if not, or ShutDown if the queue was shut down as
    /// well.
    #[inline]
    fn get_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if goes_own_way(slf)? {
            return base::get(slf, false, None);
        }
        let py = slf.py();
        slf.call_method(intern!(py, "get"), (), Some(&not_blocking(py)?))
    }

    /// Put all items of an iterable into the queue, in order, as many at a time as there is room for.
    ///
    /// Blocks as put() does; `timeout` covers all items. If it raises Full or ShutDown, or if a hook or a signal
    /// handler raises, the exception's `remaining` lists the items that were taken from the iterable but are not in the
    /// queue.
    #[pyo3(signature = (items, *, block = Truth(true), timeout = Timeout::Never), text_signature = "($self, items, *, block=True, timeout=None)")]
    fn put_many(
        slf: &Bound<'_, Self>,
        items: &Bound<'_, PyAny>,
        block: Truth,
        timeout: Timeout,
    ) -> PyResult<()> {
        many::put(slf, items, block.0, timeout)
    }

    /// Take at least one item and at most `max` items (1 or more) out of the queue, and return them as a list.
    ///
    /// Blocks as get() does, but only for the first item, and raises the same exceptions. If a hook of a derived class
    /// or a signal handler raises after the first item, the exception's `got` lists the items that were taken out of
    /// the queue.
    #[pyo3(signature = (max, *, block = Truth(true), timeout = Timeout::Never), text_signature = "($self, max, *, block=True, timeout=None)")]
    fn get_many<'py>(
        slf: &Bound<'py, Self>,
        max: isize,
        block: Truth,
        timeout: Timeout,
    ) -> PyResult<Bound<'py, PyList>> {
        many::get(slf, max, block.0, timeout)
    }

    /// Mark the task of an item as done. The last one wakes join(). Never blocks for long.
    ///
    /// Raises ValueError if called more times than items were put.
    #[inline]
    fn task_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        match native(slf, |queue| queue.engine.get(py).task_done())? {
            Some(done) => done.map_err(errors::too_many_done(py)),
            None => standard(slf, intern!(py, "task_done"), (slf,)).map(drop),
        }
    }

    /// Block until task_done() was called for every item.
    fn join(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let joined = native(slf, |queue| {
            blocking::wait(py, Timeout::Never.deadline()?, |context| {
                queue.engine.get(py).join_with(context)
            })
        })?;
        match joined.transpose()? {
            None | Some(Err(JoinError::Retired)) => standard(slf, intern!(py, "join"), (slf,)).map(drop),
            Some(_) => Ok(()),
        }
    }

    /// Shut the queue down: from now on put() raises ShutDown, and so does get() once the queue is empty.
    ///
    /// If `immediate` is true, empties the queue at once and counts the tasks of its items as done. Wakes all waiting
    /// threads.
    #[pyo3(signature = (immediate = Truth(false)), text_signature = "($self, immediate=False)")]
    fn shutdown(slf: &Bound<'_, Self>, immediate: Truth) -> PyResult<()> {
        let discard = if immediate.0 {
            Discard::Items
        } else {
            Discard::Nothing
        };
        match native(slf, |queue| queue.engine.get(slf.py()).shutdown(discard))? {
            // Discarded items are dropped here, without a lock.
            Some(discarded) => drop(discarded),
            None => drop(standard(slf, intern!(slf.py(), "shutdown"), (slf, immediate.0))?),
        }
        Ok(())
    }

    /// About how many items there are: the number may have changed already.
    #[inline]
    fn qsize<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |queue| queue.engine.get(py).len())? {
            Some(size) => Ok(size.into_pyobject(py)?.into_any()),
            None => standard(slf, intern!(py, "qsize"), (slf,)),
        }
    }

    /// Return whether there is no item: this may have changed already.
    #[inline]
    fn empty<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |queue| queue.engine.get(py).is_empty())? {
            Some(empty) => Ok(empty.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "empty"), (slf,)),
        }
    }

    /// Return whether there is no room: this may have changed already.
    fn full<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match native(slf, |queue| queue.is_full(py))? {
            Some(full) => Ok(full.into_pyobject(py)?.to_owned().into_any()),
            None => standard(slf, intern!(py, "full"), (slf,)),
        }
    }

    /// The attributes of these names, if the queue is native.
    fn _interlock_maxsize(&self) -> isize {
        self.maxsize()
    }

    fn _interlock_unfinished(&self, py: Python<'_>) -> usize {
        self.engine.get(py).unfinished()
    }

    fn _interlock_shut_down(&self, py: Python<'_>) -> bool {
        self.engine.get(py).is_shut_down()
    }

    /// Call `callback()`, from any thread, when "get", "put" or "join" is worth trying. Returns None if it is worth
    /// trying now.
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
        // If another thread is using the queue, the items are not visited. That keeps them alive, which is always safe.
        self.engine.get_in_traverse(&visit).try_for_each(&mut |item| {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| visit.call(item));
        });
        result?;
        self.callbacks.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        // Dropped here without a lock, because the items may run code that uses this queue.
        drop(self.engine.get(py).take_items());
        self.callbacks.forget(py);
    }
}

/// Returns the keyword argument that keeps `put` or `get` from blocking.
fn not_blocking(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    [("block", false)].into_py_dict(py)
}
