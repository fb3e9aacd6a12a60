//! The tasks of a log: each message that was put is a task, until a program reports that it is done.
//! (QUEUE_FORMAT.md, "Queue".)

use interlock_wait::primitive::Ordering;
use interlock_wait::{ResourceKind, WaitContext};

use crate::error::Error;
use crate::log::{Counts, LogView};

impl LogView<'_> {
    /// Returns how many messages have been put so far.
    fn puts(&self) -> u32 {
        match self.counts {
            Counts::Stack => {
                let noted = self.head();
                let since = self.tail().count.saturating_sub(noted.at);
                noted.count.wrapping_add(since)
            }
            Counts::Messages | Counts::Units => self.tail().count,
        }
    }

    /// Returns how many tasks are not done.
    pub(crate) fn unfinished(&self) -> u32 {
        // SeqCst: pairs with the exchange below, for joiners that look after they announced themselves. The done are read first: no
        // more are done than were put.
        let done = self.log.done.load(Ordering::SeqCst);
        self.puts().wrapping_sub(done)
    }

    /// Counts `most` tasks as done, or as many as are left. Returns how many.
    pub(crate) fn tasks_done(&self, most: u32) -> u32 {
        // Relaxed: the exchange below looks again.
        let mut done = self.log.done.load(Ordering::Relaxed);
        loop {
            let count = self.puts().wrapping_sub(done).min(most);
            // SeqCst: before the look at the joiners, see `Sleepers`. Relaxed: looked at again.
            let next = done.wrapping_add(count);
            match (self.log.done).compare_exchange(done, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {
                    if self.unfinished() == 0 {
                        self.log.joiners.wake(u32::MAX);
                    }
                    return count;
                }
                Err(now) => done = now,
            }
        }
    }

    /// Waits until all tasks are done.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub(crate) fn join(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let mut slept = false;
        (self.log.joiners)
            .wait(
                &|| self.unfinished() == 0,
                (self.arena, None),
                &mut slept,
                (ResourceKind::QueueJoin, context),
            )
            .map_err(Error::Ended)
    }
}
