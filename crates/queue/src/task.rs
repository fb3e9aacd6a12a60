//! Futures that let tasks wait for a queue without blocking a thread.
//!
//! A future keeps its place in line when it is polled again. After it was ready it stays pending, and takes no
//! second item.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use interlock_wait::primitive::Arc;
use interlock_wait::{RawLock, RawWordLock, TaskLine, Waiter, Wakeups};

use crate::error::{GetError, JoinError, PutError};
use crate::queue::Queue;
use crate::side::Side;
use crate::state::{Arrival, NoRoom, State};
use crate::store::Store;
use crate::waiting::OnPanic;

/// One side of a queue, where a task lines up.
struct Line<'a, S: Store, L: RawLock> {
    queue: &'a Queue<S, L>,
    side: Side,
}

type Place<'a, S, L> = interlock_wait::Place<Line<'a, S, L>>;

fn place<S: Store, L: RawLock>(queue: &Queue<S, L>, side: Side) -> Place<'_, S, L> {
    Place::new(Line { queue, side })
}

/// Makes an attempt under the queue's lock, and lines up if it has no result.
fn poll<S: Store, L: RawLock, R>(
    place: &mut Place<'_, S, L>,
    context: &Context<'_>,
    mut attempt: impl FnMut(&mut State<S>) -> Option<(R, Option<Wakeups>)>,
) -> Poll<R> {
    place.poll(context, |&mut Line { queue, side }, turn| {
        let attempted = OnPanic(queue).guard(|| {
            let mut state = queue.state.lock();
            let attempted = attempt(&mut state);
            if attempted.is_none() {
                turn.line_up_again(state.line(side));
            }
            attempted
        });
        let (result, wakeups) = attempted?;
        wakeups.into_iter().for_each(Wakeups::run);
        Some(result)
    })
}

impl<S: Store, L: RawLock> TaskLine for Line<'_, S, L> {
    fn leave(&mut self, waiter: &Arc<Waiter>) {
        let wakeup = self.queue.state.lock().leave(self.side, waiter);
        wakeup.run();
    }
}

/// The future of [`Queue::get_async`]. Dropping it loses no item.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Getting<'a, S: Store, L: RawLock = RawWordLock> {
    place: Place<'a, S, L>,
}

impl<'a, S: Store, L: RawLock> Getting<'a, S, L> {
    /// Returns the queue.
    pub(crate) fn queue(&self) -> &'a Queue<S, L> {
        self.place.line().queue
    }
}

impl<S: Store, L: RawLock> Future for Getting<'_, S, L> {
    type Output = Result<S::Item, GetError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        poll(&mut self.place, context, |state| {
            match state.pop(Arrival::Unasked) {
                Ok((item, wakeup)) => Some((Ok(item), wakeup)),
                Err(GetError::Empty) => None,
                Err(error) => Some((Err(error), None)),
            }
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
        poll(place, context, |state| match state.room() {
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
        poll(&mut self.place, context, |state| {
            state.joined().map(|joined| (joined, None))
        })
    }
}

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Takes an item out as soon as there is one. Dropping the future loses no item.
    pub fn get_async(&self) -> Getting<'_, S, L> {
        Getting {
            place: place(self, Side::Get),
        }
    }

    /// Puts an item in as soon as there is room. Dropping the future drops the item.
    pub fn put_async(&self, item: S::Item) -> Putting<'_, S, L> {
        Putting {
            place: place(self, Side::Put),
            item: Some(item),
        }
    }

    /// Waits until the task of every item is done. Fails if the queue is retired before that.
    pub fn join_async(&self) -> Joining<'_, S, L> {
        Joining {
            place: place(self, Side::Join),
        }
    }
}

/// The common part of all three futures.
macro_rules! future {
    ($($name:ident),*) => {$(
        impl<S: Store, L: RawLock> $name<'_, S, L> {
            /// Returns whether the future was ready. After that it stays pending.
            pub fn is_terminated(&self) -> bool {
                self.place.is_done()
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
