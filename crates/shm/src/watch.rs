//! Lets one thread wait for many queues at once, on behalf of tasks of event loops. (QUEUE_FORMAT.md, "Queue":
//! "Waiting".)

use std::fmt;

use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{MOST_SHARED_WORDS, ResourceKind, SharedWord, WaitContext, block_shared, wake_shared};

use crate::arena::Arena;
use crate::cells::Sleepers;
use crate::name::Name;
use crate::resource::SharedResource;

/// The side of a queue that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A message, or the end of the queue.
    Get,
    /// Room for a message, or the end of the queue.
    Put,
}

/// One side of a queue, as [`Watch::wait`] sees it.
pub struct Awaited<'a> {
    sleepers: &'a Sleepers,
    is_ready: Box<dyn Fn() -> bool + Send + Sync + 'a>,
}

impl<'a> Awaited<'a> {
    /// Makes one side of a queue. `is_ready` checks by sequentially consistent loads.
    pub(crate) fn new(sleepers: &'a Sleepers, is_ready: impl Fn() -> bool + Send + Sync + 'a) -> Self {
        Awaited {
            sleepers,
            is_ready: Box::new(is_ready),
        }
    }

    /// Returns whether an attempt of this side's operation is worth it now.
    pub fn is_ready(&self) -> bool {
        (self.is_ready)()
    }
}

impl fmt::Debug for Awaited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaited").finish_non_exhaustive()
    }
}

/// The object at which a thread waits for many queues, and by which other threads of its process call it.
#[derive(Debug, Default)]
pub struct Watch {
    calls: AtomicU32,
}

impl Watch {
    /// The most sides that can be waited for at once.
    pub const MOST: usize = MOST_SHARED_WORDS - 1;

    /// Creates a watch at which no thread waits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how often it has been called so far.
    pub fn calls(&self) -> u32 {
        // Acquire pairs with the Release in `call`: its thread sees what the caller did before.
        self.calls.load(Ordering::Acquire)
    }

    /// Returns the word that a call changes, for a thread that has seen `seen` calls.
    pub(crate) fn word(&self, seen: u32) -> SharedWord<'_> {
        SharedWord {
            word: &self.calls,
            expected: seen,
        }
    }

    /// Ends the wait of the thread that waits here, or its next one. Never blocks.
    pub fn call(&self) {
        // Release pairs with the Acquire in `calls`.
        self.calls.fetch_add(1, Ordering::Release);
        wake_shared(&self.calls, 1);
    }

    /// Waits until one of `awaited` may be ready, until there have been more than `seen` calls, or until `context`
    /// ends the wait. The waiting thread takes nothing: it passes each wake-up on to the next thread that sleeps
    /// for the same queue.
    ///
    /// A process that is killed between a put and the wake-up can leave a sleeper behind. So the caller should wait
    /// for at most a second, and then check.
    ///
    /// # Panics
    /// `awaited` contains more than [`MOST`](Self::MOST) sides.
    pub fn wait(&self, seen: u32, awaited: &[Awaited<'_>], context: &mut WaitContext<'_>) {
        self.sleep(seen, awaited, &mut |words| {
            block_shared(words, &SharedResource::new(ResourceKind::QueueGet), context);
        });
    }

    /// Like [`wait`](Self::wait), but also returns when one of the processes `lives` is dead. By then the process
    /// is swept, even if its first sweeper died. May return spuriously. If there are more processes than it can
    /// watch, it checks the others 20 times a second.
    ///
    /// # Panics
    /// The same as for `wait`.
    pub fn wait_beside(
        &self,
        seen: u32,
        awaited: &[Awaited<'_>],
        (arena, lives): (&Arena, &[Name]),
        context: &mut WaitContext<'_>,
    ) {
        let resource = SharedResource::new(ResourceKind::QueueGet);
        self.sleep(seen, awaited, &mut |words| {
            arena.sleep_on(words, lives, &resource, context);
        });
        for &name in lives {
            arena.finish_sweep(name);
        }
    }

    fn sleep(&self, seen: u32, awaited: &[Awaited<'_>], sleep: &mut dyn FnMut(&[SharedWord<'_>])) {
        let calls = self.word(seen);
        let mut words = Vec::with_capacity(awaited.len() + 1);
        words.push(calls);
        words.extend(awaited.iter().map(|side| SharedWord {
            word: &side.sleepers.0,
            expected: side.sleepers.announce(),
        }));
        // Checked after all announcements: a side that becomes ready later changes a word.
        if !awaited.iter().any(Awaited::is_ready) {
            sleep(&words);
        }
        for (side, word) in awaited.iter().zip(words.iter().skip(1)) {
            // Acquire pairs with the Release of the wake-up. If this thread took a wake-up, the word had changed
            // before.
            if word.word.load(Ordering::Acquire) != word.expected {
                side.sleepers.pass_on(|| side.is_ready());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use interlock_wait::Deadline;

    use super::*;

    /// The first look finds nothing, so the watch sleeps; then it is woken, and finds something.
    #[test]
    fn a_watch_takes_no_wake_up_from_a_getter_c201() {
        let sleepers = Sleepers(AtomicU32::new(0));
        let looks = AtomicU32::new(0);
        // SeqCst, here and below: a test is not about orderings.
        let side = [Awaited::new(&sleepers, || {
            looks.fetch_add(1, Ordering::SeqCst) > 0
        })];
        let watch = Watch::new();
        std::thread::scope(|scope| {
            scope.spawn(|| watch.wait(0, &side, &mut WaitContext::until(Deadline::NEVER)));
            while looks.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            sleepers.wake(1);
        });
        // The wake-up that the watch took, and the one that it gave.
        let wake_ups = sleepers.0.load(Ordering::SeqCst) / 2;
        assert_eq!(wake_ups, 2);
    }
}
