//! The futures of queues and channels, for programs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::channel::{Receiver, Sender};
use crate::joinable::Queue;
use crate::refusal::{GetError, PutError, RecvError, SendError};
use crate::store::{Fifo, Store};
use crate::task;
use crate::task_guard::TaskGuard;

/// Defines a future that changes the result of an inner one.
macro_rules! futures {
    ($($(#[$doc:meta])* $name:ident<$parameter:ident $(: $bound:ident)?>($inner:ty) -> $output:ty, $change:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// It keeps its place in line when it is polled again. After it was ready, it stays pending.
        #[must_use = "a future does nothing unless it is awaited"]
        pub struct $name<'a, $parameter $(: $bound)?> {
            inner: $inner,
        }

        impl<'a, $parameter $(: $bound)?> $name<'a, $parameter> {
            /// Returns whether the future was ready.
            pub fn is_terminated(&self) -> bool {
                self.inner.is_terminated()
            }
        }

        impl<'a, $parameter $(: $bound)?> Future for $name<'a, $parameter> {
            type Output = $output;

            fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<$output> {
                let polled = Pin::new(&mut self.inner).poll(context);
                polled.map(|result| $change(&self.inner, result))
            }
        }

        impl<$parameter $(: $bound)?> fmt::Debug for $name<'_, $parameter> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("is_terminated", &self.is_terminated())
                    .finish_non_exhaustive()
            }
        }
    )*};
}

futures! {
    /// The future of [`Queue::get_async`]. Dropping it loses no item.
    Getting<S: Store>(task::Getting<'a, S>) -> Result<S::Item, GetError>,
        |_: &task::Getting<'a, S>, got: Result<_, _>| got.map_err(GetError::of);
    /// The future of [`Queue::get_task_async`]. Dropping it loses no item.
    GettingTask<S: Store>(task::Getting<'a, S>) -> Result<TaskGuard<'a, S>, GetError>,
        |inner: &task::Getting<'a, S>, got: Result<_, _>| {
            got.map(|item| TaskGuard::new(inner.queue(), item)).map_err(GetError::of)
        };
    /// The future of [`Queue::put_async`]. Dropping it drops the item.
    Putting<S: Store>(task::Putting<'a, S>) -> Result<(), PutError<S::Item>>,
        |_: &task::Putting<'a, S>, put: Result<_, _>| put.map_err(PutError::of);
    /// The future of [`Queue::join_async`].
    Joining<S: Store>(task::Joining<'a, S>) -> (), |_: &task::Joining<'a, S>, _| ();
    /// The future of [`Sender::send_async`]. Dropping it drops the item.
    Sending<T>(task::Putting<'a, Fifo<T>>) -> Result<(), SendError<T>>,
        |_: &task::Putting<'a, Fifo<T>>, sent: Result<_, _>| sent.map_err(SendError::of);
    /// The future of [`Receiver::recv_async`]. Dropping it loses no item.
    Receiving<T>(task::Getting<'a, Fifo<T>>) -> Result<T, RecvError>,
        |_: &task::Getting<'a, Fifo<T>>, got: Result<_, _>| got.map_err(RecvError::of);
}

/// Operations for tasks. Their futures wait in the same lines as threads do.
impl<S: Store> Queue<S> {
    /// Takes an item out as soon as there is one.
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use interlock::queue::FifoQueue;
    ///
    /// let queue = FifoQueue::unbounded();
    /// let mut got = pin!(queue.get_async());
    /// let context = &mut Context::from_waker(Waker::noop());
    /// assert!(got.as_mut().poll(context).is_pending());
    /// queue.put('a').unwrap();
    /// assert_eq!(got.as_mut().poll(context), Poll::Ready(Ok('a')));
    /// ```
    pub fn get_async(&self) -> Getting<'_, S> {
        Getting {
            inner: self.raw.get_async(),
        }
    }

    /// Like [`Queue::get_async`], but returns a guard as [`Queue::get_task`] does.
    pub fn get_task_async(&self) -> GettingTask<'_, S> {
        GettingTask {
            inner: self.raw.get_async(),
        }
    }

    /// Puts an item in as soon as there is room.
    pub fn put_async(&self, item: S::Item) -> Putting<'_, S> {
        Putting {
            inner: self.raw.put_async(item),
        }
    }

    /// Waits until every item is done.
    pub fn join_async(&self) -> Joining<'_, S> {
        Joining {
            inner: self.raw.join_async(),
        }
    }
}

impl<T> Sender<T> {
    /// Sends an item as soon as there is room.
    pub fn send_async(&self, item: T) -> Sending<'_, T> {
        Sending {
            inner: self.queue().put_async(item),
        }
    }
}

impl<T> Receiver<T> {
    /// Receives an item as soon as there is one.
    pub fn recv_async(&self) -> Receiving<'_, T> {
        Receiving {
            inner: self.queue().get_async(),
        }
    }
}
