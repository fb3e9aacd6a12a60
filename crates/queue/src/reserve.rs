//! Reserved items: an item that is put while a getter waits belongs to that getter, as if it were handed over.

use interlock_wait::{RawLock, WaitContext, Waiter, Wake, block};

use crate::error::GetError;
use crate::queue::Queue;
use crate::side::Side;
use crate::state::{Arrival, Mode};
use crate::store::Store;

impl<S: Store, L: RawLock> Queue<S, L> {
    /// See [`HostQueue::try_get_unreserved`](crate::HostQueue::try_get_unreserved).
    #[inline(always)]
    pub(crate) fn take_unreserved(&self) -> Result<S::Item, GetError> {
        let (item, wakeup) = self.state.lock().pop_unreserved()?;
        if let Some(wakeup) = wakeup {
            wakeup.run();
        }
        Ok(item)
    }

    /// See [`HostQueue::get_reserved_with`](crate::HostQueue::get_reserved_with).
    pub(crate) fn take_reserved(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError> {
        loop {
            match self.take_unreserved() {
                Err(GetError::Empty) => {}
                result => return result,
            }
            match self.wait_reserving(context) {
                None => {}
                Some(Wake::Notified) => match self.take(Arrival::Notified) {
                    // Another thread cleared the queue.
                    Err(GetError::Empty) => {}
                    result => return result,
                },
                Some(Wake::TimedOut) => return self.take_unreserved(),
                Some(Wake::Interrupted) => return Err(GetError::Interrupted),
            }
        }
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
        let leave = || {
            let mut state = self.state.lock();
            if !state.remove(Side::Get, &waiter) {
                let wakeup = state.give_back();
                drop(state);
                wakeup.run();
            }
        };
        let wake = block(&waiter, &self.resource_of(Side::Get.kind()), context, leave);
        let comes = match wake {
            Wake::Notified => true,
            Wake::TimedOut => !self.state.lock().remove(Side::Get, &waiter),
            Wake::Interrupted => {
                leave();
                return Some(wake);
            }
        };
        Some(if comes { Wake::Notified } else { wake })
    }
}
