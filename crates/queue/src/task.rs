//! Futures, with which tasks wait for a queue without blocking a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use interlock_wait::Waiter;
use interlock_wait::primitive::Arc;

use interlock_wait::{RawLock, RawWordLock};

use crate::error::{GetError, JoinError, PutError};
use crate::queue::Queue;
use crate::side::Side;
use crate::store::Store;

/// A task's place in a line of a queue. Dropping it leaves the line.
struct Registration<'a, S: Store, L: RawLock> {
    queue: &'a Queue<S, L>,
    side: Side,
    waiter: Option<Arc<Waiter>>,
}

impl<'a, S: Store, L: RawLock> Registration<'a, S, L> {
    fn new(queue: &'a Queue<S, L>, side: Side) -> Self {
        Registration {
            queue,
            side,
            waiter: None,
        }
    }

    /// Lines up. Returns `false` if the operation is worth trying at once.
    fn line_up(&mut self, waker: &Waker) -> bool {
        self.leave();
        let waiter = Waiter::task(waker.clone());
        let wait = self.queue.register(self.side, &waiter);
        if wait {
            self.waiter = Some(waiter);
        }
        wait
    }

    fn leave(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.queue.unregister(self.side, &waiter);
        }
    }
}

impl<S: Store, L: RawLock> Drop for Registration<'_, S, L> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The future of [`Queue::get_async`]. Dropping it loses no item.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Getting<'a, S: Store, L: RawLock = RawWordLock> {
    place: Registration<'a, S, L>,
}

impl<S: Store, L: RawLock> Future for Getting<'_, S, L> {
    type Output = Result<S::Item, GetError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.place.queue.try_get() {
                Err(GetError::Empty) if self.place.line_up(context.waker()) => {
                    return Poll::Pending;
                }
                Err(GetError::Empty) => {}
                result => {
                    self.place.leave();
                    return Poll::Ready(result);
                }
            }
        }
    }
}

/// The future of [`Queue::put_async`]. Dropping it drops the item.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Putting<'a, S: Store, L: RawLock = RawWordLock> {
    place: Registration<'a, S, L>,
    item: Option<S::Item>,
}

impl<S: Store, L: RawLock> Unpin for Putting<'_, S, L> {}

impl<S: Store, L: RawLock> Future for Putting<'_, S, L> {
    type Output = Result<(), PutError<S::Item>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut item) = self.item.take() else {
            return Poll::Pending;
        };
        loop {
            match self.place.queue.try_put(item) {
                Err(PutError::Full(refused)) => item = refused,
                result => {
                    self.place.leave();
                    return Poll::Ready(result);
                }
            }
            if self.place.line_up(context.waker()) {
                self.item = Some(item);
                return Poll::Pending;
            }
        }
    }
}

/// The future of [`Queue::join_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Joining<'a, S: Store, L: RawLock = RawWordLock> {
    place: Registration<'a, S, L>,
}

impl<S: Store, L: RawLock> Future for Joining<'_, S, L> {
    type Output = Result<(), JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.place.line_up(context.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(if self.place.queue.is_retired() {
            Err(JoinError::Retired)
        } else {
            Ok(())
        })
    }
}

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Takes an item out once there is one. Dropping the future loses no item.
    pub fn get_async(&self) -> Getting<'_, S, L> {
        Getting {
            place: Registration::new(self, Side::Get),
        }
    }

    /// Puts an item in once there is room. Dropping the future drops the item.
    pub fn put_async(&self, item: S::Item) -> Putting<'_, S, L> {
        Putting {
            place: Registration::new(self, Side::Put),
            item: Some(item),
        }
    }

    /// Waits until the task of every item is done. Fails if the queue is retired before that.
    pub fn join_async(&self) -> Joining<'_, S, L> {
        Joining {
            place: Registration::new(self, Side::Join),
        }
    }
}

impl<S: Store, L: RawLock> fmt::Debug for Getting<'_, S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Getting").finish_non_exhaustive()
    }
}

impl<S: Store, L: RawLock> fmt::Debug for Putting<'_, S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Putting").finish_non_exhaustive()
    }
}

impl<S: Store, L: RawLock> fmt::Debug for Joining<'_, S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joining").finish_non_exhaustive()
    }
}
