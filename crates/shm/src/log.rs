//! The log: messages in the order in which they were put, in a chain of segments. (QUEUE_FORMAT.md, "Queue".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{Deadline, WaitContext, spin_briefly};

use crate::arena::{Arena, Held};
use crate::blocks::{Block, Owner};
use crate::cells::Log;
use crate::error::Error;
use crate::id::Id;
use crate::raw_lock::{Acquired, RawLock};
use crate::step;

/// The bytes of a unit. Positions are counted in units, and each record begins at one.
pub(crate) const UNIT: usize = 16;
/// The bytes of a record before its message.
pub(crate) const HEADER: usize = 8;
/// Messages of this length and more have a block of their own.
pub(crate) const LARGE: usize = 32 << 10;
/// The smallest segment.
pub(crate) const FIRST_SEGMENT: usize = 4 << 10;

const _: () = assert!(size_of::<Log>() == 120);

/// A position, and how many messages (or units: [`Counts`]) were put or taken up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) count: u32,
    pub(crate) at: u32,
}

impl Place {
    #[inline]
    pub(crate) fn of_word(word: u64) -> Self {
        Place {
            count: (word >> 32) as u32,
            at: word as u32,
        }
    }

    #[inline]
    pub(crate) fn word(self) -> u64 {
        u64::from(self.count) << 32 | u64::from(self.at)
    }
}

/// The first and the last unit of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Bounds {
    #[inline]
    pub(crate) fn of_word(word: u64) -> Self {
        Bounds {
            first: (word >> 32) as u32,
            last: word as u32,
        }
    }

    pub(crate) fn of_block(block: Block) -> Self {
        let unit = |offset: usize| (offset / UNIT) as u32;
        Bounds {
            first: unit(block.offset),
            last: unit(block.offset + block.length - UNIT),
        }
    }

    pub(crate) fn word(self) -> u64 {
        u64::from(self.first) << 32 | u64::from(self.last)
    }

    pub(crate) fn holds(self, at: u32) -> bool {
        (self.first..=self.last).contains(&at)
    }

    pub(crate) fn bytes(self) -> usize {
        (self.last - self.first + 1) as usize * UNIT
    }
}

/// The kind of a record: the high half of its header.
pub(crate) const BYTES: u32 = 0;
pub(crate) const BLOCK: u32 = 1;
pub(crate) const JUMP: u32 = 2;

/// Returns how many units a record of `length` bytes behind its header takes.
#[inline]
pub(crate) fn units(length: usize) -> u32 {
    (HEADER + length).div_ceil(UNIT) as u32
}

/// The least time that a thread waits for one of the two locks, even if its own deadline comes sooner. The locks
/// are held for microseconds; a longer wait means that their owner was stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// The meaning of the counts of head and tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Messages.
    Messages,
    /// Units, of all messages and their headers: large messages count in full.
    Units,
    /// The log is a stack or a ranking: the tail contains the number of messages that are there, and the head the
    /// number of all that were put.
    Stack,
}

/// A log, and its place.
#[derive(Clone, Copy)]
pub(crate) struct LogView<'a> {
    pub(crate) arena: &'a Arc<Arena>,
    pub(crate) id: Id,
    pub(crate) log: &'a Log,
    pub(crate) counts: Counts,
}

impl<'a> LogView<'a> {
    /// Gives a new log its first segment.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        let block = self.arena.allocate(FIRST_SEGMENT, Owner::Object(self.id))?;
        let bounds = Bounds::of_block(block);
        let place = Place {
            count: 0,
            at: bounds.first,
        };
        // These are relaxed: no other process has the log yet.
        self.log.segment.store(bounds.word(), Ordering::Relaxed);
        self.log.head.store(place.word(), Ordering::Relaxed);
        self.log.tail.store(place.word(), Ordering::Relaxed);
        Ok(())
    }

    /// Returns where the next message is put. The load is sequentially consistent, as `Sleepers` require for a look
    /// without the lock.
    #[inline]
    pub(crate) fn tail(&self) -> Place {
        // SeqCst: pairs with the change of the tail by a writer.
        Place::of_word(self.log.tail.load(Ordering::SeqCst))
    }

    /// Returns where the next message is taken. Loads like [`tail`](Self::tail).
    #[inline]
    pub(crate) fn head(&self) -> Place {
        // SeqCst: pairs with the change of the head by a reader.
        Place::of_word(self.log.head.load(Ordering::SeqCst))
    }

    /// Returns by how much a message of `length` bytes counts.
    #[inline]
    pub(crate) fn weight(&self, length: usize) -> u32 {
        match self.counts {
            Counts::Messages | Counts::Stack => 1,
            Counts::Units => units(length),
        }
    }

    /// Returns how many messages, or units, are there.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        if self.counts == Counts::Stack {
            return self.tail().count;
        }
        // The head is read first: the tail never comes before it.
        let head = self.head().count;
        self.tail().count.wrapping_sub(head)
    }

    #[inline]
    pub(crate) fn is_shut(&self) -> bool {
        // SeqCst: pairs with the store of the end, for sleepers that look after they announced themselves.
        self.log.shut.load(Ordering::SeqCst) != 0
    }

    /// Acquires one of the two locks. If its last owner died, notes that.
    #[inline]
    pub(crate) fn hold(&self, lock: &'a RawLock, context: &mut WaitContext<'_>) -> Result<Held<'a>, Error> {
        let (held, died) = self.acquire(lock, context)?;
        if died {
            self.note();
        }
        Ok(held)
    }

    #[cold]
    pub(crate) fn note(&self) {
        // Relaxed: the lock that the caller holds orders it.
        self.log.dirty.store(1, Ordering::Relaxed);
        step::at("queue.dirty");
    }

    /// Acquires one of the two locks, and returns whether its last owner died.
    #[inline]
    pub(crate) fn acquire(
        &self,
        lock: &'a RawLock,
        context: &mut WaitContext<'_>,
    ) -> Result<(Held<'a>, bool), Error> {
        let arena: &'a Arena = self.arena;
        if arena.me().is_none() {
            return Err(Error::NotReserved);
        }
        let acquired = match lock.try_acquire(arena) {
            Some(acquired) => acquired,
            None => acquire_slow(arena, lock, context)?,
        };
        Ok((arena.held(lock), acquired != Acquired::Free))
    }
}

#[cold]
fn acquire_slow(arena: &Arena, lock: &RawLock, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
    let mut acquired = None;
    spin_briefly(|| {
        acquired = lock.try_acquire(arena);
        acquired.is_some()
    });
    if let Some(acquired) = acquired {
        return Ok(acquired);
    }
    let end = context.deadline().max(Deadline::after(PATIENCE));
    let mut patient = context.endlessly();
    lock.acquire(arena, &mut patient.bounded(end))
        .map_err(Error::Ended)
}
