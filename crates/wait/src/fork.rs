//! What a `fork` needs from the engine.
//!
//! A forked child has one thread and a copy of memory as it was, wait queues full of waiters whose threads do not exist
//! included. So each waiter line carries the generation of the process that made it, and a
//! [`WaitQueue`](crate::WaitQueue) of an earlier generation is empty in this one: nothing has to be found and reset.
//!
//! Lock words need no care as long as the thread that forks excludes the others from the engine, as an interpreter does:
//! its threads run engine code only while attached, and a fork holds the interpreter (see [`Host`](crate::Host)). Locks
//! held by other threads stay held in the child, as in CPython.

use std::sync::Once;

use crate::primitive::global::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static WATCHING: Once = Once::new();

/// The number of forks between the first process and this one, since the first wait.
#[inline]
pub fn generation() -> u32 {
    // Relaxed: it changes only in `child`, when this process has a single thread.
    GENERATION.load(Ordering::Relaxed)
}

/// Sees to it that forks are counted. To be called before a waiter is made.
pub(crate) fn watch() {
    // Without memory for the handler, a forked child notifies threads of its parent's, in vain.
    WATCHING.call_once(|| drop(interlock_os::fork::on_child(child)));
}

extern "C" fn child() {
    // Relaxed: the child has one thread.
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
