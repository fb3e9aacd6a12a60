//! What a `fork` needs from the engine.
//!
//! A forked child has one thread and a copy of all memory. Its wait queues still contain waiters of threads that do not
//! exist in it. So each line of waiters stores the generation of the process that made it, and a
//! [`WaitQueue`](crate::WaitQueue) of an earlier generation counts as empty. No queue has to be found and reset.
//!
//! A fork in an interpreter finds all lock words free: its threads run engine code only while they are attached, and the
//! thread that forks holds the interpreter (see [`Host`](crate::Host)). A thread that no interpreter excludes, such as a
//! worker of a Rust program's pool, does its engine work in [`fork_guarded`]. Locks that other threads hold stay held in the
//! child, as in CPython.

use std::cell::Cell;
use std::sync::Once;

use interlock_os::thread;

use crate::primitive::global::{AtomicU32, AtomicU64, Ordering};
use crate::spin;
use crate::thread_ident::ThreadIdent;

static GENERATION: AtomicU32 = AtomicU32::new(0);
static SURVIVOR: AtomicU64 = AtomicU64::new(0);
static WATCHING: Once = Once::new();

/// Counts the threads that fork, and those that must not meet a fork. State table: a multiple of `FORK`, for the threads that fork, plus the
/// number of threads in [`fork_guarded`]. That number grows only while no thread forks, and a fork waits until it is 0.
static GATE: AtomicU32 = AtomicU32::new(0);
const INSIDE: u32 = 1;
const FORK: u32 = 1 << 16;

thread_local! {
    /// Whether this thread is in [`fork_guarded`].
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The number of forks between the first process and this one, since the first wait.
#[inline]
pub fn generation() -> u32 {
    // Relaxed: it changes only in `child`, when this process has a single thread.
    GENERATION.load(Ordering::Relaxed)
}

/// In the child of a fork, the thread that forked: the only one at that time.
#[cfg(not(loom))]
pub(crate) fn survivor() -> ThreadIdent {
    // Relaxed: it changes only in `child`, when this process has a single thread.
    ThreadIdent::new(SURVIVOR.load(Ordering::Relaxed))
}

/// Registers the fork handlers, so that forks are counted from now on. Making a waiter calls this. Code that compares
/// generations without a waiter has to call it.
#[expect(clippy::disallowed_methods, reason = "I13: the engine's own handlers")]
pub fn watch() {
    // If there is no memory for the handlers, a forked child notifies threads of its parent, which does nothing.
    WATCHING.call_once(|| drop(interlock_os::fork::around(before, after, child)));
}

/// Runs `work`, during which this process does not fork, unless `work` itself does.
///
/// For engine code on a thread that runs on while another thread forks. Otherwise the child could find a lock word held by a
/// thread that does not exist there. A fork on another thread waits until `work` is done, so `work` must be short, and must
/// not block.
pub fn fork_guarded<R>(work: impl FnOnce() -> R) -> R {
    if IS_INSIDE.get() {
        return work();
    }
    watch();
    // Acquire pairs with the Release in `after`: a fork is over.
    while GATE
        .fetch_update(Ordering::Acquire, Ordering::Relaxed, |gate| {
            (gate < FORK).then_some(gate + INSIDE)
        })
        .is_err()
    {
        thread::yield_now();
    }
    IS_INSIDE.set(true);
    let _leave = Leave;
    work()
}

/// The end of [`fork_guarded`], however it ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        IS_INSIDE.set(false);
        // Release pairs with the Acquire in `before`: what was done inside is done.
        GATE.fetch_sub(INSIDE, Ordering::Release);
    }
}

extern "C" fn before() {
    // Relaxed: nothing is read before the load below.
    GATE.fetch_add(FORK, Ordering::Relaxed);
    let own = u32::from(IS_INSIDE.get());
    // Acquire pairs with the Release in `Leave`.
    while GATE.load(Ordering::Acquire) % FORK > own {
        thread::yield_now();
    }
}

extern "C" fn after() {
    // Release pairs with the Acquire in `fork_guarded`.
    GATE.fetch_sub(FORK, Ordering::Release);
}

extern "C" fn child() {
    // Relaxed: the child has one thread.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // Relaxed: as above.
    SURVIVOR.store(ThreadIdent::current().get(), Ordering::Relaxed);
    // Relaxed: as above.
    GATE.store(u32::from(IS_INSIDE.get()), Ordering::Relaxed);
    spin::forget_spinners();
}
