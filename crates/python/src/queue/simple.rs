//! `queue.SimpleQueue`.

use interlock_queue::{Fifo, GetError, HostQueue, PutError, Side};
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, Waiter};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::blocking;
use crate::convert::{Timeout, Truth, takes_no_arguments};
use crate::engine::Queue as Engine;
use crate::errors;
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// Whether an item that is put while a getter waits belongs to that getter, as in the standard library from 3.13 on.
const RESERVES: bool = cfg!(Py_3_13);

/// An unbounded queue, first in first out, without tasks.
///
/// `get()` blocks while the queue is empty; Ctrl-C ends the wait. __del__ methods and signal handlers may call put().
/// Follows https://docs.python.org/3/library/queue.html#simplequeue-objects.
#[pyclass(frozen, weakref, subclass, generic, module = "_queue")]
pub(crate) struct SimpleQueue {
    engine: Attached<Engine<Fifo<Py<PyAny>>>>,
    initialized: Initialized,
}

#[pymethods]
impl SimpleQueue {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let named = kwargs.is_some_and(|kwargs| !kwargs.is_empty());
        if (named || !args.is_empty()) && takes_no_arguments(class)? {
            let kind = if named { "keyword" } else { "positional" };
            let message = format!("SimpleQueue() takes no {kind} arguments");
            return Err(PyTypeError::new_err(message));
        }
        Ok(SimpleQueue::without_items())
    }

    /// Put an item into the queue. Never blocks: `block` and `timeout` exist only for compatibility with Queue.put().
    #[pyo3(signature = (item, block = None, timeout = None), text_signature = "($self, item, block=True, timeout=None)")]
    #[inline]
    fn put(
        &self,
        py: Python<'_>,
        item: Py<PyAny>,
        block: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) {
        let _ = (block, timeout);
        // This cannot fail: the queue has no bound and is never shut down.
        let _ = self.try_put(py, item);
    }

    /// Put an item into the queue. Never blocks.
    #[inline]
    fn put_nowait(&self, py: Python<'_>, item: Py<PyAny>) {
        let _ = self.try_put(py, item);
    }

    /// Take an item out of the queue.
    ///
    /// Blocks while the queue is empty, for at most `timeout` seconds (None: without limit), or not at all if `block`
    /// is false. Raises Empty if there was none, ValueError for a negative timeout.
    #[pyo3(signature = (block = Truth(true), timeout = None), text_signature = "($self, block=True, timeout=None)")]
    #[inline]
    fn get(&self, py: Python<'_>, block: Truth, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let timeout = Timeout::of(timeout.filter(|_| block.0))?;
        timeout.check_non_negative()?;
        match self.try_get(py) {
            Ok(item) => Ok(item),
            Err(_) => self.get_slow(py, block.0, timeout),
        }
    }

    /// Take an item out of the queue if there is one. Raises Empty if not.
    #[inline]
    fn get_nowait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get(py, Truth(false), None)
    }

    /// Return whether there is no item: this may have changed already.
    fn empty(&self, py: Python<'_>) -> bool {
        self.qsize(py) == 0
    }

    /// About how many items there are: the number may have changed already.
    pub(crate) fn qsize(&self, py: Python<'_>) -> usize {
        if RESERVES {
            self.engine.get(py).unreserved()
        } else {
            self.engine.get(py).len()
        }
    }

    /// The memory of the queue in bytes, including the room for its items.
    fn __sizeof__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let object = slf.py().get_type::<PyAny>();
        let own: usize = object
            .call_method1(intern!(slf.py(), "__sizeof__"), (slf,))?
            .extract()?;
        let room = slf
            .get()
            .engine
            .get(slf.py())
            .try_look(Fifo::capacity)
            .unwrap_or(0);
        Ok(own + room * size_of::<Py<PyAny>>())
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
        result
    }

    fn __clear__(&self, py: Python<'_>) {
        // Dropped here without a lock, because the items may run code that uses this queue.
        drop(self.engine.get(py).take_items());
    }
}

impl SimpleQueue {
    /// Returns a queue without items.
    #[inline]
    pub(crate) fn without_items() -> Self {
        SimpleQueue {
            engine: Attached::new(Engine::with_store_in(Fifo::new(), 0)),
            initialized: Initialized::new(),
        }
    }

    /// Returns whether there is no item, not even an item that is reserved for a getter.
    #[inline]
    pub(crate) fn has_no_item(&self, py: Python<'_>) -> bool {
        self.engine.get(py).is_empty()
    }

    /// Puts an item in.
    #[inline]
    pub(crate) fn try_put(&self, py: Python<'_>, item: Py<PyAny>) -> Result<(), PutError<Py<PyAny>>> {
        if RESERVES {
            self.engine.get(py).try_put_reserved(item)
        } else {
            self.engine.get(py).try_put(item)
        }
    }

    /// Takes an item out if there is one.
    #[inline]
    pub(crate) fn try_get(&self, py: Python<'_>) -> Result<Py<PyAny>, GetError> {
        if RESERVES {
            self.engine.get(py).try_get_unreserved()
        } else {
            self.engine.get(py).try_get()
        }
    }

    /// Lines up a task's waiter. `false` if there is an item to take.
    pub(super) fn register(&self, py: Python<'_>, waiter: &Arc<Waiter>) -> bool {
        if RESERVES {
            self.engine.get(py).register_for_unreserved(waiter)
        } else {
            self.engine.get(py).register(Side::Get, waiter)
        }
    }

    /// Takes a task's waiter out of the line. If it was notified, notifies the next one.
    pub(super) fn unregister(&self, py: Python<'_>, waiter: &Arc<Waiter>) {
        self.engine.get(py).unregister(Side::Get, waiter);
    }

    #[cold]
    fn get_slow(&self, py: Python<'_>, block: bool, timeout: Timeout) -> PyResult<Py<PyAny>> {
        if !block {
            return Err(errors::no_simple_item(py));
        }
        let deadline = timeout.non_negative_deadline()?;
        if deadline == Deadline::PASSED {
            return Err(errors::no_simple_item(py));
        }
        let got = blocking::wait(py, deadline, |context| {
            if RESERVES {
                self.engine.get(py).get_reserved_with(context)
            } else {
                self.engine.get(py).get_with(context)
            }
        })?;
        got.map_err(|_| errors::no_simple_item(py))
    }
}
