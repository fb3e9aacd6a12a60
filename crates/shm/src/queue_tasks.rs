//! The tasks of a [`Queue`]: each message that was put is one, until somebody says that it is done. (FORMAT.md, "Queue".)

use interlock_wait::primitive::Ordering;
use interlock_wait::{ResourceKind, WaitContext};

use crate::error::Error;
use crate::queue::Queue;

impl Queue {
    /// How many tasks were put and are not done.
    pub fn unfinished(&self) -> u32 {
        let view = self.view();
        // SeqCst: pairs with the exchange below, for joiners that look after they announced themselves. The done are read first: no
        // more are done than were put.
        let done = view.log.done.load(Ordering::SeqCst);
        view.tail().count.wrapping_sub(done)
    }

    /// One task is done. Returns `false` if no task was left.
    pub fn task_done(&self) -> bool {
        self.tasks_done(1) == 1
    }

    /// `most` tasks are done, or as many as are left. Returns how many.
    pub(crate) fn tasks_done(&self, most: u32) -> u32 {
        let view = self.view();
        // Relaxed: the exchange below looks again.
        let mut done = view.log.done.load(Ordering::Relaxed);
        loop {
            let count = view.tail().count.wrapping_sub(done).min(most);
            // SeqCst: before the look at the joiners, see `Sleepers`. Relaxed: looked at again.
            let next = done.wrapping_add(count);
            match (view.log.done).compare_exchange(done, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {
                    if self.unfinished() == 0 {
                        view.log.joiners.wake(u32::MAX);
                    }
                    return count;
                }
                Err(now) => done = now,
            }
        }
    }

    /// Waits until all tasks are done.
    ///
    /// Blocks until then, or until `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub fn join(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let mut slept = false;
        (self.view().log.joiners)
            .wait(
                &|| self.unfinished() == 0,
                None,
                &mut slept,
                (ResourceKind::QueueJoin, context),
            )
            .map_err(Error::Ended)
    }
}
