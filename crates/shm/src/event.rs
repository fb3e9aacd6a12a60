//! `Event`: a flag for which processes wait. (FORMAT.md, "Event".)

use std::sync::Arc;

use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{Deadline, ResourceKind, SharedWord, WaitContext, Wake, wake_shared};

use crate::arena::Arena;
use crate::cells::EventCell;
use crate::error::Error;
use crate::id::Id;
use crate::objects::Object;
use crate::resource::SharedResource;
use crate::step;

/// A flag in shared memory. Threads of all processes of the family wait until it is set.
#[derive(Clone, Debug)]
pub struct Event(Object);

const SET: u32 = 1;
const WAITERS: u32 = 2;
const GENERATION: u32 = 4;

impl Event {
    /// Creates an event in `arena` that is not set.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>) -> Result<Self, Error> {
        arena.make(|_: &EventCell| {}).map(Event)
    }

    /// Opens the event `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena.open::<EventCell>(id).map(Event)
    }

    /// Returns the object that the event is.
    pub fn object(&self) -> &Object {
        &self.0
    }

    /// Returns whether the flag is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        // Acquire pairs with the Release in `set`.
        self.word().load(Ordering::Acquire) & SET != 0
    }

    /// Sets the flag. All waiting threads go on, even if another thread clears it at once. Never blocks.
    #[inline]
    pub fn set(&self) {
        let word = self.word();
        // Relaxed: the compare-exchange decides.
        let mut now = word.load(Ordering::Relaxed);
        while now & SET == 0 {
            let next = (now & !WAITERS).wrapping_add(GENERATION) | SET;
            // Release pairs with the Acquire of those that see the flag or the new count. Relaxed: a failure is looked at again.
            match word.compare_exchange(now, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => {
                    step::at("event.set");
                    if now & WAITERS != 0 {
                        wake_shared(word, u32::MAX);
                    }
                    return;
                }
                Err(other) => now = other,
            }
        }
    }

    /// Clears the flag. Never blocks.
    #[inline]
    pub fn clear(&self) {
        // Release pairs with the Acquire of a waiter: what this thread did before is done for those that see the flag clear.
        self.word().fetch_and(!SET, Ordering::Release);
    }

    /// Waits until the flag is set.
    ///
    /// Blocks until [`set`](Self::set), or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    #[inline]
    pub fn wait(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        match self.is_set() {
            true => Ok(()),
            false => self.wait_slow(context),
        }
    }

    #[cold]
    fn wait_slow(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let word = self.word();
        // Acquire, here and below, pairs with the Release in `set`.
        let begun = word.load(Ordering::Acquire);
        let mut now = begun;
        let was_set = |now: u32| now & SET != 0 || (now ^ begun) >= GENERATION;
        while !was_set(now) {
            if context.deadline() == Deadline::PASSED {
                return Err(Error::Ended(Wake::TimedOut));
            }
            let flagged = now | WAITERS;
            // Relaxed: the flag asks for a wake-up, and the kernel compares the whole word. Acquire: as above.
            if let Err(other) = word.compare_exchange(now, flagged, Ordering::Relaxed, Ordering::Acquire) {
                now = other;
                continue;
            }
            let shared = SharedWord {
                word,
                expected: flagged,
            };
            let resource = SharedResource::new(ResourceKind::Event);
            let wake = self.0.arena().sleep_on(&[shared], &[], &resource, context);
            // Acquire pairs with the Release in `set`.
            now = word.load(Ordering::Acquire);
            if wake == Wake::Interrupted || wake == Wake::TimedOut && !was_set(now) {
                return Err(Error::Ended(wake));
            }
        }
        Ok(())
    }

    fn word(&self) -> &AtomicU32 {
        &self.0.cell::<EventCell>().word
    }
}
