//! What the extension remembers of each thread: whether it is the main thread, and whether it is detached in a wait. (The
//! pool that it works for is remembered by the core of pools.)

use std::cell::Cell;

use interlock_wait::ThreadIdent;
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::errors;

thread_local! {
    /// Whether Python handles signals on this thread. `None` before the first query.
    static HANDLES_SIGNALS: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Threads whose identities hash to the same slot share it. A collision costs a few microseconds, but is harmless.
const SLOTS: usize = 1024;

/// Whether the thread of a slot is detached in one of our waits. (The slot of a thread that has ended keeps its last
/// value.)
static DETACHED: [AtomicBool; SLOTS] = [const { AtomicBool::new(false) }; SLOTS];

fn slot(thread: ThreadIdent) -> &'static AtomicBool {
    // Identities are addresses of thread stacks, so their low bits hardly differ.
    let hash = (thread.get() >> 6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &DETACHED[(hash >> 54) as usize % SLOTS]
}

/// Records that the calling thread is now detached, or attached again.
pub(crate) fn set_detached(detached: bool) {
    // Relaxed: a hint for watching threads; it orders nothing.
    slot(ThreadIdent::current()).store(detached, Ordering::Relaxed);
}

/// Returns a function that tells whether a thread is detached in a wait of ours: a hint.
pub(crate) fn detached(thread: ThreadIdent) -> impl Fn() -> bool {
    let slot = slot(thread);
    // Relaxed: see `set_detached`.
    move || slot.load(Ordering::Relaxed)
}

/// In the child of a fork: the thread that forked is the main thread there, and attached.
pub(super) extern "C" fn become_main() {
    HANDLES_SIGNALS.set(Some(true));
    set_detached(false);
}

/// Whether Python handles signals on the calling thread: whether it is the main thread of the interpreter.
pub(crate) fn handles_signals(py: Python<'_>) -> bool {
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
