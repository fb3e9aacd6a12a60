//! A queue of any order: the classes differ only in which message comes out next.

use interlock_shm::{
    Awaited, Error, Message, Object, Order, OrderedQueue, Queue, Rank, Shutdown, Side, Taken,
};
use interlock_wait::WaitContext;
use pyo3::prelude::*;

use super::family::{Family, open};
use super::message::Outgoing;
use super::shared::refused;

/// Each method calls the engine's method of the same name.
pub(super) enum AnyQueue {
    Fifo(Queue),
    Ordered(OrderedQueue),
}

/// Evaluates an expression for either kind of queue.
macro_rules! either {
    ($any:expr, $queue:ident => $call:expr) => {
        match $any {
            AnyQueue::Fifo($queue) => $call,
            AnyQueue::Ordered($queue) => $call,
        }
    };
}

impl AnyQueue {
    /// `None`: first in, first out.
    pub(super) fn new(family: &Family, maxsize: Option<u32>, order: Option<Order>) -> PyResult<Self> {
        let made = match order {
            None => Queue::new(&family.arena, maxsize).map(AnyQueue::Fifo),
            Some(order) => OrderedQueue::new(&family.arena, maxsize, order).map(AnyQueue::Ordered),
        };
        made.map_err(refused)
    }

    /// Opens the queue with this number. The arena knows its kind.
    pub(super) fn open(family: &Family, number: u32) -> PyResult<Self> {
        open(family, number, |arena, id| {
            let fifo = Queue::open(arena, id).map(AnyQueue::Fifo);
            fifo.or_else(|| OrderedQueue::open(arena, id).map(AnyQueue::Ordered))
        })
    }

    pub(super) fn object(&self) -> &Object {
        either!(self, queue => queue.object())
    }

    #[inline]
    pub(super) fn len(&self) -> u32 {
        either!(self, queue => queue.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        either!(self, queue => queue.is_full())
    }

    /// Returns whether each message needs a rank.
    #[inline]
    pub(super) fn is_ranked(&self) -> bool {
        matches!(self, AnyQueue::Ordered(queue) if queue.order() == Order::Rank)
    }

    #[inline]
    pub(super) fn put_parts(&self, parts: &[&[u8]], context: &mut WaitContext<'_>) -> Result<(), Error> {
        match self {
            AnyQueue::Fifo(queue) => queue.put_parts(parts, context),
            AnyQueue::Ordered(queue) => queue.put_ranked(&[], parts, context),
        }
    }

    /// Puts a message as [`put_parts`](Self::put_parts) does. Other threads run while a large message is copied, if
    /// no code can change its bytes.
    #[inline]
    pub(super) fn put(
        &self,
        py: Python<'_>,
        message: &Outgoing<'_>,
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        match self {
            AnyQueue::Fifo(queue) if message.is_huge_and_steady() => {
                let made = message.with_aside(py, |parts| Taken::filled(queue.object().arena(), parts));
                queue.put_filled(made?, context)
            }
            queue => message.with(|parts| queue.put_parts(parts, context)),
        }
    }

    pub(super) fn put_ranked(
        &self,
        rank: &Rank,
        parts: &[&[u8]],
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        match self {
            AnyQueue::Fifo(queue) => queue.put_parts(parts, context),
            AnyQueue::Ordered(queue) => queue.put_ranked(rank.bytes(), parts, context),
        }
    }

    /// Puts many messages. Returns how many were put, and why not all were. If the order is by rank, each message
    /// has a rank.
    pub(super) fn put_many<'m>(
        &self,
        ranks: &[Rank],
        messages: impl IntoIterator<Item = &'m [u8]>,
        context: &mut WaitContext<'_>,
    ) -> (usize, Result<(), Error>) {
        match self {
            AnyQueue::Fifo(queue) => queue.put_many(messages, context),
            AnyQueue::Ordered(queue) => {
                let mut put = 0;
                let mut ranks = ranks.iter();
                for message in messages {
                    let rank = ranks.next().map_or(&[][..], Rank::bytes);
                    if let Err(error) = queue.put_ranked(rank, &[message], context) {
                        return (put, Err(error));
                    }
                    put += 1;
                }
                (put, Ok(()))
            }
        }
    }

    #[inline]
    pub(super) fn get_with<T, E: From<Error>>(
        &self,
        context: &mut WaitContext<'_>,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        either!(self, queue => queue.get_with(context, read))
    }

    /// Gets several messages. A queue that is not first in, first out gives only one at a time.
    pub(super) fn get_many<E: From<Error>>(
        &self,
        most: usize,
        context: &mut WaitContext<'_>,
        read: impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        match self {
            AnyQueue::Fifo(queue) => queue.get_many(most, context, read),
            AnyQueue::Ordered(queue) => queue.get_with(context, read).map(|()| 1),
        }
    }

    pub(super) fn wait_for_message(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        either!(self, queue => queue.wait_for_message(context))
    }

    pub(super) fn awaited(&self, side: Side) -> Awaited<'_> {
        either!(self, queue => queue.awaited(side))
    }

    pub(super) fn unfinished(&self) -> u32 {
        either!(self, queue => queue.unfinished())
    }

    pub(super) fn task_done(&self) -> bool {
        either!(self, queue => queue.task_done())
    }

    pub(super) fn join(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        either!(self, queue => queue.join(context))
    }

    pub(super) fn shutdown(&self, how: Shutdown, context: &mut WaitContext<'_>) -> Result<(), Error> {
        either!(self, queue => queue.shutdown(how, context))
    }

    pub(super) fn is_shut_down(&self) -> bool {
        either!(self, queue => queue.is_shut_down())
    }
}
