//! The one place that detaches from the interpreter.
//!
//! A waiting thread detaches only while it sleeps; everything before and after runs attached. So an operation may hold
//! a reference to a primitive, from [`Attached`](crate::raw::Attached), while it waits: what runs detached is the sleep
//! on the thread's own waiter, which takes no lock of a state.
//!
//! On a build with a GIL, a woken thread that attached at once would just go back to sleep, on the interpreter's lock,
//! because its notifier still runs. The notifier is usually about to wait itself. So the woken thread first watches for
//! a few microseconds whether the notifier detaches.

use interlock_wait::{Deadline, Host, Slept, ThreadIdent, WaitContext, watch};
use pyo3::prelude::*;

use crate::errors;
use crate::lifecycle::{exit, thread};

/// How long a woken thread watches for its notifier to detach, in nanoseconds.
const WATCH_NANOS: u32 = 10_000;

/// Watches for the notifier to detach, for as long as that is likely to pay off.
fn watch_notifier(notifier: Option<ThreadIdent>) {
    if cfg!(Py_GIL_DISABLED) {
        return;
    }
    if let Some(notifier) = notifier.map(thread::Slot::of) {
        let seen = notifier.pays_to_watch() && watch(WATCH_NANOS, || notifier.is_detached());
        notifier.remember(seen);
    }
}

/// A thread attached to the interpreter, as the engine's host.
struct Interpreter<'py> {
    py: Python<'py>,
    handles_signals: bool,
    raised: Option<PyErr>,
    /// Whether an observer has refused a wait of the operation.
    refused: bool,
}

impl<'py> Interpreter<'py> {
    fn host(py: Python<'py>, handles_signals: bool) -> Self {
        Interpreter {
            py,
            handles_signals,
            raised: None,
            refused: false,
        }
    }
}

impl Host for Interpreter<'_> {
    // Not inlined into its callers: attaching has a landing pad, and a frame with one must not call Python code on a
    // thread that the interpreter may end meanwhile (`panic = "abort"` in ARCHITECTURE.md). It never ends the main
    // thread, which handles signals.
    #[inline(never)]
    #[expect(clippy::disallowed_methods, reason = "I2: the one place that detaches")]
    fn sleep(&mut self, sleep: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        // A wait that insists comes here again after an exception, and then it sleeps.
        if self.raised.is_none() {
            self.raised = exit::no_thread_left(self.py);
            if self.raised.is_some() {
                return true;
            }
        }
        let slept = self.py.detach(|| {
            thread::set_detached(true);
            let slept = sleep();
            if let Slept::Notified(notifier) = slept {
                watch_notifier(notifier);
            }
            thread::set_detached(false);
            slept
        });
        if !self.handles_signals || matches!(slept, Slept::Notified(_)) {
            return false;
        }
        let raised = self.py.check_signals().err();
        let stop = raised.is_some();
        self.raised = raised.or(self.raised.take());
        stop
    }

    fn hears_signals(&self) -> bool {
        self.handles_signals
    }

    fn has_stopped(&self) -> bool {
        self.raised.is_some()
    }

    fn refused(&mut self) {
        self.refused = true;
    }
}

/// Yields the interpreter to another thread that wants it. For loops that run no bytecode.
pub(crate) fn give_way(py: Python<'_>) {
    let mut interpreter = Interpreter::host(py, false);
    // The next bytecode handles signals.
    let _ = interpreter.sleep(&mut || Slept::TimedOut);
}

/// Runs a system call that takes a while and touches no object, and lets other threads run meanwhile.
pub(crate) fn aside<R: Send>(py: Python<'_>, call: impl FnOnce() -> R + Send) -> R {
    let mut interpreter = Interpreter::host(py, false);
    let (mut call, mut result) = (Some(call), None);
    interpreter.sleep(&mut || {
        result = call.take().map(|call| call());
        Slept::TimedOut
    });
    match (result, call) {
        (Some(result), _) => result,
        // The interpreter is finalizing: there is no other thread.
        (None, Some(call)) => call(),
        (None, None) => unreachable!("a call that was made has a result"),
    }
}

/// Runs an operation of the engine that may wait until `deadline`; the calling thread detaches while it sleeps.
///
/// Signal handlers run as they would between two bytecodes. That includes the handler of a signal that came just
/// before: in a loop without bytecodes it would otherwise run too late, or never.
///
/// # Errors
/// A signal handler raised, such as `KeyboardInterrupt`, or an observer refused the wait (`DeadlockError`). The
/// documentation of the engine's operation tells what is left undone.
pub(crate) fn wait<R>(
    py: Python<'_>,
    deadline: Deadline,
    operation: impl FnOnce(&mut WaitContext<'_>) -> R,
) -> PyResult<R> {
    if thread::handles_signals(py) {
        py.check_signals()?;
    }
    go_on_waiting(py, deadline, operation)
}

/// Like [`wait`], for an operation whose first step is already done: it always runs.
///
/// # Errors
/// A signal handler raised during the operation, or an observer refused its wait.
pub(crate) fn go_on_waiting<R>(
    py: Python<'_>,
    deadline: Deadline,
    operation: impl FnOnce(&mut WaitContext<'_>) -> R,
) -> PyResult<R> {
    let mut interpreter = Interpreter::host(py, thread::handles_signals(py));
    let result = operation(&mut WaitContext::hosted(deadline, &mut interpreter));
    match interpreter.raised {
        Some(raised) => Err(raised),
        None if interpreter.refused => Err(errors::deadlock(py)),
        None => Ok(result),
    }
}
