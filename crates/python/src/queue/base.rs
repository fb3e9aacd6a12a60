//! The engine's part of `queue.Queue`, `LifoQueue` and `PriorityQueue`. Their methods are in `methods.rs`.

use std::collections::VecDeque;

use interlock_queue::{GetError, HostQueue, PutError};
use interlock_wait::Deadline;
use interlock_wait::primitive::global::{AtomicIsize, Ordering};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use super::callbacks::Callbacks;
use super::items::{Items, is_number};
use super::kind::Kind;
use crate::blocking;
use crate::convert::Timeout;
use crate::engine::Queue as Engine;
use crate::errors::{self, Failure};
use crate::initialized::Initialized;
use crate::materialize::{Exported, Native, materialize, native, standard};
use crate::raw::{Attached, intern};

/// The engine's part of `queue.Queue`, `LifoQueue` and `PriorityQueue`: it holds the items.
#[pyclass(frozen, subclass, extends = Native, module = "interlock._interlock")]
pub(crate) struct Queue {
    pub(crate) engine: Attached<Engine<Items>>,
    /// The argument `maxsize`.
    maxsize: AtomicIsize,
    pub(super) kind: Kind,
    /// The callbacks of tasks that wait.
    pub(super) callbacks: Callbacks,
    pub(super) initialized: Initialized,
}

impl Queue {
    /// Creates an empty queue without a bound, of the kind of its class.
    pub(super) fn new_of(class: &Bound<'_, PyType>) -> PyResult<PyClassInitializer<Self>> {
        let kind = Kind::of_class(class)?;
        let queue = Queue {
            engine: Attached::new(Engine::with_store_in(Items::new(kind), 0)),
            maxsize: AtomicIsize::new(0),
            kind,
            callbacks: Callbacks::default(),
            initialized: Initialized::new(),
        };
        Ok(PyClassInitializer::from(Native::new(class, export)?).add_subclass(queue))
    }

    /// Puts an item in. The caller knows that the queue is native.
    ///
    /// # Errors
    /// There is no room, the queue was shut down, or the engine cannot hold the item. The last is `Retired`, and the
    /// caller has to materialize the queue.
    #[inline]
    pub(crate) fn try_put(&self, py: Python<'_>, item: Py<PyAny>) -> Result<(), PutError<Py<PyAny>>> {
        if self.kind == Kind::Heap && !is_number(&item) {
            return Err(PutError::Retired(item));
        }
        self.engine.get(py).try_put(item)
    }

    /// Returns whether the engine can hold all these items.
    pub(super) fn keeps(&self, items: &VecDeque<Py<PyAny>>) -> bool {
        self.kind != Kind::Heap || items.iter().all(is_number)
    }

    /// Takes an item out. The caller knows that the queue is native.
    #[inline]
    pub(crate) fn try_get(&self, py: Python<'_>) -> Result<Py<PyAny>, GetError> {
        self.engine.get(py).try_get()
    }

    /// Returns whether the queue is full. The caller knows that the queue is native.
    pub(crate) fn is_full(&self, py: Python<'_>) -> bool {
        self.maxsize() > 0 && self.engine.get(py).is_full()
    }

    /// Returns the argument `maxsize`.
    #[inline]
    pub(super) fn maxsize(&self) -> isize {
        // Relaxed: the bound in effect is the engine's; this only remembers the argument.
        self.maxsize.load(Ordering::Relaxed)
    }

    /// Sets the bound if the queue looks unused, and returns whether it did.
    pub(super) fn begin(&self, py: Python<'_>, maxsize: isize) -> bool {
        let engine = self.engine.get(py);
        let is_new =
            engine.is_empty() && engine.unfinished() == 0 && !engine.is_shut_down() && self.maxsize() == 0;
        if is_new {
            // Relaxed: see `maxsize`.
            self.maxsize.store(maxsize, Ordering::Relaxed);
            engine.set_bound(maxsize.max(0).unsigned_abs());
        }
        is_new
    }

    /// Puts an item in. If `block`, blocks until there is room. `Retired` if the queue is materialized by now, or has
    /// to be.
    pub(super) fn put_native(
        &self,
        item: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<&Bound<'_, PyAny>>,
        left: &mut Left,
    ) -> PyResult<Result<(), PutError<Py<PyAny>>>> {
        let py = item.py();
        // As in the standard library, a timeout is checked only if there may be a wait.
        let deadline = match timeout {
            Some(timeout) if block && self.maxsize() > 0 && !self.engine.get(py).is_shut_down() => {
                let timeout = Timeout::of(Some(timeout))?;
                timeout.refuse_negative()?;
                Some(timeout)
            }
            _ => None,
        };
        match self.try_put(py, item.clone().unbind()) {
            Err(PutError::Full(kept)) if block => {
                let deadline = deadline.unwrap_or(Timeout::Never).deadline()?;
                let put = blocking::wait(py, deadline, |context| {
                    self.engine.get(py).put_with(kept, context)
                })?;
                *left = Left::of(deadline);
                Ok(put)
            }
            put => Ok(put),
        }
    }

    /// Takes an item out. If `block`, blocks until there is one. `Retired` if the queue is materialized by now.
    pub(super) fn get_native(
        &self,
        py: Python<'_>,
        block: bool,
        timeout: Option<&Bound<'_, PyAny>>,
        left: &mut Left,
    ) -> PyResult<Result<Py<PyAny>, GetError>> {
        let ended = || self.engine.get(py).is_shut_down() && self.engine.get(py).is_empty();
        let timeout = match timeout {
            Some(timeout) if block && !ended() => Timeout::of(Some(timeout))?,
            _ => Timeout::Never,
        };
        timeout.refuse_negative()?;
        match self.engine.get(py).try_get() {
            Err(GetError::Empty) if block => {
                let deadline = timeout.deadline()?;
                let got = blocking::wait(py, deadline, |context| self.engine.get(py).get_with(context))?;
                *left = Left::of(deadline);
                Ok(got)
            }
            got => Ok(got),
        }
    }
}

/// The rest of the timeout of a wait during which the queue was materialized.
pub(super) enum Left {
    /// There was no wait.
    All,
    /// This many seconds, or no limit.
    Some(Option<f64>),
}

impl Left {
    fn of(deadline: Deadline) -> Self {
        Left::Some(deadline.remaining().map(|left| left.as_secs_f64()))
    }
}

/// Puts an item into a queue; see `Queue.put()`.
#[inline]
pub(super) fn put<'py>(
    slf: &Bound<'py, Queue>,
    item: &Bound<'py, PyAny>,
    block: bool,
    timeout: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = slf.py();
    let mut left = Left::All;
    let put = native(slf, |queue| queue.put_native(item, block, timeout, &mut left))?;
    match put.transpose()? {
        Some(Ok(())) => return Ok(()),
        Some(Err(PutError::ShutDown(_))) => return Err(Failure::ShutDown.raise(py)),
        Some(Err(PutError::Full(_) | PutError::Interrupted(_))) => return Err(Failure::Full.raise(py)),
        Some(Err(PutError::Retired(_))) => materialize(slf)?,
        None => {}
    }
    match left {
        Left::All => standard(slf, intern!(py, "put"), (slf, item, block, timeout)),
        Left::Some(left) => standard(slf, intern!(py, "put"), (slf, item, true, left)),
    }
    .map(drop)
}

/// Takes an item out of a queue; see `Queue.get()`.
#[inline]
pub(super) fn get<'py>(
    slf: &Bound<'py, Queue>,
    block: bool,
    timeout: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let mut left = Left::All;
    let got = native(slf, |queue| queue.get_native(py, block, timeout, &mut left))?;
    match (got.transpose()?, left) {
        (Some(Ok(item)), _) => Ok(item.into_bound(py)),
        (Some(Err(GetError::Retired)), Left::Some(left)) => {
            standard(slf, intern!(py, "get"), (slf, true, left))
        }
        (Some(Err(refusal)), _) => Err(errors::no_item(py, refusal)),
        (None, _) => standard(slf, intern!(py, "get"), (slf, block, timeout)),
    }
}

/// Moves the items into the empty container among the attributes.
fn export(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    let queue = object.cast::<Queue>()?.get();
    let shut_down = "is_shutdown";
    if queue.engine.get(object.py()).is_shut_down() && !attributes.contains(shut_down)? {
        return Ok(Exported::Outdated);
    }
    let Some((contents, wakeups)) = queue.engine.get(object.py()).retire() else {
        return Ok(Exported::Moved(Vec::new()));
    };
    if let Some(container) = attributes.get_item("queue")? {
        let list = container.cast::<PyList>().ok();
        for item in contents.items.into_vec() {
            match list {
                Some(list) => list.append(item)?,
                None => container.call_method1("append", (item,)).map(drop)?,
            }
        }
    }
    attributes.set_item("unfinished_tasks", contents.unfinished)?;
    // The standard library has this attribute from 3.13 on.
    if attributes.contains(shut_down)? {
        attributes.set_item(shut_down, contents.shut_down)?;
    }
    Ok(Exported::Moved(wakeups.into()))
}
