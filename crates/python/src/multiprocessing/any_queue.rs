//! A queue of either order: the one difference between the classes is which message comes out next.

use interlock_shm::{Awaited, Error, LifoQueue, Message, Object, Queue, Shutdown, Side};
use interlock_wait::WaitContext;
use pyo3::prelude::*;

use super::family::{Family, open};
use super::shared::refused;

/// Each method is the engine's of that name.
pub(super) enum AnyQueue {
    Fifo(Queue),
    Lifo(LifoQueue),
}

/// Evaluates an expression about the queue, whichever it is.
macro_rules! either {
    ($any:expr, $queue:ident => $call:expr) => {
        match $any {
            AnyQueue::Fifo($queue) => $call,
            AnyQueue::Lifo($queue) => $call,
        }
    };
}

impl AnyQueue {
    pub(super) fn new(family: &Family, maxsize: Option<u32>, is_lifo: bool) -> PyResult<Self> {
        let made = match is_lifo {
            false => Queue::new(&family.arena, maxsize).map(AnyQueue::Fifo),
            true => LifoQueue::new(&family.arena, maxsize).map(AnyQueue::Lifo),
        };
        made.map_err(refused)
    }

    /// The queue of this number. The arena knows which of the two it is.
    pub(super) fn open(family: &Family, number: u32) -> PyResult<Self> {
        open(family, number, |arena, id| {
            let fifo = Queue::open(arena, id).map(AnyQueue::Fifo);
            fifo.or_else(|| LifoQueue::open(arena, id).map(AnyQueue::Lifo))
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

    #[inline]
    pub(super) fn put_parts(&self, parts: &[&[u8]], context: &mut WaitContext<'_>) -> Result<(), Error> {
        either!(self, queue => queue.put_parts(parts, context))
    }

    /// Returns how many messages were put, and why not all.
    pub(super) fn put_many<'m>(
        &self,
        messages: impl IntoIterator<Item = &'m [u8]>,
        context: &mut WaitContext<'_>,
    ) -> (usize, Result<(), Error>) {
        match self {
            AnyQueue::Fifo(queue) => queue.put_many(messages, context),
            AnyQueue::Lifo(queue) => {
                let mut put = 0;
                for message in messages {
                    if let Err(error) = queue.put(message, context) {
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

    /// A queue that is a stack gives one message at a time.
    pub(super) fn get_many<E: From<Error>>(
        &self,
        most: usize,
        context: &mut WaitContext<'_>,
        read: impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        match self {
            AnyQueue::Fifo(queue) => queue.get_many(most, context, read),
            AnyQueue::Lifo(queue) => queue.get_with(context, read).map(|()| 1),
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
