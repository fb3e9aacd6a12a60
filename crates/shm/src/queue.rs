//! `Queue`: messages of bytes between processes, in the order in which they were put. (QUEUE_FORMAT.md, "Queue".)

use std::sync::Arc;

use interlock_os::thread;
use interlock_wait::primitive::Ordering;
use interlock_wait::{Deadline, WaitContext};

use crate::arena::Arena;
use crate::cells::QueueCell;
use crate::error::Error;
use crate::id::Id;
use crate::log::{Counts, LARGE, LogView};
use crate::log_reader::{Reader, Record};
use crate::log_writer::Writer;
use crate::message::{Message, Taken};
use crate::name::Name;
use crate::objects::Object;
use crate::step;
use crate::watch::{Awaited, Side, Watch};

/// A queue of messages. Any number of processes put and get them.
///
/// A process can be killed at any instruction. The message that it was putting is either in the queue completely,
/// or not at all. The message that it was getting may be lost. All other messages stay.
#[derive(Clone, Debug)]
pub struct Queue(Object);

/// What happens to the messages in a queue when it is shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shutdown {
    /// They can still be got.
    #[default]
    Drain,
    /// They are dropped, and their tasks count as done.
    Immediate,
}

/// A process that puts large messages yields its processor after each message if more bytes than this are in the
/// queue: a reader that finds the bytes still in the processor's cache needs half the time.
const NEAR: usize = 4 << 20;

impl Queue {
    /// Creates an empty queue in `arena`, for at most `maxsize` messages, or any number.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>, maxsize: Option<u32>) -> Result<Self, Error> {
        let object = arena.make(|cell: &QueueCell| {
            let most = maxsize.filter(|&most| most > 0).unwrap_or(u32::MAX);
            // Relaxed: no other process has the queue yet.
            cell.most.store(most, Ordering::Relaxed);
        })?;
        let queue = Queue(object);
        queue.view().begin()?;
        Ok(queue)
    }

    /// Opens the queue `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena.open::<QueueCell>(id).map(Queue)
    }

    /// Returns the object that the queue is.
    pub fn object(&self) -> &Object {
        &self.0
    }

    /// Returns how many messages are there at this moment.
    #[inline]
    pub fn len(&self) -> u32 {
        self.view().len()
    }

    /// Returns how many messages have been taken so far. The number wraps around.
    #[inline]
    pub fn taken(&self) -> u32 {
        self.view().head().count
    }

    /// Returns whether no message is there at this moment.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether a message that is put now has to wait for room.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() >= self.most()
    }

    /// Returns how many messages may be there. `None` if any number may.
    pub fn maxsize(&self) -> Option<u32> {
        Some(self.most()).filter(|&most| most != u32::MAX)
    }

    /// Puts a message.
    ///
    /// Blocks until there is room, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait, the queue is shut down, or the arena is full. The message was not put.
    #[inline]
    pub fn put(&self, message: &[u8], context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.put_parts(&[message], context)
    }

    /// Puts a message if there is room.
    ///
    /// # Errors
    /// The same as for [`put`](Self::put); or there is no room.
    #[inline]
    pub fn try_put(&self, message: &[u8]) -> Result<(), Error> {
        self.put(message, &mut WaitContext::until(Deadline::PASSED))
    }

    /// Like [`put`](Self::put), for a message that consists of `parts`.
    ///
    /// # Errors
    /// The same as for `put`.
    #[inline]
    pub fn put_parts(&self, parts: &[&[u8]], context: &mut WaitContext<'_>) -> Result<(), Error> {
        let length = parts.iter().map(|part| part.len()).sum();
        if length >= LARGE {
            let message = Taken::filled(self.0.arena(), parts)?;
            return self.put_filled(message, context);
        }
        self.putting(context, |writer| writer.push(parts, length))
    }

    /// Like [`put`](Self::put), for a large message that was got or made before. Does not copy it.
    ///
    /// # Errors
    /// The same as for `put`. The message is lost.
    pub fn put_taken(&self, message: Taken, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let length = message.len();
        let block = message.into_block()?;
        self.putting(context, |writer| writer.push_block(block, length))
    }

    /// Puts a large message that was made for this queue, as [`put_parts`](Self::put_parts) does when it has made
    /// one.
    ///
    /// # Errors
    /// The same as for `put`. The message is lost.
    pub fn put_filled(&self, message: Taken, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let length = message.len();
        let outcome = self.put_taken(message, context);
        if self.len() as usize * length > NEAR {
            thread::yield_now();
        }
        outcome
    }

    /// Puts many messages at once. Returns how many were put, and why not all were.
    ///
    /// Blocks until there is room for all, or `context` ends the wait.
    pub fn put_many<'m>(
        &self,
        messages: impl IntoIterator<Item = &'m [u8]>,
        context: &mut WaitContext<'_>,
    ) -> (usize, Result<(), Error>) {
        let mut messages = messages.into_iter().peekable();
        let mut slept = false;
        let mut put = 0;
        let mut outcome = Ok(());
        while outcome.is_ok()
            && let Some(first) = messages.peek()
        {
            if first.len() >= LARGE {
                outcome = self.put(first, context);
                put += usize::from(outcome.is_ok());
                messages.next();
                continue;
            }
            outcome = self.writer(context, &mut slept).and_then(|(mut writer, room)| {
                let mut outcome = Ok(());
                let mut pushed = 0;
                while pushed < room
                    && let Some(message) = messages.next_if(|message| message.len() < LARGE)
                {
                    outcome = writer.push(&[message], message.len());
                    if outcome.is_err() {
                        break;
                    }
                    pushed += 1;
                }
                put += pushed as usize;
                self.view().finish_put(writer, pushed);
                outcome
            });
        }
        self.view().after_put(self.most(), slept);
        (put, outcome)
    }

    /// Gets a message.
    ///
    /// Blocks until there is one, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait, or the queue is shut down and empty.
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

    /// Gets a message by `read`, which copies it out, or keeps it if it is large. `read` must not use a queue,
    /// because a lock is held. If it fails, the message stays in the queue, unless it is large.
    ///
    /// Blocks as [`get`](Self::get) does.
    ///
    /// # Errors
    /// The same as for `get`, and the errors of `read`.
    #[inline]
    pub fn get_with<T, E: From<Error>>(
        &self,
        context: &mut WaitContext<'_>,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut slept = false;
        let outcome = match self.reader(context, &mut slept) {
            Ok(reader) => self.view().take(reader, read),
            Err(error) => Err(error.into()),
        };
        self.view().after_get(slept);
        outcome
    }

    /// Gets at least one message and at most `most` at once, each by `read`. Returns how many. If `read` fails for
    /// a message after the first, that message and all behind it stay in the queue.
    ///
    /// Blocks until there is one, or `context` ends the wait. A process that dies meanwhile takes all of these messages with it.
    ///
    /// # Errors
    /// The same as for [`get_with`](Self::get_with), for the first message.
    pub fn get_many<E: From<Error>>(
        &self,
        most: usize,
        context: &mut WaitContext<'_>,
        mut read: impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut slept = false;
        let outcome = match self.reader(context, &mut slept) {
            Ok(reader) => self.take_many(reader, most, &mut read),
            Err(error) => Err(error.into()),
        };
        self.view().after_get(slept);
        outcome
    }

    /// Waits until there is a message, without taking it.
    ///
    /// Blocks until there is one, the queue is shut down, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub fn wait_for_message(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.view();
        let mut slept = false;
        let outcome = view.wait_for_message(&mut slept, context);
        view.after_get(slept);
        outcome
    }

    /// Waits until there is a message, without taking it, or until the process `owner` is dead. May return
    /// spuriously.
    ///
    /// Blocks as [`wait_for_message`](Self::wait_for_message) does.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub fn wait_for_message_from(&self, owner: Name, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.view();
        let mut slept = false;
        let outcome = view.wait_for_message_from(owner, &mut slept, context);
        view.after_get(slept);
        outcome
    }

    /// Waits until there is a message, without taking it, or until `watch` has been called more than `seen` times.
    ///
    /// Blocks as [`wait_for_message`](Self::wait_for_message) does.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub fn wait_for_message_or(
        &self,
        watch: &Watch,
        seen: u32,
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        let view = self.view();
        let mut slept = false;
        let outcome = view.wait_for_message_or(watch, seen, &mut slept, context);
        view.after_get(slept);
        outcome
    }

    /// Returns one side of the queue, for [`Watch::wait`](crate::Watch::wait).
    pub fn awaited(&self, side: Side) -> Awaited<'_> {
        self.view().awaited(side, self.most())
    }

    /// Takes the first message, also if [`get_with`](Self::get_with) fails because this process may not have the
    /// addresses for it. `look` can [read](Message::read) from it.
    ///
    /// # Errors
    /// `context` ended the wait, or the queue is shut down.
    #[cold]
    pub fn take_unmapped<T>(
        &self,
        context: &mut WaitContext<'_>,
        look: impl FnOnce(Message<'_>) -> T,
    ) -> Result<T, Error> {
        let mut slept = false;
        let outcome = self.reader(context, &mut slept).and_then(|mut reader| {
            let record = reader.find()?;
            (self.view()).take_record(reader, record, |message| Ok(look(message)))
        });
        self.view().after_get(slept);
        outcome
    }

    /// Shuts the queue down: nothing can be put any more, and the waits of putters end.
    ///
    /// # Errors
    /// `context` ended the wait for the queue's locks, which another process holds for microseconds, unless it is stopped.
    pub fn shutdown(&self, how: Shutdown, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.view();
        let writer = view.lock_writer(context)?;
        // SeqCst: pairs with the load in `is_shut`; and so all that was put is there for a getter that sees this.
        view.log.shut.store(1, Ordering::SeqCst);
        drop(writer);
        step::at("queue.shut");
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

    /// Drops all messages, and counts their tasks as done. Returns how many there were.
    ///
    /// # Errors
    /// The same as for [`shutdown`](Self::shutdown).
    pub fn clear(&self, context: &mut WaitContext<'_>) -> Result<u32, Error> {
        let view = self.view();
        let mut reader = view.lock_reader(context)?;
        let before = reader.count();
        reader.drain()?;
        let dropped = reader.count().wrapping_sub(before);
        drop(reader);
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

    /// Puts one message by `push`.
    #[inline]
    fn putting(
        &self,
        context: &mut WaitContext<'_>,
        push: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut slept = false;
        let outcome = match self.writer(context, &mut slept) {
            Ok((mut writer, _)) => {
                let outcome = push(&mut writer);
                self.view().finish_put(writer, u32::from(outcome.is_ok()));
                outcome
            }
            Err(error) => Err(error),
        };
        self.view().after_put(self.most(), slept);
        outcome
    }

    /// Waits for room. Returns with the writer lock, and with the number of messages for which there is room, at
    /// least one.
    #[inline]
    fn writer(&self, context: &mut WaitContext<'_>, slept: &mut bool) -> Result<(Writer<'_>, u32), Error> {
        let view = self.view();
        loop {
            let writer = view.lock_writer(context)?;
            // Relaxed: it changes under the lock.
            if view.log.shut.load(Ordering::Relaxed) != 0 {
                return Err(Error::ShutDown);
            }
            match writer.room(self.most()) {
                0 => drop(writer),
                room => return Ok((writer, room)),
            }
            view.wait_for_room(self.most(), slept, context)?;
        }
    }

    /// Waits for a message, and returns with the reader lock.
    #[inline]
    fn reader(&self, context: &mut WaitContext<'_>, slept: &mut bool) -> Result<Reader<'_>, Error> {
        let view = self.view();
        loop {
            let reader = view.lock_reader(context)?;
            if !reader.is_empty() {
                return Ok(reader);
            }
            // A thread that sees the shutdown also sees all messages that were put before.
            if view.is_shut() && reader.is_empty() {
                return Err(Error::ShutDown);
            }
            drop(reader);
            view.wait_for_message(slept, context)?;
        }
    }

    fn take_many<E: From<Error>>(
        &self,
        mut reader: Reader<'_>,
        most: usize,
        read: &mut impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut taken = 0;
        while taken < most && !reader.is_empty() {
            let record = match reader.peek() {
                Ok(record) => record,
                Err(error) if taken == 0 => return Err(error.into()),
                Err(_) => break,
            };
            let Record::Bytes { offset, length } = record else {
                if taken == 0 {
                    return self.view().take(reader, read).map(|()| 1);
                }
                break;
            };
            match read(Message::between(self.0.arena(), offset, length)) {
                Ok(()) => {}
                Err(error) if taken == 0 => return Err(error),
                Err(_) => break,
            }
            reader.advance(record);
            taken += 1;
        }
        if taken > 0 {
            reader.publish();
            self.view()
                .finish_get(reader, u32::try_from(taken).unwrap_or(u32::MAX));
        }
        Ok(taken)
    }

    #[inline]
    fn view(&self) -> LogView<'_> {
        LogView {
            arena: self.0.arena(),
            id: self.0.id(),
            log: &self.0.cell::<QueueCell>().log,
            counts: Counts::Messages,
        }
    }

    #[inline]
    fn most(&self) -> u32 {
        // Relaxed: it never changes.
        self.0.cell::<QueueCell>().most.load(Ordering::Relaxed)
    }
}
