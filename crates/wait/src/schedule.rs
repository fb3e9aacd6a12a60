//! The choice of the thread that runs, and of the time: the operating system's, or a scheduler's.
//!
//! To explore the schedules of a program, or to replay one, a [`Scheduler`] drives the threads instead of listening to
//! them. While one is registered, the engine reads its clock, sleeps and wakes through it, does not spin, and tells it of
//! the threads that it starts. Without one, each of these steps costs one relaxed load more. Uncontended operations take
//! none of them.

use std::io;
use std::sync::Arc as Shared;
use std::time::Duration;

#[cfg(not(loom))]
use arc_swap::ArcSwapOption;
pub use interlock_os::futex::Returned;
use interlock_os::{clock, thread};

#[cfg(not(loom))]
use crate::primitive::global::{AtomicBool, Ordering};

/// Decides which thread runs, and what time it is.
///
/// It must outlast the threads that it has parked or begun. A thread that finds a lock word held waits for its holder as if
/// there were no scheduler: the holder runs, and needs a few instructions. Its methods are called under no internal lock, and may block
/// for as long as it wants the calling thread to stand still. They may not use the engine's primitives.
pub trait Scheduler: Send + Sync {
    /// Returns the time in nanoseconds, on a clock that never runs backwards.
    fn now(&self) -> u64;

    /// Parks the calling thread until [`Scheduler::unpark`] with one of `places`, or until the time `until`.
    ///
    /// Returns at once unless `still` is true. No `unpark` may come between that look and the parking. May return early:
    /// the caller looks again.
    fn park(&self, places: &[usize], until: Option<u64>, still: &dyn Fn() -> bool) -> Returned;

    /// Ends the parking of at most `most` threads at `place`. Finds none there if these are parked by the kernel, or awake.
    fn unpark(&self, place: usize, most: u32);

    /// The calling thread is about to start a thread, which gets the number that this returns.
    fn will_start(&self) -> u64;

    /// The calling thread is the one with this number, which has just started. Returns when it is to run.
    fn began(&self, number: u64);

    /// The thread with this number will run no more, or could not be started.
    fn ended(&self, number: u64);
}

#[cfg(not(loom))]
static IS_SCHEDULED: AtomicBool = AtomicBool::new(false);

#[cfg(not(loom))]
static SCHEDULER: ArcSwapOption<Registered> = ArcSwapOption::const_empty();

#[cfg(not(loom))]
struct Registered(Shared<dyn Scheduler>);

/// Registers the process's scheduler, before the threads that it is to drive use the engine.
#[cfg(not(loom))]
pub fn set_scheduler(scheduler: Shared<dyn Scheduler>) {
    SCHEDULER.store(Some(Shared::new(Registered(scheduler))));
    // Relaxed: a thread that does not see it yet uses the system once more.
    IS_SCHEDULED.store(true, Ordering::Relaxed);
}

/// Takes the scheduler away, when no thread is parked by it any more.
#[cfg(not(loom))]
pub fn clear_scheduler() {
    // Relaxed: a thread that still finds the scheduler uses it once more.
    IS_SCHEDULED.store(false, Ordering::Relaxed);
    SCHEDULER.store(None);
}

/// Returns the scheduler, if there is one.
#[cfg(not(loom))]
#[inline]
pub(crate) fn scheduler() -> Option<Shared<dyn Scheduler>> {
    // Relaxed: as in `set_scheduler`.
    IS_SCHEDULED.load(Ordering::Relaxed).then(find).flatten()
}

#[cfg(not(loom))]
#[cold]
fn find() -> Option<Shared<dyn Scheduler>> {
    SCHEDULER.load().as_ref().map(|registered| registered.0.clone())
}

/// A model has its own.
#[cfg(loom)]
pub(crate) fn scheduler() -> Option<Shared<dyn Scheduler>> {
    None
}

/// Returns whether a scheduler decides what time it is.
pub(crate) fn is_scheduled() -> bool {
    scheduler().is_some()
}

/// Returns the time in nanoseconds: the scheduler's, or that of the monotonic clock.
#[inline]
pub(crate) fn nanos() -> u64 {
    match scheduler() {
        None => clock::monotonic_nanos(),
        Some(scheduler) => scheduler.now(),
    }
}

/// Returns the time since some moment in the past, to measure how long something takes.
#[inline]
pub fn now() -> Duration {
    Duration::from_nanos(nanos())
}

/// Starts a detached thread that runs `main` on a stack of `stack_size` bytes; 0 asks for the C library's default size.
///
/// # Errors
/// The operating system cannot start another thread.
pub fn spawn(stack_size: usize, main: impl FnOnce() + Send + 'static) -> io::Result<()> {
    spawn_named("", stack_size, main)
}

/// Like [`spawn`], for a thread with a name, as the messages of panics show it.
///
/// # Errors
/// The operating system cannot start another thread.
pub fn spawn_named(name: &str, stack_size: usize, main: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let Some(scheduler) = scheduler() else {
        return thread::spawn(name, stack_size, main);
    };
    let number = scheduler.will_start();
    let its = scheduler.clone();
    let started = thread::spawn(name, stack_size, move || {
        its.began(number);
        let _end = AtEnd(|| its.ended(number));
        main();
    });
    if started.is_err() {
        scheduler.ended(number);
    }
    started
}

/// Calls a function when it is dropped, however that comes about.
struct AtEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
