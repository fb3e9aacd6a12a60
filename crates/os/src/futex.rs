//! Sleeping on a word and waking its sleepers.
//!
//! See <https://man7.org/linux/man-pages/man2/futex.2.html>. Words are process-private.

#![expect(
    clippy::disallowed_types,
    reason = "I8: the word that the kernel sleeps on, named below the one door"
)]

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};

use crate::clock;

/// Why [`wait`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// The word differed, somebody woke us, or the kernel felt like it: look at the word again.
    Woken,
    /// The deadline passed.
    TimedOut,
    /// A signal handler ran on this thread.
    Interrupted,
}

/// Sleeps while `*word == expected`, until woken, until a signal handler ran, or until `deadline`.
///
/// `deadline` is an absolute time in nanoseconds on the monotonic clock; `None` is never.
pub fn wait(word: &AtomicU32, expected: u32, deadline: Option<u64>) -> Returned {
    let until = deadline.map(clock::timespec);
    match futex::wait_bitset(word, Flags::PRIVATE, expected, until.as_ref(), NonZeroU32::MAX) {
        Ok(()) | Err(Errno::AGAIN) => Returned::Woken,
        Err(Errno::TIMEDOUT) => Returned::TimedOut,
        Err(Errno::INTR) => Returned::Interrupted,
        Err(error) => {
            unreachable!("futex wait failed: {error}; the kernel refused a private word and a valid time")
        }
    }
}

/// Wakes at most one thread that sleeps on `word`. Never blocks.
///
/// The word need not be live any more when the call is made: at worst, a stranger that sleeps on a new word at the same
/// address looks at its word once more.
pub fn wake_one(word: &AtomicU32) {
    // The only possible failure is a word that is no longer mapped: then nobody sleeps on it.
    let _ = futex::wake(word, Flags::PRIVATE, 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_word_that_differs_is_not_slept_on() {
        assert_eq!(wait(&AtomicU32::new(1), 0, None), Returned::Woken);
    }

    #[test]
    fn a_deadline_in_the_past_times_out() {
        assert_eq!(wait(&AtomicU32::new(0), 0, Some(1)), Returned::TimedOut);
    }

    #[test]
    fn a_wake_ends_a_sleep() {
        let word = AtomicU32::new(0);
        std::thread::scope(|s| {
            s.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    wait(&word, 0, None);
                }
            });
            word.store(1, Ordering::Release);
            wake_one(&word);
        });
    }
}
