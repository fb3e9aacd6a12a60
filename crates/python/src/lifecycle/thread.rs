//! The state that the extension keeps for each thread: whether it is the main thread, and whether it is detached in
//! a wait. (The pool that it works for is remembered by the core of pools.)

use std::cell::Cell;

use interlock_wait::ThreadIdent;
use interlock_wait::primitive::global::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::errors;

/// The identity of the main thread; 0 until the extension knows it. A forked child may have another one.
static MAIN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether Python handles signals on this thread. `None` before the first query.
    static HANDLES_SIGNALS: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Threads whose identities hash to the same slot share it. A collision costs a few microseconds, but is harmless.
const SLOTS: usize = 1024;

static THREADS: [Slot; SLOTS] = [const { Slot::new() }; SLOTS];

/// The hints about a thread for other threads. (The slot of a thread that has ended keeps its last values.)
pub(crate) struct Slot {
    /// Whether it is detached in one of our waits.
    detached: AtomicBool,
    /// How many threads that it notified have watched in vain for it to detach, or did not watch for that reason, since one
    /// of them last saw it.
    in_vain: AtomicU32,
}

/// After this number of vain watches, threads watch one time in `WATCH_ONE_IN` only: the notifier seldom waits here itself.
const VAIN_WATCHES: u32 = 2;
const WATCH_ONE_IN: u32 = 32;

impl Slot {
    const fn new() -> Self {
        Slot {
            detached: AtomicBool::new(false),
            in_vain: AtomicU32::new(0),
        }
    }

    /// Returns the slot of a thread.
    pub(crate) fn of(thread: ThreadIdent) -> &'static Self {
        // Identities are addresses of thread stacks, so their low bits hardly differ.
        let hash = (thread.get() >> 6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &THREADS[(hash >> 54) as usize % SLOTS]
    }

    /// Returns whether the thread is detached in a wait of ours.
    pub(crate) fn is_detached(&self) -> bool {
        // Relaxed: a hint; it orders nothing.
        self.detached.load(Ordering::Relaxed)
    }

    /// Returns whether it is likely to detach in a moment.
    pub(crate) fn pays_to_watch(&self) -> bool {
        // Relaxed: as above.
        let in_vain = self.in_vain.load(Ordering::Relaxed);
        in_vain < VAIN_WATCHES || in_vain.is_multiple_of(WATCH_ONE_IN)
    }

    /// Remembers whether a thread that it notified saw it detach.
    pub(crate) fn remember(&self, seen: bool) {
        // Relaxed: as above. A count that another thread changes at the same time may lose a step.
        let in_vain = self.in_vain.load(Ordering::Relaxed);
        let next = if seen { 0 } else { in_vain.wrapping_add(1) };
        if next != in_vain {
            // Relaxed: as above.
            self.in_vain.store(next, Ordering::Relaxed);
        }
    }
}

/// Records that the calling thread is now detached, or attached again.
pub(crate) fn set_detached(detached: bool) {
    // Relaxed: a hint for watching threads; it orders nothing.
    Slot::of(ThreadIdent::current())
        .detached
        .store(detached, Ordering::Relaxed);
}

/// For the child of a fork: records that the thread that forked is the main thread there, and attached.
pub(super) fn become_main() {
    HANDLES_SIGNALS.set(Some(true));
    set_main();
    set_detached(false);
}

fn set_main() {
    // Relaxed: the number stands for itself.
    MAIN.store(ThreadIdent::current().get(), Ordering::Relaxed);
}

/// Returns whether Python handles signals on the calling thread: whether it is the main thread of the
/// interpreter.
pub(crate) fn handles_signals(py: Python<'_>) -> bool {
    HANDLES_SIGNALS.get().unwrap_or_else(|| {
        // Relaxed: as in `set_main`. A thread that still sees 0 asks.
        let answer = match MAIN.load(Ordering::Relaxed) {
            0 => ask_for_main_thread(py),
            main => main == ThreadIdent::current().get(),
        };
        HANDLES_SIGNALS.set(Some(answer));
        answer
    })
}

/// Asks the interpreter, which costs a caught exception, so only the threads before the main thread's first query do.
/// `threading.main_thread()` is no help: up to 3.12 it is the thread that imported the module first.
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
    let is_main = asked.is_err_and(|refusal| errors::exception(py, refusal).is_instance_of::<PyOSError>());
    if is_main {
        set_main();
    }
    is_main
}
