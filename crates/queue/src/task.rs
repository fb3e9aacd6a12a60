//! Futures, with which tasks wait for a queue without blocking a thread.
//!
//! A future keeps its place in line when it is polled again. When it has given its result it stays pending, and takes no
//! second item.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use interlock_wait::primitive::Arc;
use interlock_wait::{RawLock, RawWordLock, Waiter, Wakeup};

use crate::error::{GetError, JoinError, PutError};
use crate::queue::Queue;
use crate::side::Side;
use crate::state::{Arrival, NoRoom, State};
use crate::store::Store;
use crate::waiting::OnPanic;

/// A task's place in a line of a queue, from its first poll until it has its result. Dropping it leaves the line, and passes
/// on what the task was notified of.
struct Place<'a, S: Store, L: RawLock> {
    queue: &'a Queue<S, L>,
    side: Side,
    waiter: Option<Arc<Waiter>>,
    done: bool,
}

impl<'a, S: Store, L: RawLock> Place<'a, S, L> {
    fn new(queue: &'a Queue<S, L>, side: Side) -> Self {
        Place {
            queue,
            side,
            waiter: None,
            done: false,
        }
    }

    /// Whether the task has to wait on: it is in line, and was not notified.
    fn waits(&self, context: &Context<'_>) -> bool {
        let Some(waiter) = &self.waiter else {
            return false;
        };
        // In this order: a notifier that is not seen here takes the lock later, so it finds this waker.
        waiter.set_waker(context.waker());
        let _state = self.queue.state.lock();
        !waiter.is_notified() && waiter.is_of_this_process()
    }

    /// Tries, under the queue's lock, and lines up if `attempt` has no result.
    fn poll<R>(
        &mut self,
        context: &Context<'_>,
        mut attempt: impl FnMut(&mut State<S>) -> Option<(R, Option<Wakeup>)>,
    ) -> Poll<R> {
        if self.done || self.waits(context) {
            return Poll::Pending;
        }
        loop {
            // Dropped under no lock, at the next turn or at the end: it has a waker, which is user code.
            let notified = self.waiter.take();
            let attempted = OnPanic(self.queue).guard(|| {
                let mut state = self.queue.state.lock();
                attempt(&mut state)
            });
            if let Some((result, wakeup)) = attempted {
                self.done = true;
                wakeup.into_iter().for_each(Wakeup::run);
                return Poll::Ready(result);
            }
            drop(notified);
            let waiter = Waiter::task(context.waker().clone());
            let mut state = self.queue.state.lock();
            if !state.is_ready(self.side) {
                state.line(self.side).push_back(waiter.clone());
                self.waiter = Some(waiter);
                return Poll::Pending;
            }
        }
    }
}

impl<S: Store, L: RawLock> Drop for Place<'_, S, L> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            let wakeup = self.queue.state.lock().leave(self.side, &waiter);
            wakeup.run();
        }
    }
}

/// The future of [`Queue::get_async`]. Dropping it loses no item.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Getting<'a, S: Store, L: RawLock = RawWordLock> {
    place: Place<'a, S, L>,
}

impl<'a, S: Store, L: RawLock> Getting<'a, S, L> {
    /// The queue.
    pub(crate) fn queue(&self) -> &'a Queue<S, L> {
        self.place.queue
    }
}

impl<S: Store, L: RawLock> Future for Getting<'_, S, L> {
    type Output = Result<S::Item, GetError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.place
            .poll(context, |state| match state.pop(Arrival::Unasked) {
                Ok((item, wakeup)) => Some((Ok(item), wakeup)),
                Err(GetError::Empty) => None,
                Err(error) => Some((Err(error), None)),
            })
    }
}

/// The future of [`Queue::put_async`]. Dropping it drops the item.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Putting<'a, S: Store, L: RawLock = RawWordLock> {
    place: Place<'a, S, L>,
    item: Option<S::Item>,
}

impl<S: Store, L: RawLock> Unpin for Putting<'_, S, L> {}

impl<S: Store, L: RawLock> Future for Putting<'_, S, L> {
    type Output = Result<(), PutError<S::Item>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Putting { place, item } = &mut *self;
        place.poll(context, |state| match state.room() {
            Ok(()) => Some((Ok(()), state.push(item.take()?))),
            Err(NoRoom::Full) => None,
            Err(reason) => Some((Err(reason.with(item.take()?)), None)),
        })
    }
}

/// The future of [`Queue::join_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Joining<'a, S: Store, L: RawLock = RawWordLock> {
    place: Place<'a, S, L>,
}

impl<S: Store, L: RawLock> Future for Joining<'_, S, L> {
    type Output = Result<(), JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.place
            .poll(context, |state| state.joined().map(|joined| (joined, None)))
    }
}

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Takes an item out once there is one. Dropping the future loses no item.
    pub fn get_async(&self) -> Getting<'_, S, L> {
        Getting {
            place: Place::new(self, Side::Get),
        }
    }

    /// Puts an item in once there is room. Dropping the future drops the item.
    pub fn put_async(&self, item: S::Item) -> Putting<'_, S, L> {
        Putting {
            place: Place::new(self, Side::Put),
            item: Some(item),
        }
    }

    /// Waits until the task of every item is done. Fails if the queue is retired before that.
    pub fn join_async(&self) -> Joining<'_, S, L> {
        Joining {
            place: Place::new(self, Side::Join),
        }
    }
}

/// What all three futures have in common.
macro_rules! future {
    ($($name:ident),*) => {$(
        impl<S: Store, L: RawLock> $name<'_, S, L> {
            /// Whether it has given its result. Then it stays pending.
            pub fn is_terminated(&self) -> bool {
                self.place.done
            }
        }

        impl<S: Store, L: RawLock> fmt::Debug for $name<'_, S, L> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("is_terminated", &self.is_terminated())
                    .finish_non_exhaustive()
            }
        }
    )*};
}

future!(Getting, Putting, Joining);
