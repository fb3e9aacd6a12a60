//! A queue that Python code can look into.

use interlock_queue::{Contents, Counters, Discard, Hooked, HookedError, Side};
use interlock_sync as engine;
use interlock_wait::{Deadline, Patience, StateLock};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use super::items::Items;
use super::kind::Kind;
use crate::blocking;
use crate::condition::Condition;
use crate::errors::{self, Failure};
use crate::hot::is_same;
use crate::imported::Imported;
use crate::lock::Lock;

/// Which methods a class overrides.
#[derive(Clone, Copy)]
pub(crate) struct Overridden {
    init: bool,
    size: bool,
    put: bool,
    get: bool,
    /// Not hooks, but what put_nowait() and get_nowait() call.
    pub(super) put_method: bool,
    pub(super) get_method: bool,
}

impl Overridden {
    /// What `class` overrides of `base`, which it is derived from.
    pub(super) fn of_class(class: &Bound<'_, PyType>, base: &Bound<'_, PyType>) -> PyResult<Self> {
        let differs = |name| PyResult::Ok(!is_same(&class.getattr(name)?, &base.getattr(name)?));
        Ok(Overridden {
            init: differs("_init")?,
            size: differs("_qsize")?,
            put: differs("_put")?,
            get: differs("_get")?,
            put_method: differs("put")?,
            get_method: differs("get")?,
        })
    }

    pub(super) fn any(self) -> bool {
        self.init || self.size || self.put || self.get
    }
}

/// An empty container for items in this order.
pub(super) fn container(py: Python<'_>, kind: Kind) -> PyResult<Bound<'_, PyAny>> {
    static DEQUE: Imported = Imported::new("collections", "deque");
    match kind {
        Kind::Fifo => DEQUE.get(py)?.call0(),
        Kind::Lifo | Kind::Heap => Ok(PyList::empty(py).into_any()),
    }
}

/// What an open queue consists of.
pub(crate) struct Open {
    pub(super) mutex: Py<Lock>,
    pub(super) not_empty: Py<Condition>,
    pub(super) not_full: Py<Condition>,
    pub(super) all_tasks_done: Py<Condition>,
    pub(super) counters: StateLock<Counters>,
    items: StateLock<Py<PyAny>>,
    kind: Kind,
    overridden: Overridden,
}

impl Open {
    /// An empty open queue, whose mutex the calling thread has.
    pub(super) fn new(py: Python<'_>, kind: Kind, overridden: Overridden, bound: usize) -> PyResult<Self> {
        let mutex = Py::new(
            py,
            Lock {
                engine: engine::Lock::new(),
            },
        )?;
        let condition = || Py::new(py, Condition::on(mutex.clone_ref(py)));
        let (not_empty, not_full, all_tasks_done) = (condition()?, condition()?, condition()?);
        let items = StateLock::new(container(py, kind)?.unbind());
        mutex.get().engine.acquire();
        let counters = StateLock::new(Counters {
            bound,
            ..Counters::default()
        });
        Ok(Open {
            mutex,
            not_empty,
            not_full,
            all_tasks_done,
            counters,
            items,
            kind,
            overridden,
        })
    }

    /// Releases the mutex that [`Open::new`] took.
    pub(super) fn release(&self) {
        // It is held since `new`, unless somebody else released it; then there is nothing to do.
        let _ = self.mutex.get().engine.release();
    }

    /// Takes over what was in the engine, and releases the mutex.
    pub(super) fn adopt(&self, py: Python<'_>, contents: Contents<Items>) -> PyResult<()> {
        {
            let mut counters = self.counters.lock();
            counters.unfinished = contents.unfinished;
            counters.shut_down = contents.shut_down;
        }
        let moved = contents
            .items
            .into_vec()
            .into_iter()
            .try_for_each(|item| self.default_put(item.bind(py)));
        self.release();
        moved
    }

    pub(super) fn with<'a, 'py>(&'a self, queue: &'a Bound<'py, PyAny>) -> Opened<'a, 'py> {
        Opened { queue, open: self }
    }

    pub(super) fn items(&self, py: Python<'_>) -> Py<PyAny> {
        self.items.lock().clone_ref(py)
    }

    pub(super) fn set_items(&self, items: Py<PyAny>) {
        let earlier = std::mem::replace(&mut *self.items.lock(), items);
        drop(earlier);
    }

    pub(super) fn default_size(&self, py: Python<'_>) -> PyResult<usize> {
        self.items(py).bind(py).len()
    }

    pub(super) fn default_put(&self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        static HEAPPUSH: Imported = Imported::new("heapq", "heappush");
        let py = item.py();
        let items = self.items(py).into_bound(py);
        match self.kind {
            Kind::Heap => HEAPPUSH.get(py)?.call1((items, item)).map(drop),
            Kind::Fifo | Kind::Lifo => items.call_method1("append", (item,)).map(drop),
        }
    }

    pub(super) fn default_get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static HEAPPOP: Imported = Imported::new("heapq", "heappop");
        let items = self.items(py).into_bound(py);
        match self.kind {
            Kind::Fifo => items.call_method0("popleft"),
            Kind::Lifo => items.call_method0("pop"),
            Kind::Heap => HEAPPOP.get(py)?.call1((items,)),
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.mutex)?;
        visit.call(&self.not_empty)?;
        visit.call(&self.not_full)?;
        visit.call(&self.all_tasks_done)?;
        // Not visited if another thread is about to replace it: that keeps it alive, which is always safe.
        self.items.try_lock().map_or(Ok(()), |items| visit.call(&*items))
    }
}

/// An open queue with the object that it belongs to, whose class may have hooks.
pub(crate) struct Opened<'a, 'py> {
    queue: &'a Bound<'py, PyAny>,
    open: &'a Open,
}

impl<'py> Hooked for Opened<'_, 'py> {
    type Item = Bound<'py, PyAny>;
    type Error = PyErr;

    fn mutex(&self) -> &engine::Lock {
        &self.open.mutex.get().engine
    }

    fn condition(&self, side: Side) -> &engine::Condition {
        match side {
            Side::Get => self.open.not_empty.get().engine(),
            Side::Put => self.open.not_full.get().engine(),
            Side::Join => self.open.all_tasks_done.get().engine(),
        }
    }

    fn counters(&self) -> &StateLock<Counters> {
        &self.open.counters
    }

    fn size(&self) -> PyResult<usize> {
        match self.open.overridden.size {
            true => self.queue.call_method0("_qsize")?.extract(),
            false => self.open.default_size(self.queue.py()),
        }
    }

    fn push(&self, item: Bound<'py, PyAny>) -> PyResult<()> {
        match self.open.overridden.put {
            true => self.queue.call_method1("_put", (item,)).map(drop),
            false => self.open.default_put(&item),
        }
    }

    fn pop(&self) -> PyResult<Bound<'py, PyAny>> {
        match self.open.overridden.get {
            true => self.queue.call_method0("_get"),
            false => self.open.default_get(self.queue.py()),
        }
    }
}

impl<'py> Opened<'_, 'py> {
    fn py(&self) -> Python<'py> {
        self.queue.py()
    }

    pub(super) fn put(&self, item: Bound<'py, PyAny>, block: bool, deadline: Deadline) -> PyResult<()> {
        self.run(deadline, Failure::Full, |patience| {
            self.put_with(item, block, patience)
        })
    }

    pub(super) fn get(&self, block: bool, deadline: Deadline) -> PyResult<Bound<'py, PyAny>> {
        self.run(deadline, Failure::Empty, |patience| {
            self.get_with(block, patience)
        })
    }

    pub(super) fn task_done(&self) -> PyResult<()> {
        let done = self.run(Deadline::NEVER, Failure::Empty, |patience| {
            self.task_done_with(patience)
        })?;
        done.map_err(errors::too_many_done(self.py()))
    }

    pub(super) fn join(&self) -> PyResult<()> {
        self.run(Deadline::NEVER, Failure::Empty, |patience| {
            self.join_with(patience)
        })
    }

    pub(super) fn shutdown(&self, discard: Discard) -> PyResult<()> {
        self.run(Deadline::NEVER, Failure::Empty, |patience| {
            self.shutdown_with(discard, patience)
        })
    }

    /// Runs `look` with the mutex.
    pub(super) fn with_mutex<R>(&self, look: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
        let mutex = self.mutex();
        if !mutex.try_acquire() {
            let taken = blocking::wait(self.py(), Deadline::NEVER, |patience| {
                mutex.acquire_with(patience)
            })?;
            taken.map_err(|_| Failure::Empty.raise(self.py()))?;
        }
        let result = look();
        mutex.release().map_err(errors::not_held(self.py()))?;
        result
    }

    pub(super) fn run<R>(
        &self,
        deadline: Deadline,
        not_ready: Failure,
        operation: impl FnOnce(&mut Patience<'_>) -> Result<R, HookedError<PyErr>>,
    ) -> PyResult<R> {
        match blocking::wait(self.py(), deadline, operation)? {
            Ok(result) => Ok(result),
            Err(HookedError::Hook(error)) => Err(error),
            Err(HookedError::ShutDown) => Err(Failure::ShutDown.raise(self.py())),
            Err(HookedError::NotReady | HookedError::Interrupted) => Err(not_ready.raise(self.py())),
        }
    }
}
