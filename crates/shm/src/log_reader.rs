//! The reader's end of a log. (QUEUE_FORMAT.md, "Queue".)

use interlock_wait::WaitContext;
use interlock_wait::primitive::Ordering;

use crate::arena::Held;
use crate::blocks::Block;
use crate::error::Error;
use crate::log::{BLOCK, HEADER, JUMP, LogView, Place, UNIT, units};
use crate::message::Message;
use crate::own_block::OwnBlock;
use crate::step;

/// The largest segment that is kept as the spare one. Larger segments go back to the arena: they are worth taking
/// its lock.
const LARGEST_SPARE: usize = 64 << 10;

/// Holds the reader lock of a log. The messages that it has read are taken when it publishes that.
pub(crate) struct Reader<'a> {
    view: LogView<'a>,
    head: Place,
    /// The segments that the head has left since it was last published.
    left: Vec<Block>,
    _held: Held<'a>,
    /// Blocks that are not needed any more. They are freed after the lock is released.
    retired: Vec<OwnBlock>,
}

/// A record: a message, or a jump to the next segment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Record {
    /// A message between others, in a segment.
    Bytes { offset: usize, length: usize },
    /// A message in a block of its own.
    Block { block: Block, length: usize },
    /// No message: the next record is at `next`, and the segment that ends here began at `first`.
    Jump { first: u32, next: u32 },
}

impl Record {
    /// Returns how many units the record takes.
    #[inline]
    pub(crate) fn units(self) -> u32 {
        match self {
            Record::Bytes { length, .. } => units(length),
            Record::Block { .. } => units(16),
            Record::Jump { .. } => 1,
        }
    }
}

impl LogView<'_> {
    /// Returns the record that begins at `at`.
    ///
    /// # Errors
    /// This process may not have the addresses for it.
    #[inline]
    pub(crate) fn record(&self, at: u32) -> Result<Record, Error> {
        let memory = self.arena.memory();
        let offset = at as usize * UNIT;
        let mut header = [0; HEADER];
        if !memory.read(offset, &mut header) {
            return Err(Error::OutOfReach { bytes: HEADER });
        }
        let header = u64::from_le_bytes(header);
        let (kind, value) = ((header >> 32) as u32, header as u32);
        let offset = offset + HEADER;
        match kind {
            JUMP => {
                let mut first = [0; 4];
                memory.read(offset, &mut first);
                Ok(Record::Jump {
                    first: u32::from_le_bytes(first),
                    next: value,
                })
            }
            BLOCK => self.block_record(offset),
            _ => Ok(Record::Bytes {
                offset,
                length: value as usize,
            }),
        }
    }

    /// Takes the next message by `read`. The caller knows that there is one. If this process may not have the addresses
    /// for it, it stays.
    #[inline]
    pub(crate) fn take<T, E: From<Error>>(
        &self,
        mut reader: Reader<'_>,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let record = reader.peek()?;
        self.take_record(reader, record, read)
    }

    /// Takes the message of `record`, which the reader has found.
    #[inline]
    pub(crate) fn take_record<T, E>(
        &self,
        mut reader: Reader<'_>,
        record: Record,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        reader.advance(record);
        match record {
            Record::Block { block, length } => {
                reader.publish();
                let block = reader.receive(block);
                self.finish_get(reader, 1);
                read(Message::in_block(self.arena, block, length))
            }
            Record::Bytes { offset, length } => {
                let read = read(Message::between(self.arena, offset, length))?;
                reader.publish();
                self.finish_get(reader, 1);
                Ok(read)
            }
            Record::Jump { .. } => unreachable!("a jump is not a message"),
        }
    }

    /// Releases the reader lock, and wakes as many putters as messages were taken.
    #[inline]
    pub(crate) fn finish_get(&self, reader: Reader<'_>, taken: u32) {
        drop(reader);
        step::at("queue.left");
        self.log.putters.wake(taken);
    }

    fn block_record(&self, at: usize) -> Result<Record, Error> {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            match self.arena.memory().read(at, &mut bytes) {
                true => Ok(u64::from_le_bytes(bytes) as usize),
                false => Err(Error::OutOfReach { bytes: bytes.len() }),
            }
        };
        let (offset, length) = (number(at)?, number(at + 8)?);
        // A record always links to a block of the object.
        let block =
            (self.arena.block_at(offset)).unwrap_or_else(|| unreachable!("a message leads to no block"));
        Ok(Record::Block { block, length })
    }
}

impl<'a> LogView<'a> {
    /// Acquires the reader lock.
    #[inline]
    pub(crate) fn lock_reader(&self, context: &mut WaitContext<'_>) -> Result<Reader<'a>, Error> {
        let (held, died) = self.acquire(&self.log.reader, context)?;
        if died {
            // The readers have no state that must be repaired before one goes on. But blocks may be left over, and
            // freeing them needs the writer lock, which is taken first.
            self.note();
            drop(held);
            drop(self.lock_writer(context)?);
            return Ok(Reader::new(*self, self.hold(&self.log.reader, context)?));
        }
        Ok(Reader::new(*self, held))
    }
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(view: LogView<'a>, held: Held<'a>) -> Self {
        // Relaxed: it changes under the lock that the caller holds.
        let head = Place::of_word(view.log.head.load(Ordering::Relaxed));
        Reader {
            view,
            head,
            left: Vec::new(),
            _held: held,
            retired: Vec::new(),
        }
    }

    /// Returns the count of the head, including messages that were read but not published yet.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.head.count
    }

    /// Returns whether nothing is left.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let seen = &self.view.log.tail_seen;
        // These are relaxed: readers have it for themselves, with what was there when one of them saw the tail.
        if seen.load(Ordering::Relaxed) != self.head.count {
            return false;
        }
        let tail = self.view.tail().count;
        seen.store(tail, Ordering::Relaxed);
        tail == self.head.count
    }

    /// Returns the record of the next message. The caller knows that there is one, and reads it by
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    /// This process may not have the addresses for the message.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Record, Error> {
        let record = self.find()?;
        let (offset, length) = match record {
            Record::Bytes { offset, length } => (offset, length),
            Record::Block { block, .. } => (block.offset, block.length),
            Record::Jump { .. } => (0, 0),
        };
        self.view.arena.reach(offset, length)?;
        Ok(record)
    }

    /// Like [`peek`](Self::peek), also for a message whose bytes this process can't map.
    #[inline]
    pub(crate) fn find(&mut self) -> Result<Record, Error> {
        loop {
            let record = self.view.record(self.head.at)?;
            let Record::Jump { first, next } = record else {
                return Ok(record);
            };
            self.leave(first);
            self.head.at = next;
        }
    }

    /// Reads `record`, which [`peek`](Self::peek) has found.
    #[inline]
    pub(crate) fn advance(&mut self, record: Record) {
        let weight = match record {
            Record::Bytes { length, .. } | Record::Block { length, .. } => self.view.weight(length),
            Record::Jump { .. } => 0,
        };
        self.head = Place {
            count: self.head.count.wrapping_add(weight),
            at: self.head.at + record.units(),
        };
    }

    #[cold]
    fn leave(&mut self, first: u32) {
        self.left.extend(self.view.arena.block_at(first as usize * UNIT));
    }

    /// Publishes that all messages that were read are taken.
    #[inline]
    pub(crate) fn publish(&mut self) {
        // SeqCst: it pairs with the loads of putters that are about to sleep: see `Sleepers`. A swap, so that nothing that follows
        // comes before it: the blocks change hands after the head is stored.
        self.view.log.head.swap(self.head.word(), Ordering::SeqCst);
        step::at("queue.taken");
        if !self.left.is_empty() {
            self.retire_left();
        }
    }

    #[cold]
    fn retire_left(&mut self) {
        let LogView { arena, log, .. } = self.view;
        for block in std::mem::take(&mut self.left) {
            let unit = (block.offset / UNIT) as u32;
            // Release pairs with the Acquire of the writer that takes it: this reader has looked into it before. Relaxed: then
            // there is a spare one.
            let is_spare = block.length <= LARGEST_SPARE
                && (log.spare)
                    .compare_exchange(0, unit, Ordering::Release, Ordering::Relaxed)
                    .is_ok();
            match is_spare {
                true => step::at("queue.spared"),
                false => self.retired.push(OwnBlock::take(arena, block)),
            }
        }
    }

    /// Takes over the block of a message that was taken.
    pub(crate) fn receive(&mut self, block: Block) -> OwnBlock {
        let block = OwnBlock::take(self.view.arena, block);
        step::at("queue.received");
        block
    }

    /// Takes all messages without reading them.
    ///
    /// # Errors
    /// This process may not have the addresses for one. All of them stay.
    pub(crate) fn drain(&mut self) -> Result<(), Error> {
        let mut blocks = Vec::new();
        while !self.is_empty() {
            let record = self.find()?;
            self.advance(record);
            if let Record::Block { block, .. } = record {
                blocks.push(block);
            }
        }
        self.publish();
        for block in blocks {
            let block = self.receive(block);
            self.retired.push(block);
        }
        Ok(())
    }
}
