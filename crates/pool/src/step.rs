//! Steps of the engine on workers, which the program does not know of.

use std::cell::Cell;

use interlock_wait::fork;

thread_local! {
    /// Whether this thread is a worker of a Rust pool.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Marks the calling thread as a worker, or takes the mark back.
#[cfg(not(loom))]
pub(crate) fn set_worker(is_worker: bool) {
    IS_WORKER.set(is_worker);
}

/// Returns whether the calling thread is a worker of a Rust pool.
#[cfg(not(loom))]
pub(crate) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// Runs a step of the engine: on a worker in [`fork::fork_guarded`], so that a thread that forks finds no lock held
/// by a worker. The program's own threads are not guarded: the program must not fork while one of them is in a call
/// to a pool.
pub(crate) fn step<R>(work: impl FnOnce() -> R) -> R {
    if IS_WORKER.get() {
        fork::fork_guarded(work)
    } else {
        work()
    }
}
