//! Sleeps on words in memory that processes share.
//!
//! A thread that waits for another process has no [`Waiter`](crate::Waiter) in that process's queue: a waiter is an
//! object of one process. Both look at a word in shared memory instead. A second word, the life word of the process
//! that holds what the thread wants, tells if that process dies: the kernel changes it and wakes the thread.

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

/// The longest sleep, in nanoseconds. When a process dies, the kernel wakes one of the threads that sleep on its
/// life word, and that thread wakes the others. If it is killed before it does, the others find out because they
/// look once in a while.
const LONGEST_NANOS: u64 = 1_000_000_000;

/// Puts the calling thread to sleep until one of `words` (1 to [`MOST_SHARED_WORDS`]) differs from its expected
/// value, or `context` ends the wait.
///
/// [`Wake::Notified`] means that a word had another value. The caller finds out which: nothing was handed over to
/// it. The caller holds no internal lock. An observer can ask `resource` what the thread waits for.
///
/// # Panics
/// `words` is empty or too long.
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

/// A wait until `is_ready` is true. The thread announces itself only before it sleeps: as long as it waits awake,
/// no other thread has to call the kernel to wake it.
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Announced<'a> {
    /// The word that the thread sleeps on. A thread that has seen the announcement changes it and wakes its
    /// sleepers.
    pub word: &'a AtomicU32,
    /// Another word whose change ends the wait: the life word of a process.
    pub beside: Option<SharedWord<'a>>,
    /// Whether the thread need not wait any more.
    pub is_ready: &'a (dyn Fn() -> bool + Sync),
    /// Announces in `word` that a thread is about to sleep. Returns the value of the word after that. It is ordered
    /// with `is_ready` such that either the thread that makes `is_ready` true sees the announcement, or this thread
    /// sees that it is true.
    pub announce: &'a (dyn Fn() -> u32 + Sync),
}

/// Puts the calling thread to sleep until `wait.is_ready`, or until `context` ends the wait. It checks once a
/// second, because a process may be killed after it has made `is_ready` true, or after it was woken in place of
/// this thread.
pub fn block_announced(wait: &Announced<'_>, resource: &dyn Resource, context: &mut WaitContext<'_>) -> Wake {
    block::traced(None, resource, context, |context| {
        block::until_notified(wait, context)
    })
}

impl Announced<'_> {
    /// Sleeps once in the kernel, on `word` while it is `expected`, and on the other word.
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

    /// The notifier may be a thread of another process.
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

/// Wakes at most `most` threads, of any process, that sleep on `word`, which the caller has changed. Never blocks.
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

    /// The notifier may be a thread of another process.
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
