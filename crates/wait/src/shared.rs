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

/// A wait for what `is_ready` tells, whose thread announces itself only before it sleeps: as long as it waits awake, nobody has
/// to ask the kernel to wake it.
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Announced<'a> {
    /// What the thread sleeps on, and what another one changes and wakes after it has seen the announcement.
    pub word: &'a AtomicU32,
    /// A word whose change ends the wait, too: the life word of a process.
    pub beside: Option<SharedWord<'a>>,
    /// Whether the thread need not wait any more.
    pub is_ready: &'a (dyn Fn() -> bool + Sync),
    /// Says in `word` that a thread is about to sleep. Returns what the word is then. Ordered with `is_ready` as with what makes
    /// it true: the one that makes it true sees the announcement, or this thread sees what was done.
    pub announce: &'a (dyn Fn() -> u32 + Sync),
}

/// Puts the calling thread to sleep until `wait.is_ready`, or `context` ends the wait. It looks once a second whether it was
/// forgotten: by a process that was killed after it made that true, or after it was woken in place of this thread.
pub fn block_announced(wait: &Announced<'_>, resource: &dyn Resource, context: &mut WaitContext<'_>) -> Wake {
    block::traced(None, resource, context, |context| {
        block::until_notified(wait, context)
    })
}

impl Announced<'_> {
    /// One sleep in the kernel, on `word` while it is `expected`, and on the other one.
    fn sleep_once(&self, expected: u32, soon: Deadline) -> Returned {
        let word = SharedWord {
            word: self.word,
            expected,
        };
        let returned = match &self.beside {
            // Relaxed: the switch stands for itself.
            Some(_) if ONE_WORD_ONLY.load(Ordering::Relaxed) => {
                sleep::sleep_on_shared(&[word], soon.or_sooner(SLICE_NANOS))
            }
            Some(beside) => sleep::sleep_on_shared(&[word, *beside], soon),
            None => sleep::sleep_on_shared(&[word], soon),
        };
        returned.unwrap_or_else(|| {
            sleep_on_one_word_only();
            Returned::Woken
        })
    }
}

impl Sleeps for Announced<'_> {
    fn is_notified(&self) -> bool {
        (self.is_ready)() || self.beside.as_ref().is_some_and(has_changed)
    }

    /// The child of a fork shares the word.
    fn is_of_this_process(&self) -> bool {
        true
    }

    /// It may be another process's thread.
    fn notifier(&self) -> Option<ThreadIdent> {
        None
    }

    fn sleep(&self, until: Deadline) -> Slept {
        loop {
            let expected = (self.announce)();
            if self.is_notified() {
                return Slept::Notified(None);
            }
            let returned = self.sleep_once(expected, until.or_sooner(LONGEST_NANOS));
            if self.is_notified() {
                return Slept::Notified(None);
            }
            match returned {
                Returned::Woken => {}
                Returned::TimedOut if !until.has_passed() => {}
                Returned::TimedOut => return Slept::TimedOut,
                Returned::Interrupted => return Slept::Interrupted,
            }
        }
    }
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
