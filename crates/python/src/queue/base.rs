//! What `queue.Queue`, `LifoQueue` and `PriorityQueue` consist of; their methods are in `methods.rs`.

use std::collections::VecDeque;
use std::sync::OnceLock;

use interlock_queue::{GetError, PutError, Queue as Engine};
use interlock_wait::Deadline;
use pyo3::prelude::*;

use super::items::{Items, is_number};
use super::kind::Kind;
use super::maxsize::Maxsize;
use super::open::{Open, Opened, Overridden, container};
use crate::blocking;
use crate::convert::Timeout;
use crate::errors::{self, Failure};
use crate::made::Made;

/// What `queue.Queue`, `LifoQueue` and `PriorityQueue` have in common; their order is the class attribute `_order`.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct Queue {
    pub(super) engine: Engine<Items>,
    pub(super) maxsize: Maxsize,
    pub(super) kind: Kind,
    pub(super) overridden: Overridden,
    pub(super) open: OnceLock<Open>,
    pub(super) made: Made,
}

impl Queue {
    /// Puts an item into a queue that is not open and need not be, has room and is not shut down.
    #[inline]
    pub(crate) fn try_put(&self, item: Py<PyAny>) -> Result<(), PutError<Py<PyAny>>> {
        if self.kind == Kind::Heap && !is_number(&item) {
            return Err(PutError::Retired(item));
        }
        self.engine.try_put(item)
    }

    /// Whether a queue that is not open can keep all these items without being opened.
    pub(super) fn keeps(&self, items: &VecDeque<Py<PyAny>>) -> bool {
        self.kind != Kind::Heap || items.iter().all(is_number)
    }

    /// Takes an item out of a queue that is not open.
    #[inline]
    pub(crate) fn try_get(&self) -> Result<Py<PyAny>, GetError> {
        self.engine.try_get()
    }

    /// The open queue, if it is open, with the object that it belongs to.
    #[inline]
    pub(super) fn opened<'a, 'py>(&'a self, slf: &'a Bound<'py, Self>) -> Option<Opened<'a, 'py>> {
        self.open.get().map(|open| open.with(slf.as_any()))
    }

    /// Opens the queue, unless it is open: its items move where Python code can see them.
    #[cold]
    pub(super) fn open(&self, py: Python<'_>) -> PyResult<&Open> {
        if let Some(open) = self.open.get() {
            return Ok(open);
        }
        // Made with its mutex held, so that whoever finds the engine retired waits there until the items have moved.
        let candidate = Open::new(py, self.kind, self.overridden, self.maxsize.bound())?;
        if let Err(candidate) = self.open.set(candidate) {
            candidate.release();
        } else if let (Some(open), Some(contents)) = (self.open.get(), self.engine.retire()) {
            open.adopt(py, contents)?;
        }
        self.open.get().ok_or_else(|| Failure::Empty.raise(py))
    }

    /// Whether nothing was done with it yet that is to be seen.
    pub(super) fn is_new(&self) -> bool {
        let engine = &self.engine;
        self.open.get().is_none() && engine.is_empty() && engine.unfinished() == 0 && !engine.is_shut_down()
    }

    /// Forgets items, unfinished tasks and a shutdown: it is being initialized again. Who waits goes on waiting.
    #[cold]
    pub(super) fn begin_anew(&self, py: Python<'_>) -> PyResult<()> {
        let open = self.open(py)?;
        open.set_items(container(py, self.kind)?.unbind());
        let mut counters = open.counters.lock();
        (counters.unfinished, counters.shut_down) = (0, false);
        Ok(())
    }

    #[cold]
    pub(super) fn put_slow(
        slf: &Bound<'_, Self>,
        refusal: PutError<Py<PyAny>>,
        block: bool,
        timeout: Timeout,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_shutdown() {
            return Err(Failure::ShutDown.raise(py));
        }
        let deadline = match timeout.non_negative_deadline() {
            _ if !block => Deadline::PASSED,
            Ok(deadline) => deadline,
            Err(error) => return Self::put_at_once(slf, refusal, error),
        };
        let refusal = match refusal {
            PutError::Full(item) if block => {
                match blocking::wait(py, deadline, |patience| this.engine.put_with(item, patience))? {
                    Ok(()) => return Ok(()),
                    Err(refusal) => refusal,
                }
            }
            refusal => refusal,
        };
        match refusal {
            PutError::Retired(item) => {
                this.open(py)?
                    .with(slf.as_any())
                    .put(item.into_bound(py), block, deadline)
            }
            PutError::ShutDown(_) => Err(Failure::ShutDown.raise(py)),
            PutError::Full(_) | PutError::Interrupted(_) => Err(Failure::Full.raise(py)),
        }
    }

    /// Puts an item, with a timeout that is an error, which counts only where there would be a wait.
    #[cold]
    fn put_at_once(slf: &Bound<'_, Self>, refusal: PutError<Py<PyAny>>, timeout: PyErr) -> PyResult<()> {
        let py = slf.py();
        match refusal {
            PutError::Retired(item) => {
                let opened = slf.get().open(py)?.with(slf.as_any());
                let put = opened.put(item.into_bound(py), false, Deadline::PASSED);
                put.map_err(|error| {
                    if errors::is_no_room(py, &error) {
                        timeout
                    } else {
                        error
                    }
                })
            }
            _ => Err(timeout),
        }
    }

    /// Takes an item out, with a timeout that is an error, which counts only where there would be a wait.
    #[cold]
    fn get_at_once(slf: &Bound<'_, Self>, refusal: GetError, timeout: PyErr) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if refusal != GetError::Retired {
            return Err(timeout);
        }
        let got = slf
            .get()
            .open(py)?
            .with(slf.as_any())
            .get(false, Deadline::PASSED);
        got.map(Bound::unbind).map_err(|error| {
            if errors::is_no_item(py, &error) {
                timeout
            } else {
                error
            }
        })
    }

    /// Whether the queue was shut down, and is empty.
    pub(super) fn has_ended(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(slf.get().is_shutdown() && Self::qsize(slf)? == 0)
    }

    #[cold]
    pub(super) fn get_slow(
        slf: &Bound<'_, Self>,
        refusal: GetError,
        block: bool,
        timeout: Timeout,
    ) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if Self::has_ended(slf)? {
            return Err(Failure::ShutDown.raise(py));
        }
        let deadline = match timeout.non_negative_deadline() {
            _ if !block => Deadline::NEVER,
            Ok(deadline) => deadline,
            Err(error) => return Self::get_at_once(slf, refusal, error),
        };
        let refusal = match refusal {
            GetError::Empty if block => {
                match blocking::wait(py, deadline, |patience| this.engine.get_with(patience))? {
                    Ok(item) => return Ok(item),
                    Err(refusal) => refusal,
                }
            }
            refusal => refusal,
        };
        match refusal {
            GetError::Retired => this
                .open(py)?
                .with(slf.as_any())
                .get(block, deadline)
                .map(Bound::unbind),
            refusal => Err(errors::no_item(py, refusal)),
        }
    }
}
