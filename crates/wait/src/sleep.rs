//! The only place that puts threads to sleep and wakes them: in the kernel, or by the scheduler.

use std::ptr;

use interlock_os::clock;
use interlock_os::files::{self, FileWait};
use interlock_os::futex::{self, MOST_SHARED_WORDS, Returned, SharedWord};
use interlock_os::poll::Poller;

use crate::deadline::Deadline;
use crate::primitive::AtomicU32;
use crate::primitive::global::Ordering;
use crate::schedule::scheduler;

/// Sleeps while `word` is `expected`. May return early.
#[expect(clippy::disallowed_methods, reason = "I1: the one place that sleeps")]
pub(crate) fn sleep(word: &AtomicU32, expected: u32, until: Deadline) -> Returned {
    match scheduler() {
        None => futex::wait(word, expected, until.nanos()),
        // Acquire pairs with the notifier's change of the word, which the caller looks for when this returns.
        Some(scheduler) => scheduler.park(&[place(word)], until.nanos(), &|| {
            word.load(Ordering::Acquire) == expected
        }),
    }
}

/// Wakes the thread that sleeps on `word`. Never blocks, unless the scheduler lets another thread run first.
pub(crate) fn wake(word: &AtomicU32) {
    // The thread may have gone to sleep in the kernel before there was a scheduler.
    futex::wake_one(word);
    if let Some(scheduler) = scheduler() {
        scheduler.unpark(place(word), 1);
    }
}

/// Sleeps while all of `words`, in shared memory, have their expected values. `None` if the kernel can't watch that
/// many.
pub(crate) fn sleep_on_shared(words: &[SharedWord<'_>], until: Deadline) -> Option<Returned> {
    if let Some(scheduler) = scheduler() {
        let mut places = [0; MOST_SHARED_WORDS];
        for (place, shared) in places.iter_mut().zip(words) {
            *place = self::place(shared.word);
        }
        // Acquire pairs with the Release of the thread that changes the word.
        let still = || (words.iter()).all(|shared| shared.word.load(Ordering::Acquire) == shared.expected);
        return Some(scheduler.park(&places[..words.len()], until.nanos(), &still));
    }
    match words {
        [only] => Some(futex::wait_shared(*only, until.nanos())),
        words => futex::wait_any_shared(words, until.nanos()),
    }
}

/// Wakes at most `most` threads, of any process, that sleep on `word`.
pub(crate) fn wake_shared(word: &AtomicU32, most: u32) {
    futex::wake_shared(word, most);
    if let Some(scheduler) = scheduler() {
        scheduler.unpark(place(word), most);
    }
}

/// Sleeps until one of `files` is ready. A scheduler can't tell when that is, so this always sleeps in the kernel.
#[expect(clippy::disallowed_methods, reason = "I1: the one place that sleeps")]
pub(crate) fn sleep_on_files(files: &mut [FileWait], until: Deadline) -> Returned {
    files::wait(files, on_kernels_clock(until))
}

/// Sleeps until a descriptor is ready. A scheduler of threads can't tell when that is, so this always sleeps in the
/// kernel.
#[expect(clippy::disallowed_methods, reason = "I1: the one place that sleeps")]
pub(crate) fn sleep_on_descriptors(poller: &Poller, until: Deadline) -> Returned {
    poller.wait(on_kernels_clock(until))
}

/// Converts a deadline to the kernel's clock: a scheduler of threads may have another clock.
fn on_kernels_clock(until: Deadline) -> Option<u64> {
    let left = until.remaining()?;
    let nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    Some(clock::monotonic_nanos().saturating_add(nanos))
}

/// Sleeps for about `nanos` nanoseconds of real time: the last resort of a thread that waits for a lock word, whose holder
/// is running.
#[expect(clippy::disallowed_methods, reason = "I1: the one place that sleeps")]
pub(crate) fn nap(nanos: u64) {
    let word = AtomicU32::new(0);
    futex::wait(&word, 0, Some(clock::monotonic_nanos() + nanos));
}

fn place(word: &AtomicU32) -> usize {
    ptr::from_ref(word).addr()
}
