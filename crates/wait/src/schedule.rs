//! Lets the operating system, or a registered scheduler, decide which thread runs and what time it is.
//!
//! To explore the schedules of a program, or to replay one, a [`Scheduler`] drives the threads instead of observing
//! them. While one is registered, the engine reads its clock, sleeps and wakes through it, does not spin, and
//! reports to it the threads that it starts. Without one, each of these steps costs one relaxed load more.
//! Uncontended operations take none of them.

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
/// It must outlive the threads that it has parked or begun. A thread that finds a lock word held waits for its
/// holder as if there were no scheduler: the holder runs, and needs a few instructions. Its methods are called
/// under no internal lock, and may block as long as the scheduler wants to hold the calling thread back. They must
/// not use the engine's primitives.
pub trait Scheduler: Send + Sync {
    /// Returns the time in nanoseconds, on a clock that never runs backwards.
    fn now(&self) -> u64;

    /// Parks the calling thread until [`Scheduler::unpark`] with one of `places`, or until the time `until`.
    ///
    /// Returns at once unless `still` is true. Calling `still` and parking have to be one step, so that no `unpark`
    /// comes in between. May return early: the caller checks again.
    fn park(&self, places: &[usize], until: Option<u64>, still: &dyn Fn() -> bool) -> Returned;

    /// Ends the parking of at most `most` threads at `place`. It may find no thread there, because these are parked
    /// by the kernel, or awake.
    fn unpark(&self, place: usize, most: u32);

    /// Called by a thread that is about to start another one. Returns the number of the new thread.
    fn will_start(&self) -> u64;

    /// Called by the thread with this number when it has just started. Returns when the thread may run.
    fn began(&self, number: u64);

    /// Called when the thread with this number has exited, or could not be started.
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

/// Removes the scheduler. No thread may be parked by it any more.
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

/// Returns none: a model schedules its threads itself.
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

/// Calls a function when it is dropped.
struct AtEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
