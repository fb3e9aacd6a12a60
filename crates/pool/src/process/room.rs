//! Waits for room for a call without blocking a thread: for hosts whose tasks submit calls.

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};

use interlock_wait::{Waiter, WordLock};

use super::duty::Duty;
use super::inner::Inner;
use super::pool::ProcessPool;
use crate::step::step;

/// A place in the line for room. Dropping it gives the place up; a notification that came to it passes to the next
/// in line.
pub struct RoomWait<H: Send + 'static> {
    inner: Arc<Inner<H>>,
    waiter: Arc<Waiter>,
}

/// The waker of the place's waiter: it sends a duty to the host. The thread that makes room may hold the pool's
/// lock, and a task's waker is foreign code.
struct Bell<H> {
    inner: Arc<Inner<H>>,
    host: WordLock<Option<H>>,
}

impl<H: Send + 'static> Wake for Bell<H> {
    fn wake(self: Arc<Self>) {
        let host = self.host.lock().take();
        if let Some(host) = host {
            self.inner.put_duty(Duty::Room(host));
        }
    }
}

impl<H: Send + 'static> ProcessPool<H> {
    /// Takes a place in the line for room. When there may be room, or the pool accepts no more calls,
    /// [`Duty::Room`] comes with `host`, once. If that is the case already, drops `host`, and returns `None`. Never
    /// blocks.
    pub fn wait_for_room(&self, host: H) -> Option<RoomWait<H>> {
        let inner = self.inner.clone();
        let host = WordLock::new(Some(host));
        let waiter = Waiter::task(Waker::from(Arc::new(Bell {
            inner: inner.clone(),
            host,
        })));
        step(|| self.inner.core.line_up_for_room(&waiter)).then_some(RoomWait { inner, waiter })
    }
}

impl<H: Send + 'static> RoomWait<H> {
    /// Returns whether its turn has come: [`Duty::Room`] is on its way to the host, or has come. Never
    /// blocks.
    pub fn is_notified(&self) -> bool {
        self.waiter.is_notified()
    }
}

impl<H: Send + 'static> Drop for RoomWait<H> {
    fn drop(&mut self) {
        // In the child of a fork, the line belongs to the parent.
        if !self.inner.is_of_parent() {
            step(|| self.inner.core.leave_line_for_room(&self.waiter));
        }
    }
}

impl<H: Send + 'static> fmt::Debug for RoomWait<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomWait")
            .field("is_notified", &self.is_notified())
            .finish_non_exhaustive()
    }
}
