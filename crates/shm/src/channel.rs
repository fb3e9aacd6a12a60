//! A channel: one direction of a pipe, for messages of bytes between processes. (QUEUE_FORMAT.md, "Channel".)

use std::sync::Arc;

use interlock_os::doorbell::Doorbell;
use interlock_wait::fork::fork_guarded;
use interlock_wait::{ResourceKind, WaitContext};

use crate::arena::Arena;
use crate::cells::ChannelCell;
use crate::channel_end::{End, Side};
use crate::error::Error;
use crate::id::Id;
use crate::log::{Counts, LARGE, LogView, UNIT};
use crate::log_reader::Reader;
use crate::log_writer::Writer;
use crate::message::{Message, Taken};
use crate::name::Name;
use crate::objects::Object;

/// How many units may be underway before a sender waits: 1 MiB.
const MOST: u32 = ((1 << 20) / UNIT) as u32;

/// Creates a channel in `arena`. Returns the receiving end and the sending end.
///
/// The child of a fork gets both, as with a pipe. The other side sees an end as closed when the last process that
/// had it has dropped it, or is dead.
///
/// # Errors
/// The arena is full.
pub fn channel(arena: &Arc<Arena>) -> Result<(ChannelReader, ChannelWriter), Error> {
    // A fork in between would give the child ends that it can't close.
    fork_guarded(|| {
        let channel = arena.make(|_: &ChannelCell| {})?;
        let view = LogView {
            arena,
            id: channel.id(),
            log: &channel.cell::<ChannelCell>().log,
            counts: Counts::Units,
        };
        view.begin()?;
        let (reader, writer) = End::pair(&channel)?;
        Ok((ChannelReader(reader), ChannelWriter(writer)))
    })
}

/// The receiving end of a channel.
#[derive(Clone, Debug)]
pub struct ChannelReader(End);

/// The sending end of a channel.
#[derive(Clone, Debug)]
pub struct ChannelWriter(End);

impl ChannelWriter {
    /// Opens the end `id` of `arena`. `None` if this process was not given it together with its channel.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        End::open(arena, id, Side::Writer).map(ChannelWriter)
    }

    /// Gives the end the descriptor of `doorbell`. All processes that have the end use the same pair of
    /// descriptors.
    pub fn with_doorbell(self, doorbell: Arc<Doorbell>) -> Self {
        ChannelWriter(self.0.with_doorbell(doorbell))
    }

    /// Returns the objects of the end and of the channel. Another process opens the end by the first one's number.
    /// A spawned child has to be handed both.
    pub fn objects(&self) -> [&Object; 2] {
        self.0.objects()
    }

    /// Sends a message that consists of `parts`.
    ///
    /// Blocks while a MiB or more is on its way, or until `context` ends the wait.
    ///
    /// # Errors
    /// No process has the reader any more, the channel has [moved](ChannelReader::move_to_descriptor), `context` ended the wait, or the
    /// arena is full. The message is not sent.
    #[inline]
    pub fn send(&self, parts: &[&[u8]], context: &mut WaitContext<'_>) -> Result<(), Error> {
        let length = parts.iter().map(|part| part.len()).sum();
        if length >= LARGE {
            let message = Taken::filled(self.0.arena(), parts)?;
            return self.send_filled(message, context);
        }
        self.sending(context, |writer| writer.push(parts, length))
    }

    /// Like [`send`](Self::send), for a large message that was made before in the channel's arena. Does not copy
    /// it.
    ///
    /// # Errors
    /// The same as for `send`. The message is lost.
    pub fn send_filled(&self, message: Taken, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let length = message.len();
        let block = message.into_block()?;
        self.sending(context, |writer| writer.push_block(block, length))
    }

    /// Returns the arena of the channel.
    pub fn arena(&self) -> &Arc<Arena> {
        self.0.arena()
    }

    #[inline]
    fn sending(
        &self,
        context: &mut WaitContext<'_>,
        push: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let view = self.0.view();
        let mut slept = false;
        let outcome = match self.writer(context, &mut slept) {
            Ok(mut writer) => {
                let outcome = push(&mut writer);
                if outcome.is_ok() {
                    self.0.ring();
                }
                view.finish_put(writer, u32::from(outcome.is_ok()));
                outcome
            }
            Err(error) => Err(error),
        };
        if slept {
            view.log.putters.pass_on(|| view.len() < MOST);
        }
        outcome
    }

    /// Like [`ChannelReader::move_to_descriptor`].
    ///
    /// # Errors
    /// The same as there.
    pub fn move_to_descriptor(&self, hears: &Doorbell, context: &mut WaitContext<'_>) -> Result<bool, Error> {
        self.0.leave_for(hears, context)
    }

    /// Waits for room, and returns with the writer lock.
    #[inline]
    fn writer(&self, context: &mut WaitContext<'_>, slept: &mut bool) -> Result<Writer<'_>, Error> {
        let view = self.0.view();
        loop {
            let Some(holder) = self.0.holder() else {
                // If the channel has moved, only the kernel knows whether a process can still read: it may have
                // only a descriptor.
                return Err(match view.has_moved() {
                    true => Error::Moved,
                    false => Error::BrokenPipe,
                });
            };
            let writer = view.lock_writer(context)?;
            if view.has_moved() {
                return Err(Error::Moved);
            }
            if writer.room(MOST) > 0 {
                return Ok(writer);
            }
            drop(writer);
            let is_ready = || view.len() < MOST || !self.0.is_other_with(holder);
            (view.log.putters)
                .wait(
                    &is_ready,
                    (view.arena, other_process(view.arena, holder)),
                    slept,
                    (ResourceKind::QueuePut, context),
                )
                .map_err(Error::Ended)?;
        }
    }
}

impl ChannelReader {
    /// Opens the end `id` of `arena`. `None` if this process was not given it together with its channel.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        End::open(arena, id, Side::Reader).map(ChannelReader)
    }

    /// Gives the end the descriptor of `doorbell`. All processes that have the end use the same pair of
    /// descriptors.
    pub fn with_doorbell(self, doorbell: Arc<Doorbell>) -> Self {
        ChannelReader(self.0.with_doorbell(doorbell))
    }

    /// Like [`ChannelWriter::objects`].
    pub fn objects(&self) -> [&Object; 2] {
        self.0.objects()
    }

    /// Receives a message.
    ///
    /// Blocks until there is one, or `context` ends the wait.
    ///
    /// # Errors
    /// All messages are received, and no process has the writer any more, the channel has
    /// [moved](Self::move_to_descriptor), or `context` ended the wait.
    pub fn receive(&self, context: &mut WaitContext<'_>) -> Result<Vec<u8>, Error> {
        self.receive_with(context, |message| Ok(message.to_vec()))
    }

    /// Receives a message by `read`, like [`Queue::get_with`](crate::Queue::get_with).
    ///
    /// Blocks as [`receive`](Self::receive) does.
    ///
    /// # Errors
    /// The same as for `receive`, and the errors of `read`.
    #[inline]
    pub fn receive_with<T, E: From<Error>>(
        &self,
        context: &mut WaitContext<'_>,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let view = self.0.view();
        let mut slept = false;
        let outcome = match self.reader(context, &mut slept) {
            Ok(reader) => view.take(reader, read),
            Err(error) => Err(error.into()),
        };
        self.0.look_after_bell(context);
        self.after(slept);
        outcome
    }

    /// Waits until [`receive`](Self::receive) would not block: until there is a message, or no process has the
    /// writer any more.
    ///
    /// # Errors
    /// The channel has [moved](Self::move_to_descriptor), or `context` ended the wait.
    pub fn poll(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.0.view();
        let mut slept = false;
        let outcome = loop {
            if view.len() > 0 {
                break Ok(());
            }
            if view.has_moved() {
                break Err(Error::Moved);
            }
            let Some(holder) = self.0.holder() else {
                break Ok(());
            };
            self.0.look_after_bell(context);
            if let Err(error) = self.wait(holder, &mut slept, context) {
                break Err(error);
            }
        };
        self.after(slept);
        outcome
    }

    /// Makes the descriptor readable, from now on, while there is a message, and when no process has the writer any
    /// more.
    ///
    /// # Errors
    /// `context` ended the wait for the writer lock, which another process holds for microseconds, unless it is stopped.
    pub fn ask_for_descriptor(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.0.ask(context)
    }

    /// Moves the channel to its descriptor if no process has asked for the descriptor, and no message is there.
    /// From then on, the callers of both ends read and write the descriptor, and no message goes through the
    /// channel. `hears` is the descriptor of the reader. Returns whether the channel has moved.
    ///
    /// # Errors
    /// The same as for [`ask_for_descriptor`](Self::ask_for_descriptor).
    pub fn move_to_descriptor(&self, hears: &Doorbell, context: &mut WaitContext<'_>) -> Result<bool, Error> {
        self.0.leave_for(hears, context)
    }

    /// Waits for a message, and returns with the reader lock.
    #[inline]
    fn reader(&self, context: &mut WaitContext<'_>, slept: &mut bool) -> Result<Reader<'_>, Error> {
        let view = self.0.view();
        loop {
            let reader = view.lock_reader(context)?;
            if !reader.is_empty() {
                return Ok(reader);
            }
            drop(reader);
            if view.has_moved() {
                return Err(Error::Moved);
            }
            self.0.look_after_bell(context);
            match self.0.holder() {
                Some(holder) => self.wait(holder, slept, context)?,
                // All messages that were sent before the last writer ended are there by now.
                None if view.len() == 0 => return Err(Error::EndOfFile),
                None => {}
            }
        }
    }

    fn wait(&self, holder: Name, slept: &mut bool, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let view = self.0.view();
        let is_ready = || view.len() > 0 || view.has_moved() || !self.0.is_other_with(holder);
        (view.log.getters)
            .wait(
                &is_ready,
                (view.arena, other_process(view.arena, holder)),
                slept,
                (ResourceKind::QueueGet, context),
            )
            .map_err(Error::Ended)
    }

    #[inline]
    fn after(&self, slept: bool) {
        if slept {
            let view = self.0.view();
            view.log.getters.pass_on(|| view.len() > 0);
        }
    }
}

/// Returns the process whose life a thread has to watch while it waits for `holder`.
fn other_process(arena: &Arena, holder: Name) -> Option<Name> {
    (holder != arena.me()).then_some(holder)
}
