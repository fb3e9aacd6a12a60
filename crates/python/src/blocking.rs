//! The one place that detaches from the interpreter.
//!
//! A waiting thread detaches only while it sleeps; everything before and after runs attached. On a build with a GIL, a
//! woken thread that attached at once would just go back to sleep, on the interpreter's lock, because its notifier
//! still runs. The notifier is usually about to wait itself. So the woken thread first watches for a few microseconds
//! whether the notifier detaches.

use std::cell::Cell;

use interlock_wait::primitive::global::{AtomicBool, Ordering};
use interlock_wait::{Deadline, Host, Slept, ThreadIdent, WaitContext, take_refusal, watch};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::errors;

/// How long a woken thread watches for its notifier to detach, in nanoseconds.
const WATCH_NANOS: u32 = 10_000;

/// Threads whose identities hash to the same slot share it. A collision costs a few microseconds, but is harmless.
const SLOTS: usize = 1024;

/// Whether the thread of a slot is detached in one of our waits. (The slot of a thread that has ended keeps its last
/// value.)
static DETACHED: [AtomicBool; SLOTS] = [const { AtomicBool::new(false) }; SLOTS];

thread_local! {
    /// Whether Python handles signals on this thread. `None` before the first query.
    static HANDLES_SIGNALS: Cell<Option<bool>> = const { Cell::new(None) };
}

fn slot(thread: ThreadIdent) -> &'static AtomicBool {
    // Identities are addresses of thread stacks, so their low bits hardly differ.
    let hash = (thread.get() >> 6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &DETACHED[(hash >> 54) as usize % SLOTS]
}

/// Records that the calling thread is now detached, or attached again.
fn set_detached(detached: bool) {
    // Relaxed: a hint for watching threads; it orders nothing.
    slot(ThreadIdent::current()).store(detached, Ordering::Relaxed);
}

/// Watches for the notifier to detach, for as long as that is likely to pay off.
fn watch_notifier(notifier: Option<ThreadIdent>) {
    if cfg!(Py_GIL_DISABLED) {
        return;
    }
    if let Some(notifier) = notifier {
        let slot = slot(notifier);
        // Relaxed: see `set_detached`.
        watch(WATCH_NANOS, || slot.load(Ordering::Relaxed));
    }
}

/// Registers the fork handlers, and prepares for the end of the interpreter. One thread must call this before the first
/// wait.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    interlock_wait::fork::watch();
    interlock_os::fork::on_child(become_main_thread)?;
    if cfg!(Py_3_15) {
        let is_finalizing = py.import("sys")?.getattr("is_finalizing")?.unbind();
        let error = py.import("builtins")?.getattr("PythonFinalizationError")?;
        let error = error.cast_into::<PyType>()?.unbind();
        // This cannot fail: it is called once, when the cell is empty.
        let _ = FINALIZATION.set(py, Finalization { is_finalizing, error });
    }
    Ok(())
}

/// The function that tells whether the interpreter is finalizing, and the exception to raise then. Looked up early,
/// because imports fail during finalization.
struct Finalization {
    is_finalizing: Py<PyAny>,
    error: Py<PyType>,
}

static FINALIZATION: PyOnceLock<Finalization> = PyOnceLock::new();

/// The exception that a wait raises, from 3.15 on, if no other thread can end it: the interpreter is finalizing and
/// lets only this thread run.
fn no_thread_left(py: Python<'_>) -> Option<PyErr> {
    let finalization = FINALIZATION.get(py)?;
    let ends = finalization
        .is_finalizing
        .call0(py)
        .and_then(|ends| ends.is_truthy(py));
    let words = "cannot acquire lock at interpreter finalization";
    ends.is_ok_and(|ends| ends)
        .then(|| PyErr::from_type(finalization.error.bind(py).clone(), words))
}

extern "C" fn become_main_thread() {
    HANDLES_SIGNALS.set(Some(true));
    set_detached(false);
}

/// Whether Python handles signals on the calling thread: whether it is the main thread of the interpreter.
fn handles_signals(py: Python<'_>) -> bool {
    HANDLES_SIGNALS.get().unwrap_or_else(|| {
        let answer = ask_for_main_thread(py);
        HANDLES_SIGNALS.set(Some(answer));
        answer
    })
}

/// Asks the interpreter. `threading.main_thread()` is no help: up to 3.12 it is the thread that imported the module
/// first.
///
/// This calls a function that only the main thread may call. It raises ValueError in other threads. In the main thread
/// it raises OSError, because no process can have this file descriptor:
/// <https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd>.
#[cold]
fn ask_for_main_thread(py: Python<'_>) -> bool {
    const NO_FILE: i32 = i32::MAX;
    let asked = py
        .import("_signal")
        .and_then(|signal| signal.call_method1("set_wakeup_fd", (NO_FILE,)));
    asked.is_err_and(|refusal| errors::exception(py, refusal).is_instance_of::<PyOSError>())
}

/// A thread attached to the interpreter, as the engine's host.
struct Interpreter<'py> {
    py: Python<'py>,
    handles_signals: bool,
    raised: Option<PyErr>,
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
            self.raised = no_thread_left(self.py);
            if self.raised.is_some() {
                return true;
            }
        }
        let slept = self.py.detach(|| {
            set_detached(true);
            let slept = sleep();
            if let Slept::Notified(notifier) = slept {
                watch_notifier(notifier);
            }
            set_detached(false);
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
}

/// Yields the interpreter to another thread that wants it. For loops that run no bytecode.
pub(crate) fn give_way(py: Python<'_>) {
    let mut interpreter = Interpreter {
        py,
        handles_signals: false,
        raised: None,
    };
    // The next bytecode handles signals.
    let _ = interpreter.sleep(&mut || Slept::TimedOut);
}

/// Runs an operation of the engine that may wait until `deadline`; the calling thread detaches while it sleeps.
///
/// Signal handlers run as they would between two bytecodes. That includes the handler of a signal that came just
/// before: in a loop without bytecodes it would otherwise run too late, or never.
///
/// # Errors
/// A signal handler raised, such as `KeyboardInterrupt`, or an observer refused the wait (`DeadlockError`). The engine says
/// what an interrupted operation leaves undone.
pub(crate) fn wait<R>(
    py: Python<'_>,
    deadline: Deadline,
    operation: impl FnOnce(&mut WaitContext<'_>) -> R,
) -> PyResult<R> {
    if handles_signals(py) {
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
    let mut interpreter = Interpreter {
        py,
        handles_signals: handles_signals(py),
        raised: None,
    };
    let result = operation(&mut WaitContext::hosted(deadline, &mut interpreter));
    let refused = take_refusal();
    match interpreter.raised {
        Some(raised) => Err(raised),
        None if refused => Err(errors::deadlock(py)),
        None => Ok(result),
    }
}
