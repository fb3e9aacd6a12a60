//! `OrderedQueue`: messages of bytes between processes, in another order than the one in which they were put.
//! (QUEUE_FORMAT.md, "Stack" and "Ranking".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{Deadline, WaitContext};

use crate::arena::Arena;
use crate::cells::{LifoCell, OrderedCell, PriorityCell};
use crate::error::Error;
use crate::id::Id;
use crate::log::{Counts, LARGE, LogView};
use crate::message::Message;
use crate::objects::Object;
use crate::own_block::OwnBlock;
use crate::queue::Shutdown;
use crate::ranking::Ranking;
use crate::stack::Stack;
use crate::step;
use crate::watch::{Awaited, Side};

/// The order in which messages are got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The message that was put last comes first.
    Last,
    /// The message of the least [`Rank`](crate::Rank) comes first; among equal ones, the one that was put first.
    Rank,
}

/// Like [`Queue`](crate::Queue), but messages are got in another order.
#[derive(Clone, Debug)]
pub struct OrderedQueue {
    object: Object,
    order: Order,
}

/// The messages of a queue, for the process that holds its lock.
enum Store<'a> {
    Stack(Stack<'a>),
    Ranking(Ranking<'a>),
}

impl OrderedQueue {
    /// Creates an empty queue in `arena`, for at most `maxsize` messages, or any number.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>, maxsize: Option<u32>, order: Order) -> Result<Self, Error> {
        let most = maxsize.filter(|&most| most > 0).unwrap_or(u32::MAX);
        // Relaxed: no other process has the queue yet.
        let object = match order {
            Order::Last => arena.make(|cell: &LifoCell| cell.0.most.store(most, Ordering::Relaxed)),
            // Relaxed: as above.
            Order::Rank => arena.make(|cell: &PriorityCell| cell.0.most.store(most, Ordering::Relaxed)),
        }?;
        Ok(OrderedQueue { object, order })
    }

    /// Opens the queue `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        let of = |order| move |object| OrderedQueue { object, order };
        let stack = arena.open::<LifoCell>(id).map(of(Order::Last));
        stack.or_else(|| arena.open::<PriorityCell>(id).map(of(Order::Rank)))
    }

    /// Returns the object that the queue is.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// The order in which messages are got.
    #[inline]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Returns how many messages are there at this moment.
    pub fn len(&self) -> u32 {
        self.view().len()
    }

    /// Returns whether no message is there at this moment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether a message that is put now has to wait for room.
    pub fn is_full(&self) -> bool {
        self.len() >= self.most()
    }

    /// Returns how many messages may be there. `None` if any number may.
    pub fn maxsize(&self) -> Option<u32> {
        Some(self.most()).filter(|&most| most != u32::MAX)
    }

    /// Puts a message that consists of `parts`. `rank` contains the bytes of a [`Rank`](crate::Rank), if the order
    /// is by rank.
    ///
    /// Blocks until there is room, or `context` ends the wait.
    ///
    /// # Errors
    /// The same as for [`Queue::put`](crate::Queue::put); or `rank` can't be compared with that of a message in the
    /// queue.
    pub fn put_ranked(
        &self,
        rank: &[u8],
        parts: &[&[u8]],
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        let length = parts.iter().map(|part| part.len()).sum();
        let block = match length >= LARGE {
            true => Some(OwnBlock::filled(self.object.arena(), parts, length)?),
            false => None,
        };
        let mut slept = false;
        let outcome = self.store_with_room(context, &mut slept).and_then(|mut store| {
            let outcome = match (&mut store, block) {
                (Store::Stack(stack), Some(block)) => stack.push_block(block, length),
                (Store::Stack(stack), None) => stack.push(parts, length),
                (Store::Ranking(ranking), Some(block)) => ranking.insert_block(rank, block, length),
                (Store::Ranking(ranking), None) => ranking.insert(rank, parts, length),
            };
            drop(store);
            step::at("stack.unlocked");
            self.view().log.getters.wake(u32::from(outcome.is_ok()));
            outcome
        });
        self.view().after_put(self.most(), slept);
        outcome
    }

    /// Puts a message without a rank. Otherwise like [`put_ranked`](Self::put_ranked).
    ///
    /// # Errors
    /// The same as for `put_ranked`.
    pub fn put(&self, message: &[u8], context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.put_ranked(&[], &[message], context)
    }

    /// Puts a message if there is room.
    ///
    /// # Errors
    /// The same as for [`put`](Self::put); or there is no room.
    pub fn try_put(&self, message: &[u8]) -> Result<(), Error> {
        self.put(message, &mut WaitContext::until(Deadline::PASSED))
    }

    /// Gets the message that comes first.
    ///
    /// Blocks until there is one, or `context` ends the wait.
    ///
    /// # Errors
    /// The same as for [`Queue::get`](crate::Queue::get).
    pub fn get(&self, context: &mut WaitContext<'_>) -> Result<Vec<u8>, Error> {
        self.get_with(context, |message| Ok(message.to_vec()))
    }

    /// Gets a message if there is one.
    ///
    /// # Errors
    /// The same as for [`get`](Self::get); or there is no message.
    pub fn try_get(&self) -> Result<Vec<u8>, Error> {
        self.get(&mut WaitContext::until(Deadline::PASSED))
    }

    /// Gets a message by `read`, like [`Queue::get_with`](crate::Queue::get_with).
    ///
    /// Blocks as [`get`](Self::get) does.
    ///
    /// # Errors
    /// The same as for `get`, and the errors of `read`.
    pub fn get_with<T, E: From<Error>>(
        &self,
        context: &mut WaitContext<'_>,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut slept = false;
        let after = || {
            step::at("stack.left");
            self.view().log.putters.wake(1);
        };
        let outcome = match self.store_with_message(context, &mut slept) {
            Ok(Store::Stack(stack)) => stack.pop(read, after),
            Ok(Store::Ranking(ranking)) => ranking.pop(read, after),
            Err(error) => Err(error.into()),
        };
        self.view().after_get(slept);
        outcome
    }

    /// Like [`Queue::wait_for_message`](crate::Queue::wait_for_message).
    ///
    /// # Errors
    /// The same as there.
    pub fn wait_for_message(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.view();
        let mut slept = false;
        let outcome = view.wait_for_message(&mut slept, context);
        view.after_get(slept);
        outcome
    }

    /// Returns one side of the queue, for [`Watch::wait`](crate::Watch::wait).
    pub fn awaited(&self, side: Side) -> Awaited<'_> {
        self.view().awaited(side, self.most())
    }

    /// Like [`Queue::shutdown`](crate::Queue::shutdown).
    ///
    /// # Errors
    /// The same as there.
    pub fn shutdown(&self, how: Shutdown, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.view();
        let store = self.lock(context)?;
        // SeqCst: pairs with the load in `is_shut`.
        view.log.shut.store(1, Ordering::SeqCst);
        drop(store);
        step::at("stack.shut");
        if how == Shutdown::Immediate {
            self.clear(context)?;
        }
        view.log.getters.wake(u32::MAX);
        view.log.putters.wake(u32::MAX);
        Ok(())
    }

    /// Returns whether the queue is shut down.
    pub fn is_shut_down(&self) -> bool {
        self.view().is_shut()
    }

    /// Like [`Queue::clear`](crate::Queue::clear).
    ///
    /// # Errors
    /// The same as there.
    pub fn clear(&self, context: &mut WaitContext<'_>) -> Result<u32, Error> {
        let view = self.view();
        let mut store = self.lock(context)?;
        let dropped = match &mut store {
            Store::Stack(stack) => stack.clear()?,
            Store::Ranking(ranking) => ranking.clear(),
        };
        drop(store);
        view.log.putters.wake(dropped);
        view.tasks_done(dropped);
        Ok(dropped)
    }

    /// Returns how many tasks are not done. Each message is a task.
    pub fn unfinished(&self) -> u32 {
        self.view().unfinished()
    }

    /// Counts one task as done. Returns `false` if no task was left.
    pub fn task_done(&self) -> bool {
        self.view().tasks_done(1) == 1
    }

    /// Waits until all tasks are done.
    ///
    /// Blocks until they are, or until `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub fn join(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.view().join(context)
    }

    /// Waits for room, and returns with the lock.
    fn store_with_room(&self, context: &mut WaitContext<'_>, slept: &mut bool) -> Result<Store<'_>, Error> {
        let view = self.view();
        loop {
            let store = self.lock(context)?;
            if view.is_shut() {
                return Err(Error::ShutDown);
            }
            if store.len() < self.most() {
                return Ok(store);
            }
            drop(store);
            view.wait_for_room(self.most(), slept, context)?;
        }
    }

    /// Waits for a message, and returns with the lock.
    fn store_with_message(
        &self,
        context: &mut WaitContext<'_>,
        slept: &mut bool,
    ) -> Result<Store<'_>, Error> {
        let view = self.view();
        loop {
            let store = self.lock(context)?;
            if store.len() > 0 {
                return Ok(store);
            }
            if view.is_shut() {
                return Err(Error::ShutDown);
            }
            drop(store);
            view.wait_for_message(slept, context)?;
        }
    }

    fn lock(&self, context: &mut WaitContext<'_>) -> Result<Store<'_>, Error> {
        match self.order {
            Order::Last => Stack::lock(self.view(), context).map(Store::Stack),
            Order::Rank => Ranking::lock(self.view(), context).map(Store::Ranking),
        }
    }

    fn cell(&self) -> &OrderedCell {
        match self.order {
            Order::Last => &self.object.cell::<LifoCell>().0,
            Order::Rank => &self.object.cell::<PriorityCell>().0,
        }
    }

    fn view(&self) -> LogView<'_> {
        LogView {
            arena: self.object.arena(),
            id: self.object.id(),
            log: &self.cell().log,
            counts: Counts::Stack,
        }
    }

    fn most(&self) -> u32 {
        // Relaxed: it never changes.
        self.cell().most.load(Ordering::Relaxed)
    }
}

impl Store<'_> {
    fn len(&self) -> u32 {
        match self {
            Store::Stack(stack) => stack.len(),
            Store::Ranking(ranking) => ranking.len(),
        }
    }
}
