//! The one place that detaches from the interpreter.
//!
//! A waiting thread detaches for the sleep alone; everything before and after happens attached. On a build with a GIL, a
//! woken thread that attached at once would only go to sleep again, on the interpreter's own lock, because the thread
//! that woke it still runs. Most often that thread is about to wait itself. So the woken one first watches for a few
//! microseconds whether its notifier detaches.

use std::cell::Cell;

use interlock_wait::primitive::global::{AtomicBool, Ordering};
use interlock_wait::{Deadline, Host, Patience, Slept, ThreadId, watch};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::errors;

/// How long a woken thread watches for its notifier to detach, in nanoseconds.
const WATCH_NANOS: u32 = 10_000;

/// Threads whose identities fall on the same slot share it; that costs a few microseconds, not correctness.
const SLOTS: usize = 1024;

/// Whether the thread of a slot is detached in a wait of ours. (Of one that has ended it is said as it was last.)
static DETACHED: [AtomicBool; SLOTS] = [const { AtomicBool::new(false) }; SLOTS];

thread_local! {
    /// Whether Python handles signals on this thread, once somebody asked.
    static HANDLES_SIGNALS: Cell<Option<bool>> = const { Cell::new(None) };
}

fn slot(thread: ThreadId) -> &'static AtomicBool {
    // Identities are addresses of thread stacks: their low bits are all alike.
    let hash = (thread.ident() >> 6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &DETACHED[(hash >> 54) as usize % SLOTS]
}

/// Says that the calling thread is detached from here on, or attached again.
fn set_detached(detached: bool) {
    // Relaxed: a hint for those who watch; it orders nothing.
    slot(ThreadId::current()).store(detached, Ordering::Relaxed);
}

/// Watches for the thread that notified this one to detach, for as long as that is likely to pay.
fn watch_notifier(notifier: Option<ThreadId>) {
    if cfg!(Py_GIL_DISABLED) {
        return;
    }
    if let Some(notifier) = notifier {
        let slot = slot(notifier);
        // Relaxed: see `set_detached`.
        watch(WATCH_NANOS, || slot.load(Ordering::Relaxed));
    }
}

/// Begins to hear of forks and of the end of the interpreter. To be called before the first wait, by one thread.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    interlock_wait::fork::watch();
    interlock_os::fork::on_child(become_main_thread)?;
    if cfg!(Py_3_15) {
        let is_finalizing = py.import("sys")?.getattr("is_finalizing")?.unbind();
        let error = py.import("builtins")?.getattr("PythonFinalizationError")?;
        let error = error.cast_into::<PyType>()?.unbind();
        // It is empty: this is called once.
        let _ = FINALIZATION.set(py, Finalization { is_finalizing, error });
    }
    Ok(())
}

/// What tells that the interpreter comes to its end, and what is said then. Looked up early: at the end, imports fail.
struct Finalization {
    is_finalizing: Py<PyAny>,
    error: Py<PyType>,
}

static FINALIZATION: PyOnceLock<Finalization> = PyOnceLock::new();

/// What a wait raises, from 3.15 on, when no thread is left that could end it: the interpreter comes to its end, and lets
/// no thread but this one run.
fn nobody_left(py: Python<'_>) -> Option<PyErr> {
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

/// `threading.main_thread()` would not do: up to 3.12 it is whichever thread imported that module first.
///
/// What can tell is a function that is for the main thread only. It refuses other threads with a ValueError, and in the main
/// thread this file, which no process can have, with an OSError: <https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd>.
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
    // Apart from its callers: attaching has a landing pad, and a frame with one must not call Python code on a thread that the
    // interpreter may end meanwhile (`panic = "abort"` in ARCHITECTURE.md). The main thread, which hears signals, is none.
    #[inline(never)]
    #[expect(clippy::disallowed_methods, reason = "I2: the one place that detaches")]
    fn sleep(&mut self, sleep: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        // A wait that insists comes here again, and sleeps.
        if self.raised.is_none() {
            self.raised = nobody_left(self.py);
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

/// Lets another thread have the interpreter, if one wants it. For loops that run no bytecode.
pub(crate) fn give_way(py: Python<'_>) {
    let mut interpreter = Interpreter {
        py,
        handles_signals: false,
        raised: None,
    };
    // Signals are left to the bytecode that comes next.
    let _ = interpreter.sleep(&mut || Slept::TimedOut);
}

/// Runs an operation of the engine that may wait until `deadline`; the calling thread detaches while it sleeps.
///
/// Signal handlers run as they would between two bytecodes, also the handler of a signal that came just before: who calls
/// in a loop without bytecodes would hear of it too late, or never.
///
/// # Errors
/// A signal handler raised, such as `KeyboardInterrupt`. What the operation then left undone is the engine's promise.
pub(crate) fn wait<R>(
    py: Python<'_>,
    deadline: Deadline,
    operation: impl FnOnce(&mut Patience<'_>) -> R,
) -> PyResult<R> {
    if handles_signals(py) {
        py.check_signals()?;
    }
    go_on_waiting(py, deadline, operation)
}

/// As [`wait`], for an operation whose first step is done: it runs in any case.
///
/// # Errors
/// A signal handler raised meanwhile.
pub(crate) fn go_on_waiting<R>(
    py: Python<'_>,
    deadline: Deadline,
    operation: impl FnOnce(&mut Patience<'_>) -> R,
) -> PyResult<R> {
    let mut interpreter = Interpreter {
        py,
        handles_signals: handles_signals(py),
        raised: None,
    };
    let result = operation(&mut Patience::hosted(deadline, &mut interpreter));
    interpreter.raised.map_or(Ok(result), Err)
}
