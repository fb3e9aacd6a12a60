//! The log: messages in the order in which they were put, in a chain of segments. (FORMAT.md, "Queue".)

use std::sync::Arc;

use interlock_wait::primitive::{AtomicU32, AtomicU64, Ordering};
use interlock_wait::{Deadline, WaitContext, spin_briefly};

use crate::arena::{Arena, Held};
use crate::blocks::{Block, Owner};
use crate::error::Error;
use crate::log_reader::Reader;
use crate::log_writer::Writer;
use crate::objects::Id;
use crate::raw_lock::{Acquired, RawLock};
use crate::sleepers::Sleepers;
use crate::step;

/// Positions are counted in units of so many bytes, and each record begins at one.
pub(crate) const UNIT: usize = 16;
/// The bytes of a record before its message.
pub(crate) const HEADER: usize = 8;
/// Messages of this length and more have a block of their own.
pub(crate) const LARGE: usize = 32 << 10;
/// The smallest segment.
pub(crate) const FIRST_SEGMENT: usize = 4 << 10;

/// The state of a log, 120 bytes that lie 8 bytes behind the beginning of a line of the cache: the line of the writers, that of the
/// readers.
#[repr(C)]
pub(crate) struct Log {
    /// Held by the process that changes the tail.
    pub(crate) writer: RawLock,
    /// 1 if blocks may be left that are linked nowhere, and `segment` may be wrong: a process died that held a lock.
    pub(crate) dirty: AtomicU32,
    /// A [`Place`].
    pub(crate) tail: AtomicU64,
    /// The [`Bounds`] of the segment in which the tail is.
    pub(crate) segment: AtomicU64,
    /// The unit at which the spare segment begins, 0 if there is none.
    pub(crate) spare: AtomicU32,
    /// The count of the head, as a writer has last seen it.
    pub(crate) head_seen: AtomicU32,
    /// Threads that wait for a message.
    pub(crate) getters: Sleepers,
    /// 1 if nothing can be put any more.
    pub(crate) shut: AtomicU32,
    writers_line: [AtomicU32; 4],
    /// Held by the process that changes the head.
    pub(crate) reader: RawLock,
    /// The count of the tail, as a reader has last seen it.
    pub(crate) tail_seen: AtomicU32,
    /// A [`Place`].
    pub(crate) head: AtomicU64,
    /// Threads that wait for room.
    pub(crate) putters: Sleepers,
    /// How many tasks are done.
    pub(crate) done: AtomicU32,
    /// Threads that wait until all tasks are.
    pub(crate) joiners: Sleepers,
    /// 1 if readers have to look after the doorbell of a channel.
    pub(crate) asked: AtomicU32,
    readers_line: [AtomicU32; 8],
}

const _: () = assert!(size_of::<Log>() == 120);

/// A position, and how many messages (or units: [`Counts`]) were put, or taken, up to it.
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

/// What a record is: the high half of its header.
pub(crate) const BYTES: u32 = 0;
pub(crate) const BLOCK: u32 = 1;
pub(crate) const JUMP: u32 = 2;

/// How many units a record of `length` bytes behind its header takes.
#[inline]
pub(crate) fn units(length: usize) -> u32 {
    (HEADER + length).div_ceil(UNIT) as u32
}

/// How long a thread waits for one of the two locks at least, if its own deadline comes sooner: they are held for microseconds,
/// so a longer wait is for a process that was stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// What the counts of head and tail are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Messages.
    Messages,
    /// Units, of all messages and their headers: large messages count in full.
    Units,
}

/// A log, and where it is.
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

    /// Where the next message is put. For a look from outside, it is sequentially consistent, as [`Sleepers`] want it.
    #[inline]
    pub(crate) fn tail(&self) -> Place {
        // SeqCst: pairs with the change of the tail by a writer.
        Place::of_word(self.log.tail.load(Ordering::SeqCst))
    }

    /// Where the next message is taken. As [`tail`](Self::tail).
    #[inline]
    pub(crate) fn head(&self) -> Place {
        // SeqCst: pairs with the change of the head by a reader.
        Place::of_word(self.log.head.load(Ordering::SeqCst))
    }

    /// By how much a message of `length` bytes counts.
    #[inline]
    pub(crate) fn weight(&self, length: usize) -> u32 {
        match self.counts {
            Counts::Messages => 1,
            Counts::Units => units(length),
        }
    }

    /// How many messages, or units, are there.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // The head is read first: the tail never comes before it.
        let head = self.head().count;
        self.tail().count.wrapping_sub(head)
    }

    #[inline]
    pub(crate) fn is_shut(&self) -> bool {
        // SeqCst: pairs with the store of the end, for sleepers that look after they announced themselves.
        self.log.shut.load(Ordering::SeqCst) != 0
    }

    /// Holds the writer lock. If a process died while it held one of the two, the log is mended.
    #[inline]
    pub(crate) fn lock_writer(&self, context: &mut WaitContext<'_>) -> Result<Writer<'a>, Error> {
        let held = self.hold(&self.log.writer, context)?;
        // Relaxed: what was noted under the reader lock may be seen a little later.
        if self.log.dirty.load(Ordering::Relaxed) != 0 {
            self.mend(context)?;
        }
        Ok(Writer::new(*self, held))
    }

    /// Holds the reader lock.
    #[inline]
    pub(crate) fn lock_reader(&self, context: &mut WaitContext<'_>) -> Result<Reader<'a>, Error> {
        let (held, died) = self.acquire(&self.log.reader, context)?;
        if died {
            // The readers have nothing that must be right before one goes on; but blocks may be left over, and the writer lock
            // comes first.
            self.note();
            drop(held);
            drop(self.lock_writer(context)?);
            return Ok(Reader::new(*self, self.hold(&self.log.reader, context)?));
        }
        Ok(Reader::new(*self, held))
    }

    /// Holds one of the two locks. If the one before died, that is noted.
    #[inline]
    pub(crate) fn hold(&self, lock: &'a RawLock, context: &mut WaitContext<'_>) -> Result<Held<'a>, Error> {
        let (held, died) = self.acquire(lock, context)?;
        if died {
            self.note();
        }
        Ok(held)
    }

    #[cold]
    fn note(&self) {
        // Relaxed: the lock that the caller holds orders it.
        self.log.dirty.store(1, Ordering::Relaxed);
        step::at("queue.dirty");
    }

    /// Holds one of the two locks, and tells whether the one before died.
    #[inline]
    fn acquire(&self, lock: &'a RawLock, context: &mut WaitContext<'_>) -> Result<(Held<'a>, bool), Error> {
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
