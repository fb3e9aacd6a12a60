//! Threads take turns at the results of a job.

use interlock_wait::primitive::global::{AtomicU32, Ordering};
use interlock_wait::{Deadline, fork};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::convert::Timeout;
use crate::futures::never_ends;
use crate::raw::Attached;
use crate::{blocking, engine, errors};

/// Lets one thread at a time unpickle results.
pub(super) struct Turn {
    lock: Attached<engine::RLock>,
    /// The process, by its generation of forks, in which a thread has taken the turn.
    taken_in: AtomicU32,
}

/// The thread whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taker {
    This,
    Another,
    /// A thread of the process that forked this one. It does not exist here.
    Gone,
}

impl Turn {
    pub(super) fn new() -> Self {
        Turn {
            lock: Attached::new(engine::RLock::new_in()),
            taken_in: AtomicU32::new(0),
        }
    }

    #[inline]
    pub(super) fn taker(&self, py: Python<'_>) -> Option<Taker> {
        let lock = self.lock.get(py);
        let (owner, _) = lock.owner()?;
        // Relaxed: a forked child has what was written before the fork.
        let is_of_parent = self.taken_in.load(Ordering::Relaxed) != fork::generation();
        Some(if is_of_parent && owner != fork::survivor() {
            Taker::Gone
        } else if lock.is_owned() {
            Taker::This
        } else {
            Taker::Another
        })
    }

    /// Takes the turn, once more if this thread has it and `again` is set. Returns how often it has it then, or 0 if it did not get it in
    /// time, and the exception of a signal handler, which may come with the turn.
    ///
    /// # Errors
    /// This thread has the turn, `timeout` is wrong, or a thread has the turn that never gives it back.
    #[inline]
    pub(super) fn take(
        &self,
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
        again: bool,
    ) -> PyResult<(usize, PyResult<()>)> {
        let lock = self.lock.get(py);
        if !lock.is_locked() && lock.try_acquire().is_ok() {
            return Ok((self.taken(py), Ok(())));
        }
        self.take_slow(py, timeout, again)
    }

    #[cold]
    fn take_slow(
        &self,
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
        again: bool,
    ) -> PyResult<(usize, PyResult<()>)> {
        let taker = self.taker(py);
        if taker == Some(Taker::This) && !again {
            return Err(PyRuntimeError::new_err(
                "this thread is unpickling the result, and can't wait for it meanwhile",
            ));
        }
        let deadline = Timeout::of(timeout)?.deadline()?;
        if taker == Some(Taker::Gone) {
            if deadline == Deadline::NEVER {
                return Err(never_ends());
            }
            let never = Attached::new(engine::Event::new_in());
            let slept = blocking::wait(py, deadline, |context| never.get(py).wait_with(context).is_ok());
            return Ok((0, slept.map(drop)));
        }
        let lock = self.lock.get(py);
        let mut has_turn = lock.try_acquire().is_ok();
        let waited = match deadline {
            _ if has_turn => Ok(()),
            Deadline::PASSED => Ok(()),
            deadline => blocking::wait(py, deadline, |context| {
                has_turn = lock.acquire_with(context).is_ok();
            }),
        };
        Ok((if has_turn { self.taken(py) } else { 0 }, waited))
    }

    #[inline]
    fn taken(&self, py: Python<'_>) -> usize {
        // Relaxed: as above.
        self.taken_in.store(fork::generation(), Ordering::Relaxed);
        self.lock.get(py).recursion_count()
    }

    /// Gives the turn back.
    #[inline]
    pub(super) fn leave(&self, py: Python<'_>) -> PyResult<()> {
        self.lock.get(py).release().map_err(errors::not_owned(py))
    }
}
