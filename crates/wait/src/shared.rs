//! Sleeping on words in memory that processes share.
//!
//! A thread that waits for another process has no [`Waiter`](crate::Waiter) in that process's queue: a waiter is an object
//! of one process. Both look at a word in shared memory instead. A second word beside it, the life word of the process that
//! has what the thread wants, tells that this process died: the kernel itself changes it and wakes the thread.

pub use interlock_os::futex::{MOST_SHARED_WORDS, SharedWord};

use crate::block::{self, Sleeps};
use crate::deadline::Deadline;
use crate::primitive::AtomicU32;
use crate::primitive::global::{AtomicBool, Ordering};
use crate::resource::Resource;
use crate::schedule::Returned;
use crate::sleep;
use crate::thread_ident::ThreadIdent;
use crate::wait_context::WaitContext;
use crate::wake::{Slept, Wake};

/// The longest sleep, in nanoseconds. The kernel wakes one of those that sleep on the life word of a process that died.
/// That one wakes the others; should it be killed before, they find out by looking once in a while.
const LONGEST_NANOS: u64 = 1_000_000_000;

/// Puts the calling thread to sleep until one of `words` (1 to [`MOST_SHARED_WORDS`]) has another value than expected, or
/// `context` ends the wait.
///
/// [`Wake::Notified`] says that a word had another value. The caller looks which: nothing was handed to it. The caller holds
/// no internal lock. An observer can ask `resource` what the thread waits for.
///
/// # Panics
/// There is no word, or there are too many.
pub fn block_shared(
    words: &[SharedWord<'_>],
    resource: &dyn Resource,
    context: &mut WaitContext<'_>,
) -> Wake {
    assert!(!words.is_empty() && words.len() <= MOST_SHARED_WORDS);
    block::traced(None, resource, context, |context| {
        block::until_notified(&Words(words), context)
    })
}

/// Wakes at most `most` threads, of whatever process, that sleep on `word`, which the caller has changed. Never blocks.
pub fn wake_shared(word: &AtomicU32, most: u32) {
    sleep::wake_shared(word, most);
}

/// The longest sleep on one word where the kernel can't watch several, in nanoseconds.
const SLICE_NANOS: u64 = 50_000_000;

/// Whether the kernel refuses to watch several words.
static ONE_WORD_ONLY: AtomicBool = AtomicBool::new(false);

/// From now on does as on a kernel that can't watch several words at once. For tests.
pub fn sleep_on_one_word_only() {
    // Relaxed: the switch stands for itself.
    ONE_WORD_ONLY.store(true, Ordering::Relaxed);
}

fn has_changed(shared: &SharedWord<'_>) -> bool {
    // Acquire pairs with the Release of the process that changed the word.
    shared.word.load(Ordering::Acquire) != shared.expected
}

struct Words<'a>(&'a [SharedWord<'a>]);

impl Sleeps for Words<'_> {
    fn is_notified(&self) -> bool {
        self.0.iter().any(has_changed)
    }

    /// The child of a fork shares the words.
    fn is_of_this_process(&self) -> bool {
        true
    }

    /// It may be another process's thread.
    fn notifier(&self) -> Option<ThreadIdent> {
        None
    }

    fn sleep(&self, until: Deadline) -> Slept {
        loop {
            // Relaxed: the switch stands for itself.
            let in_slices = self.0.len() > 1 && ONE_WORD_ONLY.load(Ordering::Relaxed);
            let soon = until.or_sooner(if in_slices { SLICE_NANOS } else { LONGEST_NANOS });
            let watched = if in_slices { &self.0[..1] } else { self.0 };
            let returned = sleep::sleep_on_shared(watched, soon).unwrap_or_else(|| {
                sleep_on_one_word_only();
                Returned::Woken
            });
            if self.is_notified() {
                return Slept::Notified(None);
            }
            match returned {
                Returned::Woken => {}
                Returned::TimedOut if soon < until => {}
                Returned::TimedOut => return Slept::TimedOut,
                Returned::Interrupted => return Slept::Interrupted,
            }
        }
    }
}
