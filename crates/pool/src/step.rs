//! Steps of the engine on threads of which their user does not know.

use std::cell::Cell;

use interlock_wait::fork;

thread_local! {
    /// Whether this thread works for a pool.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Says that the calling thread works for a pool, or does so no longer.
#[cfg(not(loom))]
pub(crate) fn set_worker(is_worker: bool) {
    IS_WORKER.set(is_worker);
}

/// Runs a step of the engine. On a worker, whom its user does not know of, in [`fork::fork_guarded`]: so who forks finds no
/// lock held by one. Who forks while threads of his own are at work here, knows what he does.
pub(crate) fn step<R>(work: impl FnOnce() -> R) -> R {
    if IS_WORKER.get() {
        fork::fork_guarded(work)
    } else {
        work()
    }
}
