//! `LifoQueue`: messages of bytes between processes, the last one in first. (FORMAT.md, "Stack".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{Deadline, WaitContext};

use crate::arena::Arena;
use crate::cells::LifoCell;
use crate::error::Error;
use crate::id::Id;
use crate::log::{Counts, LARGE, LogView};
use crate::message::Message;
use crate::objects::Object;
use crate::own_block::OwnBlock;
use crate::queue::Shutdown;
use crate::stack::Stack;
use crate::step;
use crate::watch::{Awaited, Side};

/// As [`Queue`](crate::Queue), but the message that was put last is got first.
#[derive(Clone, Debug)]
pub struct LifoQueue(Object);

impl LifoQueue {
    /// An empty queue in `arena`, for at most `maxsize` messages, or any number.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>, maxsize: Option<u32>) -> Result<Self, Error> {
        let object = arena.make(|cell: &LifoCell| {
            let most = maxsize.filter(|&most| most > 0).unwrap_or(u32::MAX);
            // Relaxed: no other process has the queue yet.
            cell.most.store(most, Ordering::Relaxed);
        })?;
        Ok(LifoQueue(object))
    }

    /// The queue `id` of `arena`, which this process was given. `None` if it was not.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena.open::<LifoCell>(id).map(LifoQueue)
    }

    /// The object that the queue is.
    pub fn object(&self) -> &Object {
        &self.0
    }

    /// How many messages are there at this moment.
    pub fn len(&self) -> u32 {
        self.view().len()
    }

    /// Whether no message is there at this moment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a message that is put now has to wait for room.
    pub fn is_full(&self) -> bool {
        self.len() >= self.most()
    }

    /// How many messages may be there. `None` if any number may.
    pub fn maxsize(&self) -> Option<u32> {
        Some(self.most()).filter(|&most| most != u32::MAX)
    }

    /// Puts a message that consists of `parts`.
    ///
    /// Blocks until there is room, or `context` ends the wait.
    ///
    /// # Errors
    /// As [`Queue::put`](crate::Queue::put).
    pub fn put_parts(&self, parts: &[&[u8]], context: &mut WaitContext<'_>) -> Result<(), Error> {
        let length = parts.iter().map(|part| part.len()).sum();
        let block = match length >= LARGE {
            true => Some(OwnBlock::filled(self.0.arena(), parts, length)?),
            false => None,
        };
        let mut slept = false;
        let outcome = self.stack_with_room(context, &mut slept).and_then(|mut stack| {
            let outcome = match block {
                Some(block) => stack.push_block(block, length),
                None => stack.push(parts, length),
            };
            drop(stack);
            step::at("stack.unlocked");
            self.view().log.getters.wake(u32::from(outcome.is_ok()));
            outcome
        });
        self.view().after_put(self.most(), slept);
        outcome
    }

    /// Puts a message. As [`put_parts`](Self::put_parts).
    ///
    /// # Errors
    /// As `put_parts`.
    pub fn put(&self, message: &[u8], context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.put_parts(&[message], context)
    }

    /// Puts a message if there is room.
    ///
    /// # Errors
    /// As [`put_parts`](Self::put_parts); there is no room.
    pub fn try_put(&self, message: &[u8]) -> Result<(), Error> {
        self.put(message, &mut WaitContext::until(Deadline::PASSED))
    }

    /// Gets the message that was put last.
    ///
    /// Blocks until there is one, or `context` ends the wait.
    ///
    /// # Errors
    /// As [`Queue::get`](crate::Queue::get).
    pub fn get(&self, context: &mut WaitContext<'_>) -> Result<Vec<u8>, Error> {
        self.get_with(context, |message| Ok(message.to_vec()))
    }

    /// Gets a message if there is one.
    ///
    /// # Errors
    /// As [`get`](Self::get); there is no message.
    pub fn try_get(&self) -> Result<Vec<u8>, Error> {
        self.get(&mut WaitContext::until(Deadline::PASSED))
    }

    /// Gets a message by `read`, as [`Queue::get_with`](crate::Queue::get_with).
    ///
    /// Blocks as [`get`](Self::get) does.
    ///
    /// # Errors
    /// As `get`, and as `read`.
    pub fn get_with<T, E: From<Error>>(
        &self,
        context: &mut WaitContext<'_>,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut slept = false;
        let outcome = match self.stack_with_message(context, &mut slept) {
            Ok(stack) => stack.pop(read, || {
                step::at("stack.left");
                self.view().log.putters.wake(1);
            }),
            Err(error) => Err(error.into()),
        };
        self.view().after_get(slept);
        outcome
    }

    /// As [`Queue::wait_for_message`](crate::Queue::wait_for_message).
    ///
    /// # Errors
    /// As there.
    pub fn wait_for_message(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.view();
        let mut slept = false;
        let outcome = view.wait_for_message(&mut slept, context);
        view.after_get(slept);
        outcome
    }

    /// One side of the queue, for [`Watch::wait`](crate::Watch::wait).
    pub fn awaited(&self, side: Side) -> Awaited<'_> {
        self.view().awaited(side, self.most())
    }

    /// As [`Queue::shutdown`](crate::Queue::shutdown).
    ///
    /// # Errors
    /// As there.
    pub fn shutdown(&self, how: Shutdown, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.view();
        let stack = Stack::lock(view, context)?;
        // SeqCst: pairs with the load in `is_shut`.
        view.log.shut.store(1, Ordering::SeqCst);
        drop(stack);
        step::at("stack.shut");
        if how == Shutdown::Immediate {
            self.clear(context)?;
        }
        view.log.getters.wake(u32::MAX);
        view.log.putters.wake(u32::MAX);
        Ok(())
    }

    /// Whether the queue is shut down.
    pub fn is_shut_down(&self) -> bool {
        self.view().is_shut()
    }

    /// As [`Queue::clear`](crate::Queue::clear).
    ///
    /// # Errors
    /// As there.
    pub fn clear(&self, context: &mut WaitContext<'_>) -> Result<u32, Error> {
        let view = self.view();
        let mut stack = Stack::lock(view, context)?;
        let dropped = stack.clear();
        drop(stack);
        view.log.putters.wake(dropped);
        view.tasks_done(dropped);
        Ok(dropped)
    }

    /// How many tasks were put and are not done. Each message is a task.
    pub fn unfinished(&self) -> u32 {
        self.view().unfinished()
    }

    /// One task is done. Returns `false` if no task was left.
    pub fn task_done(&self) -> bool {
        self.view().tasks_done(1) == 1
    }

    /// Waits until all tasks are done.
    ///
    /// Blocks until then, or until `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub fn join(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.view().join(context)
    }

    /// The lock, when there is room.
    fn stack_with_room(&self, context: &mut WaitContext<'_>, slept: &mut bool) -> Result<Stack<'_>, Error> {
        let view = self.view();
        loop {
            let stack = Stack::lock(view, context)?;
            if view.is_shut() {
                return Err(Error::ShutDown);
            }
            if stack.len() < self.most() {
                return Ok(stack);
            }
            drop(stack);
            view.wait_for_room(self.most(), slept, context)?;
        }
    }

    /// The lock, when there is a message.
    fn stack_with_message(
        &self,
        context: &mut WaitContext<'_>,
        slept: &mut bool,
    ) -> Result<Stack<'_>, Error> {
        let view = self.view();
        loop {
            let stack = Stack::lock(view, context)?;
            if stack.len() > 0 {
                return Ok(stack);
            }
            if view.is_shut() {
                return Err(Error::ShutDown);
            }
            drop(stack);
            view.wait_for_message(slept, context)?;
        }
    }

    fn view(&self) -> LogView<'_> {
        LogView {
            arena: self.0.arena(),
            id: self.0.id(),
            log: &self.0.cell::<LifoCell>().log,
            counts: Counts::Stack,
        }
    }

    fn most(&self) -> u32 {
        // Relaxed: it never changes.
        self.0.cell::<LifoCell>().most.load(Ordering::Relaxed)
    }
}
