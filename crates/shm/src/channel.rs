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

/// Returns a new channel in `arena`: the end that receives, and the one that sends.
///
/// The child of a fork has both, as it has of a pipe. What the other side does when an end is gone follows when the last process has
/// dropped it, or is dead.
///
/// # Errors
/// The arena is full.
pub fn channel(arena: &Arc<Arena>) -> Result<(ChannelReader, ChannelWriter), Error> {
    // A fork in between would give the child ends that nobody there can close.
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

/// The end of a channel that receives.
#[derive(Clone, Debug)]
pub struct ChannelReader(End);

/// The end of a channel that sends.
#[derive(Clone, Debug)]
pub struct ChannelWriter(End);

impl ChannelWriter {
    /// Returns the end `id` of `arena`, which this process was given with its channel. `None` if it was not.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        End::open(arena, id, Side::Writer).map(ChannelWriter)
    }

    /// Returns the same end, whose descriptor is that of `doorbell`. All processes that have it use the same
    /// pair of descriptors.
    pub fn with_doorbell(self, doorbell: Arc<Doorbell>) -> Self {
        ChannelWriter(self.0.with_doorbell(doorbell))
    }

    /// Returns the end, by whose number another process opens it, and the channel. A child that is spawned is
    /// handed both.
    pub fn objects(&self) -> [&Object; 2] {
        self.0.objects()
    }

    /// Sends a message that consists of `parts`.
    ///
    /// Blocks as long as a MiB or more is underway, or until `context` ends the wait.
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

    /// Sends a large message that was made before in the channel's arena. As [`send`](Self::send), without a copy.
    ///
    /// # Errors
    /// As `send`. The message is gone.
    pub fn send_filled(&self, message: Taken, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let Taken { block, length } = message;
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
    /// As there.
    pub fn move_to_descriptor(&self, hears: &Doorbell, context: &mut WaitContext<'_>) -> Result<bool, Error> {
        self.0.leave_for(hears, context)
    }

    /// Returns the writer lock, when there is room.
    #[inline]
    fn writer(&self, context: &mut WaitContext<'_>, slept: &mut bool) -> Result<Writer<'_>, Error> {
        let view = self.0.view();
        loop {
            let Some(holder) = self.0.holder() else {
                // If it has moved, the kernel knows whether any process can read: a descriptor may be all that one has.
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
    /// Returns the end `id` of `arena`, which this process was given with its channel. `None` if it was not.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        End::open(arena, id, Side::Reader).map(ChannelReader)
    }

    /// Returns the same end, whose descriptor is that of `doorbell`. All processes that have it use the same
    /// pair of descriptors.
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
    /// All is received and no process has the writer any more, the channel has [moved](Self::move_to_descriptor), or `context` ended the
    /// wait.
    pub fn receive(&self, context: &mut WaitContext<'_>) -> Result<Vec<u8>, Error> {
        self.receive_with(context, |message| Ok(message.to_vec()))
    }

    /// Receives a message by `read`, as [`Queue::get_with`](crate::Queue::get_with).
    ///
    /// Blocks as [`receive`](Self::receive) does.
    ///
    /// # Errors
    /// As `receive`, and as `read`.
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

    /// Waits until there is a message, or no process has the writer any more: until a call of [`receive`](Self::receive) would not
    /// block.
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

    /// From now on the descriptor is readable as long as there is a message, and when no process has the writer any more.
    ///
    /// # Errors
    /// `context` ended the wait for the writer lock, which another process holds for microseconds, unless it is stopped.
    pub fn ask_for_descriptor(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        self.0.ask(context)
    }

    /// From now on messages go through the descriptor, which the callers of both ends read and write, and not through the channel: if no
    /// process has asked for the descriptor and no message is there. `hears` is the descriptor of the reader. Returns whether they do.
    ///
    /// # Errors
    /// As [`ask_for_descriptor`](Self::ask_for_descriptor).
    pub fn move_to_descriptor(&self, hears: &Doorbell, context: &mut WaitContext<'_>) -> Result<bool, Error> {
        self.0.leave_for(hears, context)
    }

    /// Returns the reader lock, when there is a message.
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
                // What was sent before the last writer ended is there by now.
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

/// Returns the process whose life a thread watches that waits for `holder`.
fn other_process(arena: &Arena, holder: Name) -> Option<Name> {
    (holder != arena.me()).then_some(holder)
}
