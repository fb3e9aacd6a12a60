//! Sleep on a word and wake its sleepers.
//!
//! See <https://man7.org/linux/man-pages/man2/futex.2.html>. Words are process-private.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};

use crate::clock;

/// Why [`wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// The word differed, another thread woke this one, or the wake-up was spurious: check the word again.
    Woken,
    /// The deadline passed.
    TimedOut,
    /// A signal handler ran on this thread.
    Interrupted,
}

/// Sleeps while `*word == expected`, until another thread wakes it, a signal handler has run, or `deadline` passes.
///
/// `deadline` is an absolute time in nanoseconds on the monotonic clock; `None` means no deadline.
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
/// The word need not be live any more. At worst, a thread that sleeps on a new word at the same address checks its word
/// once more.
pub fn wake_one(word: &AtomicU32) {
    // This fails only if the word is no longer mapped, and then no thread sleeps on it.
    let _ = futex::wake(word, Flags::PRIVATE, 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn wait_returns_at_once_if_the_word_differs() {
        assert_eq!(wait(&AtomicU32::new(1), 0, None), Returned::Woken);
    }

    #[test]
    fn a_deadline_in_the_past_times_out() {
        assert_eq!(wait(&AtomicU32::new(0), 0, Some(1)), Returned::TimedOut);
    }

    #[test]
    fn wake_one_ends_a_sleep() {
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
