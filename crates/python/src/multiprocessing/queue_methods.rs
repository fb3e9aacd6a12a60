//! The methods of `multiprocessing.Queue`, `JoinableQueue`, `LifoQueue` and `PriorityQueue`.

use interlock_shm::{Order, Shutdown};
use interlock_wait::Deadline;
use interlock_wait::primitive::global::Ordering;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::any_queue::AnyQueue;
use super::family::{Family, SharedHandle};
use super::many;
use super::queue::{SharedQueue, failure, standard};
use super::shared::deadline_of_poll;
use crate::blocking;
use crate::convert::Truth;
use crate::raw::intern;

#[pymethods]
impl SharedQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Self::made()
    }

    /// Makes the queue, in the family. None: without a bound. The order is "fifo", "lifo" or "priority".
    fn _interlock_begin(&self, family: &Family, maxsize: Option<u32>, order: &str) -> PyResult<()> {
        let order = match order {
            "lifo" => Some(Order::Last),
            "priority" => Some(Order::Rank),
            _ => None,
        };
        self.engine.begin(AnyQueue::new(family, maxsize, order)?)
    }

    /// Makes this the queue of that number.
    fn _interlock_open(&self, family: &Family, number: u32) -> PyResult<()> {
        self.engine.begin(AnyQueue::open(family, number)?)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.engine.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    /// Put an object. What other processes get is a copy, made now.
    ///
    /// Blocks while there is no room, for at most `timeout` seconds (None: without limit), or not at all if `block` is false.
    /// Raises queue.Full if there was none, queue.ShutDown if the queue was shut down, ValueError if this process has closed it.
    #[pyo3(signature = (obj, block = Truth(true), timeout = None), text_signature = "($self, obj, block=True, timeout=None)")]
    #[inline]
    fn put<'py>(
        slf: &Bound<'py, Self>,
        obj: &Bound<'py, PyAny>,
        block: Truth,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        slf.get()
            .put_object(slf.as_any().as_borrowed(), obj.as_borrowed(), block, timeout)
    }

    /// Put an object if there is room. As put(obj, False).
    fn put_nowait(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        slf.call_method1(intern!(slf.py(), "put"), (obj, false)).map(drop)
    }

    /// Remove the oldest object (in a LifoQueue: the newest, in a PriorityQueue: the least) and return it.
    ///
    /// Blocks while there is none, for at most `timeout` seconds (None: without limit), or not at all if `block` is false.
    /// Raises queue.Empty if there was none, queue.ShutDown if there was none and the queue was shut down, ValueError if this
    /// process has closed the queue.
    #[pyo3(signature = (block = Truth(true), timeout = None), text_signature = "($self, block=True, timeout=None)")]
    #[inline]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().get_object(slf.as_any().as_borrowed(), block, timeout)
    }

    /// Remove an object and return it, if there is one. As get(False).
    fn get_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method1(intern!(slf.py(), "get"), (false,))
    }

    /// Put all items of an iterable, in order, as many at a time as there is room for.
    ///
    /// Blocks while there is no room for the next one. `timeout`, in seconds, covers all items (None: without limit); if `block` is
    /// false, it does not block. A get() of any process wakes it, and so does shutdown(). Raises what put() raises; an iterable
    /// that raises ends it. The items before are in the queue then. The attribute `remaining` of queue.Full, queue.ShutDown,
    /// KeyboardInterrupt and, of a strict queue, of the error of pickling lists the items that were taken from the iterable and
    /// are not in the queue.
    #[pyo3(signature = (items, *, block = Truth(true), timeout = None), text_signature = "($self, items, *, block=True, timeout=None)")]
    fn put_many<'py>(
        slf: &Bound<'py, Self>,
        items: &Bound<'py, PyAny>,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        many::put(slf, items, &block, timeout)
    }

    /// Remove at least one object and at most `max` objects (1 or more), and return them as a list.
    ///
    /// Blocks as get() does, but only for the first object, and raises the same exceptions. What the process has taken is lost if
    /// it is killed. If an object can't be unpickled or a signal handler raises, the exception's `got` lists the others.
    #[pyo3(signature = (max, *, block = Truth(true), timeout = None), text_signature = "($self, max, *, block=True, timeout=None)")]
    fn get_many<'py>(
        slf: &Bound<'py, Self>,
        max: isize,
        block: Truth,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        many::get(slf, max, &block, timeout)
    }

    /// Shut the queue down, in all processes: from now on put() raises queue.ShutDown, and so does get() when nothing is left.
    ///
    /// Every put() and get() that waits wakes up. With `immediate`, what is in the queue is dropped and counts as done, so get()
    /// raises at once, and join() may end. Does not block, but for the microseconds in which another process puts or gets.
    #[pyo3(signature = (immediate = Truth(false)), text_signature = "($self, immediate=False)")]
    fn shutdown(slf: &Bound<'_, Self>, immediate: Truth) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_standard() {
            this.check_native(slf.as_any().as_borrowed())?;
        }
        let queue = this.engine.get()?;
        let how = match immediate.0 {
            true => Shutdown::Immediate,
            false => Shutdown::Drain,
        };
        blocking::wait(py, Deadline::NEVER, |context| queue.shutdown(how, context))?
            .map_err(|error| failure(py, error))?;
        this.tell_got(slf.as_any().as_borrowed())
    }

    /// Whether the queue was shut down, by any process.
    #[getter]
    fn is_shutdown(&self) -> PyResult<bool> {
        match self.is_standard() {
            true => Ok(false),
            false => self.engine.get().map(AnyQueue::is_shut_down),
        }
    }

    /// Return how many objects there are at this moment. Never blocks.
    fn qsize(slf: &Bound<'_, Self>) -> PyResult<u32> {
        match slf.get().is_standard() {
            true => standard(slf.as_any().as_borrowed(), ("qsize",))?.extract(),
            false => slf.get().engine.get().map(AnyQueue::len),
        }
    }

    /// Has `_interlock_got()` called after each `get()` from now on.
    fn _interlock_watch(&self) {
        // Relaxed: it stands for itself.
        self.is_watched.store(true, Ordering::Relaxed);
    }

    fn _interlock_has_put(&self) -> bool {
        // Relaxed: it stands for itself.
        self.has_put.load(Ordering::Relaxed)
    }

    fn _interlock_is_empty(&self) -> PyResult<bool> {
        self.engine.get().map(AnyQueue::is_empty)
    }

    /// Return whether put() would have to wait at this moment. Never blocks.
    fn full(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match slf.get().is_standard() {
            true => standard(slf.as_any().as_borrowed(), ("full",))?.extract(),
            false => slf.get().engine.get().map(AnyQueue::is_full),
        }
    }

    /// Return whether the standard library's code does the work.
    fn _interlock_is_standard(&self) -> bool {
        self.is_standard()
    }

    /// Has the standard library's code do the work from now on. Threads that wait in the engine wake up, and call it.
    fn _interlock_become_standard(&self, py: Python<'_>) -> PyResult<()> {
        self.become_standard();
        let Ok(queue) = self.engine.get() else {
            return Ok(());
        };
        blocking::wait(py, Deadline::NEVER, |context| {
            queue.shutdown(Shutdown::Drain, context)
        })?
        .map_err(|error| failure(py, error))
    }

    /// Return a list with an object that the engine's queue still has, or an empty one.
    fn _interlock_take_left<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.take_left(py)?)
    }

    /// Return whether the engine has a queue for this object.
    fn _interlock_has_begun(&self) -> bool {
        self.engine.get().is_ok()
    }

    /// Return whether any other process has the queue, or will have it when it has started.
    fn _interlock_is_shared(&self) -> PyResult<bool> {
        Ok(self.engine.get()?.object().is_shared())
    }

    fn _interlock_unfinished(&self) -> PyResult<u32> {
        self.engine.get().map(AnyQueue::unfinished)
    }

    /// Waits until there is an object or the queue is shut down. Takes nothing. Returns whether that is so.
    fn _interlock_poll(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let queue = self.engine.get()?;
        let deadline = deadline_of_poll(timeout)?;
        if !queue.is_empty() || queue.is_shut_down() {
            return Ok(true);
        }
        match deadline {
            Deadline::PASSED => Ok(false),
            deadline => blocking::wait(py, deadline, |context| queue.wait_for_message(context).is_ok()),
        }
    }

    fn _interlock_task_done(&self) -> PyResult<bool> {
        self.engine.get().map(AnyQueue::task_done)
    }

    fn _interlock_join(&self, py: Python<'_>) -> PyResult<()> {
        let queue = self.engine.get()?;
        blocking::wait(py, Deadline::NEVER, |context| queue.join(context))?
            .map_err(|error| failure(py, error))
    }

    /// Whether this process has closed the queue.
    #[getter]
    fn _closed(&self) -> bool {
        self.is_closed()
    }

    #[setter(_closed)]
    fn set_closed(&self, closed: Truth) {
        self.set_closed_to(closed.0);
    }
}
