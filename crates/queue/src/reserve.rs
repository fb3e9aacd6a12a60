//! Reserved items: an item that is put while a getter waits belongs to a waiting getter, as if handed over.

use interlock_wait::primitive::Arc;
use interlock_wait::{RawLock, WaitContext, Waiter, Wake, Wakeup, block};

use crate::error::{GetError, PutError};
use crate::queue::Queue;
use crate::side::Side;
use crate::state::Mode;
use crate::store::Store;

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Puts an item in if there is room. If a getter waits, the item is reserved for it. Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    #[inline(always)]
    pub fn try_put_reserved(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let mut state = self.state.lock();
        if let Err(reason) = state.room() {
            drop(state);
            return Err(reason.with(item));
        }
        let wakeup = state.push_reserved(item);
        drop(state);
        wakeup.run();
        Ok(())
    }

    /// Takes out an item that is not reserved for a getter, if there is one. Never blocks.
    ///
    /// # Errors
    /// There is no such item, or the queue is retired.
    #[inline(always)]
    pub fn try_get_unreserved(&self) -> Result<S::Item, GetError> {
        let (item, wakeup) = self.state.lock().pop_unreserved()?;
        wakeup.run();
        Ok(item)
    }

    /// Takes out an item that is not reserved for another getter. Blocks while there is none, until `context` ends the
    /// wait. While the getter waits, [`Queue::try_put_reserved`] can reserve an item for it.
    ///
    /// # Errors
    /// The same as for [`Queue::get_with`].
    pub fn get_reserved_with(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError> {
        loop {
            match self.try_get_unreserved() {
                Err(GetError::Empty) => {}
                result => return result,
            }
            match self.wait_reserving(context) {
                None => {}
                Some(Wake::Notified) => match self.get_own() {
                    // Another thread cleared the queue.
                    Err(GetError::Empty) => {}
                    result => return result,
                },
                Some(Wake::TimedOut) => return self.try_get_unreserved(),
                Some(Wake::Interrupted) => return Err(GetError::Interrupted),
            }
        }
    }

    /// How many items are not reserved for getters at this moment. Never blocks.
    pub fn unreserved(&self) -> usize {
        self.state.lock().unreserved()
    }

    fn get_own(&self) -> Result<S::Item, GetError> {
        let (item, wakeup) = self.state.lock().pop_reserved()?;
        wakeup.run();
        Ok(item)
    }

    /// Lines up, and blocks until notified or until `context` ends the wait. `None` if there is no need to wait. A
    /// getter that was notified at the very moment of its deadline counts as notified.
    #[cold]
    fn wait_reserving(&self, context: &mut WaitContext<'_>) -> Option<Wake> {
        let waiter = Waiter::thread();
        let mut state = self.state.lock();
        if state.unreserved() > 0 || state.mode != Mode::Open {
            return None;
        }
        state.line(Side::Get).push_back(waiter.clone());
        drop(state);
        let wake = block(&waiter, &self.resource(Side::Get.kind()), context, || {
            self.leave_reserving(&waiter, Wake::Interrupted);
        });
        if wake == Wake::Notified {
            return Some(wake);
        }
        Some(self.leave_reserving(&waiter, wake))
    }

    /// Takes out the waiter of a getter whose wait ended with `wake`. If it was notified after all, the item that is reserved
    /// for it is its own, or goes to the next if its wait was interrupted.
    fn leave_reserving(&self, waiter: &Arc<Waiter>, wake: Wake) -> Wake {
        let mut state = self.state.lock();
        let notified = !state.line(Side::Get).remove(waiter);
        let (wake, wakeup) = match wake {
            Wake::TimedOut if notified => (Wake::Notified, Wakeup::NOBODY),
            wake if notified => (wake, state.give_back()),
            wake => (wake, Wakeup::NOBODY),
        };
        drop(state);
        wakeup.run();
        wake
    }
}
