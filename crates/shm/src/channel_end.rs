//! One end of a channel, and whether any process has the other one. (QUEUE_FORMAT.md, "Channel".)

use std::sync::Arc;

use interlock_os::doorbell::Doorbell;
use interlock_wait::fork::fork_guarded;
use interlock_wait::primitive::global::AtomicU32 as OwnWord;
use interlock_wait::primitive::{AtomicU32, Ordering};

use crate::arena::Arena;
use crate::cells::{ChannelCell, EndCell};

use crate::error::Error;
use crate::id::Id;
use crate::log::{Counts, LogView};
use crate::name::Name;
use crate::objects::Object;
use crate::roster::is_held;

/// The side of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Side {
    Reader,
    Writer,
}

/// An end that this process has.
#[derive(Debug)]
pub(crate) struct End {
    /// `None` during the drop, because it is dropped before the channel.
    end: Option<Object>,
    channel: Object,
    side: Side,
    /// The other end.
    other: Id,
    /// A process that had the other end at the last check, as a hint for the next one.
    holder: OwnWord,
    /// This end's descriptor, if it has one.
    pub(crate) doorbell: Option<Arc<Doorbell>>,
}

impl End {
    /// Creates both ends of `channel`: the reader and the writer.
    pub(crate) fn pair(channel: &Object) -> Result<(Self, Self), Error> {
        let arena = channel.arena();
        let make = |side: Side, other: u32| {
            arena.make(|cell: &EndCell| {
                // These are relaxed: no other process has the channel yet.
                cell.channel.store(channel.id().number() + 1, Ordering::Relaxed);
                cell.other.store(other, Ordering::Relaxed);
                cell.side.store(side as u32, Ordering::Relaxed);
            })
        };
        let reader = make(Side::Reader, 0)?;
        let writer = make(Side::Writer, reader.id().number() + 1)?;
        let cell: &EndCell = reader.cell();
        // Relaxed: as above.
        cell.other.store(writer.id().number() + 1, Ordering::Relaxed);
        let (reader_id, writer_id) = (reader.id(), writer.id());
        Ok((
            End::new(reader, channel.clone(), Side::Reader, writer_id),
            End::new(writer, channel.clone(), Side::Writer, reader_id),
        ))
    }

    fn new(end: Object, channel: Object, side: Side, other: Id) -> Self {
        End {
            end: Some(end),
            channel,
            side,
            other,
            holder: OwnWord::new(0),
            doorbell: None,
        }
    }

    pub(crate) fn with_doorbell(mut self, doorbell: Arc<Doorbell>) -> Self {
        self.doorbell = Some(doorbell);
        self
    }

    /// Opens the end `id` of `arena`, which this process was given together with its channel.
    pub(crate) fn open(arena: &Arc<Arena>, id: Id, side: Side) -> Option<Self> {
        fork_guarded(|| {
            let end = arena.open::<EndCell>(id)?;
            let cell: &EndCell = end.cell();
            // These are relaxed: what this process was given was there before.
            let id_of = |word: &AtomicU32| Id::from_number(word.load(Ordering::Relaxed).checked_sub(1)?);
            let (channel, other) = (id_of(&cell.channel)?, id_of(&cell.other)?);
            // Relaxed: as above.
            let is_side = cell.side.load(Ordering::Relaxed) == side as u32;
            let channel = is_side.then(|| arena.open::<ChannelCell>(channel))??;
            Some(End::new(end, channel, side, other))
        })
    }

    /// Returns the end as an object, and the channel.
    pub(crate) fn objects(&self) -> [&Object; 2] {
        [self.end.as_ref().unwrap_or(&self.channel), &self.channel]
    }

    pub(crate) fn arena(&self) -> &Arc<Arena> {
        self.channel.arena()
    }

    #[inline]
    pub(crate) fn cell(&self) -> &ChannelCell {
        self.channel.cell()
    }

    #[inline]
    pub(crate) fn view(&self) -> LogView<'_> {
        LogView {
            arena: self.channel.arena(),
            id: self.channel.id(),
            log: &self.cell().log,
            counts: Counts::Units,
        }
    }

    /// Returns whether the process `name` has the other end.
    pub(crate) fn is_other_with(&self, name: Name) -> bool {
        self.arena().has_handle(name, self.other) && self.is_other_there()
    }

    /// Returns whether any process, perhaps one that has just died, has the other end. (Its number may belong to
    /// another object by now.)
    fn is_other_there(&self) -> bool {
        let arena = self.arena();
        if !arena.is_there::<EndCell>(self.other) {
            return false;
        }
        let cell: &EndCell = arena.fixed(Arena::cell_at(self.other));
        // These are relaxed: they are not changed as long as both ends are there.
        cell.channel.load(Ordering::Relaxed) == self.channel.id().number() + 1
            && cell.side.load(Ordering::Relaxed) != self.side as u32
    }

    /// Returns a living process that has the other end. `None` if all have closed it, or are dead and swept.
    #[inline]
    pub(crate) fn holder(&self) -> Option<Name> {
        // These are relaxed: it is a hint.
        let name = Name::of_word(self.holder.load(Ordering::Relaxed));
        if !name.is_none() && self.is_other_with(name) && self.is_well(name) {
            return Some(name);
        }
        let found = self.find_holder();
        // Relaxed: as above.
        self.holder
            .store(found.unwrap_or(Name::NONE).word(), Ordering::Relaxed);
        found
    }

    /// Returns whether `name` seems to be alive.
    fn is_well(&self, name: Name) -> bool {
        let slot = self.arena().slot(name.slot());
        name == self.arena().me() || slot.is_used_by(name) && is_held(slot.life.word())
    }

    #[cold]
    fn find_holder(&self) -> Option<Name> {
        let arena = self.arena();
        // A dying holder may have forked a child meanwhile. Each round removes at least one dead process.
        while self.is_other_there() {
            let holders = arena.holders(self.other);
            if holders.is_empty() {
                return None;
            }
            if holders.contains(&arena.me()) {
                return Some(arena.me());
            }
            if let Some(&name) = holders.iter().find(|&&name| self.is_well(name)) {
                return Some(name);
            }
            if let Some(name) = holders.iter().find(|&&name| !arena.clear_if_dead(name)) {
                return Some(*name);
            }
        }
        None
    }
}

impl Clone for End {
    fn clone(&self) -> Self {
        fork_guarded(|| End {
            end: self.end.clone(),
            channel: self.channel.clone(),
            side: self.side,
            other: self.other,
            holder: OwnWord::new(0),
            doorbell: self.doorbell.clone(),
        })
    }
}

impl Drop for End {
    /// Wakes the threads that wait for this side, so that they check whether any process still has this end.
    fn drop(&mut self) {
        drop(self.end.take());
        let log = &self.channel.cell::<ChannelCell>().log;
        match self.side {
            Side::Reader => log.putters.tell(),
            Side::Writer => log.getters.tell(),
        }
    }
}
