//! Sleep on a word and wake its sleepers.
//!
//! See <https://man7.org/linux/man-pages/man2/futex.2.html>. Words are private to the process, except where a function's
//! name says `shared`.

#![expect(
    clippy::disallowed_types,
    reason = "I8: the word that the kernel sleeps on, named below the one door"
)]

use std::num::NonZeroU32;
use std::ptr;
use std::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, WaitFlags, WaitPtr, WaitvFlags};
use rustix::time::ClockId;

use crate::clock;

/// Why a wait returned.
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
    returned(wait_on(word, Flags::PRIVATE, expected, deadline))
}

fn wait_on(word: &AtomicU32, flags: Flags, expected: u32, deadline: Option<u64>) -> Result<(), Errno> {
    let until = deadline.map(clock::timespec);
    futex::wait_bitset(word, flags, expected, until.as_ref(), NonZeroU32::MAX)
}

fn returned(result: Result<(), Errno>) -> Returned {
    match result {
        Ok(()) | Err(Errno::AGAIN) => Returned::Woken,
        Err(Errno::TIMEDOUT) => Returned::TimedOut,
        Err(Errno::INTR) => Returned::Interrupted,
        Err(error) => {
            unreachable!("futex wait failed: {error}; the kernel refused a live word and a valid time")
        }
    }
}

/// A word in memory that processes share, and the value at which a thread sleeps on it.
#[derive(Clone, Copy, Debug)]
pub struct SharedWord<'a> {
    /// The word.
    pub word: &'a AtomicU32,
    /// A thread sleeps as long as the word has this value.
    pub expected: u32,
}

/// The most words that [`wait_any_shared`] takes.
pub const MOST_SHARED_WORDS: usize = 128;

/// Like [`wait`], on a word in memory that processes share.
pub fn wait_shared(shared: SharedWord<'_>, deadline: Option<u64>) -> Returned {
    returned(wait_on(shared.word, Flags::empty(), shared.expected, deadline))
}

/// Sleeps while all `words`, at most [`MOST_SHARED_WORDS`], have their expected values, until woken on one of them, until a
/// signal handler ran, or until `deadline` (as for [`wait`]). `None` if the kernel can't: `futex_waitv` came with Linux 5.16,
/// and some sandboxes refuse it.
///
/// See <https://www.kernel.org/doc/html/latest/userspace-api/futex2.html>.
pub fn wait_any_shared(words: &[SharedWord<'_>], deadline: Option<u64>) -> Option<Returned> {
    let mut waits = [futex::Wait::new(); MOST_SHARED_WORDS];
    for (wait, shared) in waits.iter_mut().zip(words) {
        wait.val = u64::from(shared.expected);
        wait.uaddr = WaitPtr::new(ptr::from_ref(shared.word).cast_mut().cast());
        wait.flags = WaitFlags::SIZE_U32;
    }
    let until = deadline.map(clock::timespec);
    let waits = &waits[..words.len()];
    match futex::waitv(waits, WaitvFlags::empty(), until.as_ref(), ClockId::Monotonic) {
        Err(Errno::NOSYS | Errno::PERM) => None,
        result => Some(returned(result.map(drop))),
    }
}

/// Wakes at most `most` threads, of any process, that sleep on `word`. Never blocks.
pub fn wake_shared(word: &AtomicU32, most: u32) {
    // The kernel takes the number for a signed one, and wakes one thread if it is negative.
    let most = most.min(i32::MAX.cast_unsigned());
    // The only possible failure is a word that is no longer mapped: then no thread sleeps on it.
    let _ = futex::wake(word, Flags::empty(), most);
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
