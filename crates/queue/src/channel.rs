//! Channels: queues with two sides. Each side learns when the other side is gone.

use std::fmt;
use std::time::{Duration, Instant};

use interlock_wait::primitive::{Arc, AtomicU64, Ordering};
use interlock_wait::{Deadline, WaitContext};

use crate::queue::FifoQueue;
use crate::refusal::{RecvError, SendError};
use crate::state::{Arrival, Discard};
use crate::store::Fifo;

/// Creates a channel for at most `bound` items: senders wait while it is full.
///
/// # Panics
/// `bound` is 0: use `bounded(1)`, or [`unbounded()`].
///
/// ```
/// use interlock::queue::{RecvError, bounded};
///
/// let (sender, receiver) = bounded(10);
/// let other = sender.clone();
/// std::thread::scope(|scope| {
///     scope.spawn(move || other.send(1).unwrap());
///     scope.spawn(move || sender.send(2).unwrap());
///     // Ends when both senders are gone.
///     assert_eq!(receiver.iter().sum::<i32>(), 3);
///     assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
/// });
/// ```
pub fn bounded<T>(bound: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        bound > 0,
        "a channel for 0 items takes none: use bounded(1), or unbounded()"
    );
    channel(bound)
}

/// Creates a channel for any number of items: senders never wait.
///
/// ```
/// use interlock::queue::{SendError, unbounded};
///
/// let (sender, receiver) = unbounded();
/// sender.send("received by nobody").unwrap();
/// drop(receiver);
/// assert_eq!(sender.send("late"), Err(SendError::Disconnected("late")));
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(usize::MAX)
}

fn channel<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Channel {
        queue: FifoQueue::empty(Fifo::new(), limit),
        senders: AtomicU64::new(1),
        receivers: AtomicU64::new(1),
    });
    (Sender(channel.clone()), Receiver(channel))
}

/// The queue, and the numbers of senders and receivers.
struct Channel<T> {
    queue: FifoQueue<T>,
    senders: AtomicU64,
    receivers: AtomicU64,
}

/// Adds a sender or receiver to a side.
fn join_side(side: &AtomicU64) {
    // Relaxed: the sender or receiver that is cloned still exists, so the number is not 0; it orders nothing.
    side.fetch_add(1, Ordering::Relaxed);
}

/// Removes a sender or receiver from a side. Returns whether it was the last.
fn leave_side(side: &AtomicU64) -> bool {
    // AcqRel pairs with itself: what the others did before they left comes before what the last one does.
    side.fetch_sub(1, Ordering::AcqRel) == 1
}

/// The sending side of a channel. A clone is another sender.
pub struct Sender<T>(Arc<Channel<T>>);

/// The receiving side of a channel. A clone is another receiver: each item goes to one of them.
pub struct Receiver<T>(Arc<Channel<T>>);

impl<T> Sender<T> {
    pub(crate) fn queue(&self) -> &FifoQueue<T> {
        &self.0.queue
    }

    /// Sends an item. Blocks while the channel is full, until a receiver makes room, or until the last receiver is
    /// dropped.
    ///
    /// # Errors
    /// All receivers are gone; or the channel is full, and an observer refused the wait. The error returns the
    /// item.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.send_in(item, WaitContext::endless())
    }

    /// Sends an item if there is room now. Never blocks.
    ///
    /// # Errors
    /// The channel is full, or all receivers are gone. The error returns the item.
    #[inline]
    pub fn try_send(&self, item: T) -> Result<(), SendError<T>> {
        self.queue().try_put(item).map_err(SendError::of)
    }

    /// Sends an item. Blocks while the channel is full, for at most `timeout`.
    ///
    /// # Errors
    /// The channel was full for all that time, or all receivers are gone. The error returns the item.
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_in(item, WaitContext::until(Deadline::after(timeout)))
    }

    /// Sends an item. Blocks while the channel is full, until `deadline` at the latest.
    ///
    /// # Errors
    /// The channel was full until then, or all receivers are gone. The error returns the item.
    pub fn send_deadline(&self, item: T, deadline: Instant) -> Result<(), SendError<T>> {
        self.send_in(item, WaitContext::until(deadline.into()))
    }

    fn send_in(&self, item: T, mut context: WaitContext<'_>) -> Result<(), SendError<T>> {
        self.queue().put_within(item, &mut context).map_err(SendError::of)
    }
}

impl<T> Receiver<T> {
    pub(crate) fn queue(&self) -> &FifoQueue<T> {
        &self.0.queue
    }

    /// Receives an item. Blocks while the channel is empty, until a sender sends an item, or until the last sender
    /// is dropped.
    ///
    /// # Errors
    /// The channel is empty, and all senders are gone, or an observer refused the wait.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_in(WaitContext::endless())
    }

    /// Receives an item if there is one now. Never blocks.
    ///
    /// # Errors
    /// The channel is empty, or also all senders are gone.
    #[inline]
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.queue().take(Arrival::Unasked).map_err(RecvError::of)
    }

    /// Receives an item. Blocks while the channel is empty, for at most `timeout`.
    ///
    /// # Errors
    /// No item came in that time, or the channel is empty, and all senders are gone.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_in(WaitContext::until(Deadline::after(timeout)))
    }

    /// Receives an item. Blocks while the channel is empty, until `deadline` at the latest.
    ///
    /// # Errors
    /// No item came until then, or the channel is empty, and all senders are gone.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvError> {
        self.recv_in(WaitContext::until(deadline.into()))
    }

    fn recv_in(&self, mut context: WaitContext<'_>) -> Result<T, RecvError> {
        self.queue().take_with(&mut context).map_err(RecvError::of)
    }

    /// Returns an iterator over the items as they come. It ends when the channel is empty and all senders are gone.
    /// Each step blocks as [`Receiver::recv`] does.
    pub fn iter(&self) -> ChannelIter<'_, T> {
        ChannelIter(self)
    }

    /// Returns an iterator over the items in the channel, including those that come meanwhile. It ends when the
    /// channel is empty. Never blocks.
    pub fn try_iter(&self) -> ChannelTryIter<'_, T> {
        ChannelTryIter(self)
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct ChannelIter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for ChannelIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct ChannelTryIter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for ChannelTryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = ChannelIter<'a, T>;

    fn into_iter(self) -> ChannelIter<'a, T> {
        self.iter()
    }
}

/// An iterator over the items as they come, like that of [`Receiver::iter`], which owns the receiver.
#[derive(Debug)]
pub struct ChannelIntoIter<T>(Receiver<T>);

impl<T> Iterator for ChannelIntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = ChannelIntoIter<T>;

    /// Returns an iterator over the items as they come. It ends when the channel is empty and all senders are gone.
    /// Each step blocks as [`Receiver::recv`] does.
    ///
    /// ```
    /// let (sender, receiver) = interlock::queue::unbounded();
    /// std::thread::spawn(move || (1..=3).for_each(|number| sender.send(number).unwrap()));
    /// let mut sum = 0;
    /// for number in receiver {
    ///     sum += number;
    /// }
    /// assert_eq!(sum, 6);
    /// ```
    fn into_iter(self) -> ChannelIntoIter<T> {
        ChannelIntoIter(self)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        join_side(&self.0.senders);
        Sender(self.0.clone())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        join_side(&self.0.receivers);
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    /// Dropping the last one disconnects the channel: receivers still get the items that are in it.
    fn drop(&mut self) {
        if leave_side(&self.0.senders) {
            self.queue().shutdown(Discard::Nothing);
        }
    }
}

impl<T> Drop for Receiver<T> {
    /// Dropping the last one disconnects the channel, and drops the items that are in it.
    fn drop(&mut self) {
        if leave_side(&self.0.receivers) {
            drop(self.queue().shutdown(Discard::Items));
        }
    }
}

/// The methods of both sides.
macro_rules! both {
    ($($name:ident),*) => {$(
        impl<T> $name<T> {
            /// Returns how many items there are at this moment. Never blocks.
            pub fn len(&self) -> usize {
                self.queue().len()
            }

            /// Returns whether the channel is empty at this moment. Never blocks.
            pub fn is_empty(&self) -> bool {
                self.queue().is_empty()
            }

            /// Returns whether the channel is full at this moment. Never blocks.
            pub fn is_full(&self) -> bool {
                self.queue().is_full()
            }

            /// Returns whether one side of the channel is gone. Never blocks.
            pub fn is_disconnected(&self) -> bool {
                self.queue().is_over()
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("len", &self.len())
                    .field("is_disconnected", &self.is_disconnected())
                    .finish_non_exhaustive()
            }
        }
    )*};
}

both!(Sender, Receiver);
