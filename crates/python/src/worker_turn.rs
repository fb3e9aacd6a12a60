//! The code that the workers of all pools share: how they take tasks, and how they yield to other threads.

use std::time::Duration;

use interlock_queue::GetError;
use interlock_wait::Deadline;
use pyo3::prelude::*;

use crate::blocking;
use crate::engine::PoolCore;

/// How long a worker makes calls before it yields to other threads, if the calls do not: the interpreter's own switch
/// interval.
const TURN: Duration = Duration::from_millis(5);

/// Counts the calls of a worker, and makes it yield to other threads from time to time. It reads the clock after each
/// `CALLS` calls.
///
/// Python functions yield by themselves, but builtin ones do not. Yielding costs a system call if other threads wait,
/// and they usually come too late. So the clock decides when to yield.
pub(crate) struct Turn<const CALLS: u32> {
    calls: u32,
    end: Deadline,
}

impl<const CALLS: u32> Turn<CALLS> {
    /// Creates a turn that starts now.
    pub(crate) fn new() -> Self {
        Turn {
            calls: 0,
            end: Deadline::after(TURN),
        }
    }

    #[inline]
    pub(crate) fn count(&mut self, py: Python<'_>) {
        self.calls += 1;
        if self.calls == CALLS {
            self.calls = 0;
            self.check_clock(py);
        }
    }

    #[cold]
    fn check_clock(&mut self, py: Python<'_>) {
        if self.end.has_passed() {
            blocking::give_way(py);
            self.end = Deadline::after(TURN);
        }
    }
}

/// Takes the next task of a pool. Blocks while there is none.
#[cold]
pub(crate) fn wait_for_task<W>(py: Python<'_>, core: &PoolCore<W>) -> PyResult<Result<W, GetError>> {
    blocking::wait(py, Deadline::NEVER, |context| core.take_with(context))
}
