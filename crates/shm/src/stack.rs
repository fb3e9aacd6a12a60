//! A stack of messages: the last one in is the first one out. (QUEUE_FORMAT.md, "Stack".)

use interlock_wait::WaitContext;
use interlock_wait::primitive::Ordering;

use crate::arena::Held;
use crate::blocks::{Block, Owner};
use crate::error::Error;
use crate::log::{Bounds, Counts, FIRST_SEGMENT, HEADER, LogView, Place, UNIT, units};
use crate::message::Message;
use crate::own_block::OwnBlock;
use crate::step;

/// The value of the length that marks a message in a block.
const IN_BLOCK: u32 = u32::MAX;
const LARGEST_SEGMENT: usize = 256 << 10;
const LARGEST_SPARE: usize = 64 << 10;

/// No segment.
const NOWHERE: Bounds = Bounds { first: 0, last: 0 };

/// Holds the lock of a stack, which is the writer lock of its log. It uses the words and the segments of the log.
pub(crate) struct Stack<'a> {
    view: LogView<'a>,
    /// The count of messages, and the position of the last one, 0 if there is none.
    tail: Place,
    bounds: Bounds,
    _held: Held<'a>,
    /// A segment that is not needed any more. It is freed after the lock is released.
    retired: Option<OwnBlock>,
}

/// The header of a record.
#[derive(Clone, Copy)]
struct Record {
    length: u32,
    /// The position of the message below.
    below: u32,
}

impl Record {
    fn units(self) -> u32 {
        match self.length {
            IN_BLOCK => units(16),
            length => units(length as usize),
        }
    }
}

impl LogView<'_> {
    fn two_words(&self, at: u32, skip: usize) -> Result<[u32; 2], Error> {
        let mut bytes = [0; 8];
        if !self.arena.memory().read(at as usize * UNIT + skip, &mut bytes) {
            return Err(Error::OutOfReach { bytes: bytes.len() });
        }
        let word = u64::from_le_bytes(bytes);
        Ok([word as u32, (word >> 32) as u32])
    }

    fn stack_record(&self, at: u32) -> Result<Record, Error> {
        let [length, below] = self.two_words(at, 0)?;
        Ok(Record { length, below })
    }

    fn block_of(&self, at: u32) -> Result<(Block, usize), Error> {
        let number = |skip: usize| {
            let [low, high] = self.two_words(at, HEADER + skip)?;
            Ok::<_, Error>((u64::from(high) << 32 | u64::from(low)) as usize)
        };
        let block = self.arena.block_at(number(0)?);
        // A record always links to a block of the object.
        let block = block.unwrap_or_else(|| unreachable!("a message leads to no block"));
        Ok((block, number(8)?))
    }
}

impl<'a> Stack<'a> {
    /// Acquires the lock. If a process died while it held it, mends the stack.
    pub(crate) fn lock(view: LogView<'a>, context: &mut WaitContext<'_>) -> Result<Self, Error> {
        debug_assert_eq!(view.counts, Counts::Stack);
        let held = view.hold(&view.log.writer, context)?;
        // Relaxed: the lock orders it.
        if view.log.dirty.load(Ordering::Relaxed) != 0 {
            view.mend_stack()?;
        }
        // These are relaxed: they change under the lock.
        let tail = Place::of_word(view.log.tail.load(Ordering::Relaxed));
        let bounds = Bounds::of_word(view.log.segment.load(Ordering::Relaxed));
        (view.arena).reach(bounds.first as usize * UNIT, bounds.bytes())?;
        Ok(Stack {
            view,
            tail,
            bounds,
            _held: held,
            retired: None,
        })
    }

    /// Returns how many messages are there.
    pub(crate) fn len(&self) -> u32 {
        self.tail.count
    }

    /// Puts a message of `length` bytes on the top.
    pub(crate) fn push(&mut self, parts: &[&[u8]], length: usize) -> Result<(), Error> {
        let at = self.place(units(length))?;
        self.write(at, length as u32, parts);
        self.publish(at, self.tail.count + 1);
        Ok(())
    }

    /// Puts a message whose `length` bytes are in `block` on the top.
    pub(crate) fn push_block(&mut self, block: OwnBlock, length: usize) -> Result<(), Error> {
        let block = block.own()?;
        let mut place = [0; 16];
        place[..8].copy_from_slice(&(block.offset() as u64).to_le_bytes());
        place[8..].copy_from_slice(&(length as u64).to_le_bytes());
        let at = self.place(units(place.len()))?;
        block.give(self.view.id);
        step::at("stack.given");
        self.write(at, IN_BLOCK, &[&place]);
        self.publish(at, self.tail.count + 1);
        Ok(())
    }

    fn write(&self, at: u32, length: u32, parts: &[&[u8]]) {
        let memory = self.view.arena.memory();
        let header = u64::from(self.tail.at) << 32 | u64::from(length);
        let mut offset = at as usize * UNIT;
        memory.write(offset, &header.to_le_bytes());
        offset += HEADER;
        for part in parts {
            memory.write(offset, part);
            offset += part.len();
        }
    }

    /// Returns the place for a record of `units` units: behind the last record, or in a new segment.
    fn place(&mut self, units: u32) -> Result<u32, Error> {
        let LogView { arena, id, log, .. } = self.view;
        // (The end of the arena is one more than the last position.)
        let at = match self.tail.at {
            0 => u64::from(self.bounds.first) + 1,
            at => u64::from(at) + u64::from(self.view.stack_record(at)?.units()),
        };
        if self.bounds.first != 0 && at + u64::from(units) <= u64::from(self.bounds.last) + 1 {
            return Ok(at as u32);
        }
        // Relaxed: the lock orders it.
        let spare = log.spare.swap(0, Ordering::Relaxed);
        let least = (units as usize + 1) * UNIT;
        let spare = (arena.block_at(spare as usize * UNIT)).and_then(|block| {
            if block.length >= least && arena.memory().holds(block.offset, block.length) {
                return Some(block);
            }
            drop(OwnBlock::take(arena, block));
            None
        });
        let size = (least.next_power_of_two() * 8).max(self.bounds.bytes() * 2);
        let block = match spare {
            Some(block) => block,
            None => arena.allocate(size.clamp(FIRST_SEGMENT, LARGEST_SEGMENT), Owner::Object(id))?,
        };
        step::at("stack.segment");
        // The segment begins with the bounds of the one below. An empty segment is left over, and has none below.
        let below = match self.tail.at {
            0 => self.retire(self.bounds),
            _ => self.bounds,
        };
        let bounds = Bounds::of_block(block);
        let memory = arena.memory();
        memory.write(block.offset, &below.word().to_le_bytes());
        self.bounds = bounds;
        Ok(bounds.first + 1)
    }

    /// Gets the message on the top by `read`. The caller knows that there is one. Calls `after` when the message is
    /// taken and the lock is released.
    pub(crate) fn pop<T, E: From<Error>>(
        mut self,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
        after: impl FnOnce(),
    ) -> Result<T, E> {
        let LogView { arena, .. } = self.view;
        let at = self.tail.at;
        let record = self.view.stack_record(at)?;
        if record.length == IN_BLOCK {
            let (block, length) = self.view.block_of(at)?;
            arena.reach(block.offset, block.length)?;
            self.leave(record)?;
            let block = OwnBlock::take(arena, block);
            step::at("stack.received");
            drop(self);
            after();
            return read(Message::in_block(arena, block, length));
        }
        let offset = at as usize * UNIT + HEADER;
        let read = read(Message::between(arena, offset, record.length as usize))?;
        self.leave(record)?;
        drop(self);
        after();
        Ok(read)
    }

    /// Drops all messages. Returns how many there were.
    pub(crate) fn clear(&mut self) -> Result<u32, Error> {
        let count = self.tail.count;
        self.bounds = NOWHERE;
        self.publish(0, 0);
        // Nothing links to their segments and blocks now.
        self.view.mend_stack()?;
        Ok(count)
    }

    /// Takes the message on the top, which is `record`.
    fn leave(&mut self, record: Record) -> Result<(), Error> {
        let left = self.bounds;
        let is_left = record.below != 0 && !left.holds(record.below);
        if is_left {
            let [last, first] = self.view.two_words(left.first, 0)?;
            self.bounds = Bounds { first, last };
        }
        self.publish(record.below, self.tail.count - 1);
        if is_left {
            self.retire(left);
        }
        Ok(())
    }

    /// Gives up a segment that is not needed any more: makes it the spare one, or frees it. Returns [`NOWHERE`].
    fn retire(&mut self, left: Bounds) -> Bounds {
        let LogView { arena, log, .. } = self.view;
        if let Some(block) = arena.block_at(left.first as usize * UNIT) {
            // Relaxed: the lock orders it.
            if block.length <= LARGEST_SPARE && log.spare.load(Ordering::Relaxed) == 0 {
                // Relaxed: as above.
                log.spare.store(left.first, Ordering::Relaxed);
            } else {
                self.retired = Some(OwnBlock::take(arena, block));
            }
        }
        step::at("stack.retired");
        NOWHERE
    }

    /// Publishes `at` as the top, and `count` as the number of messages.
    fn publish(&mut self, at: u32, count: u32) {
        let log = self.view.log;
        // Relaxed: the lock orders it.
        log.segment.store(self.bounds.word(), Ordering::Relaxed);
        step::at("stack.written");
        self.tail = Place { count, at };
        // SeqCst: pairs with the loads of sleepers, see `Sleepers`. A swap, so that nothing that follows comes before it.
        log.tail.swap(self.tail.word(), Ordering::SeqCst);
        step::at("stack.published");
        self.view.note_puts();
    }
}

impl LogView<'_> {
    /// Notes in the head how many messages have been put so far, and how many are there now. If there are more than
    /// at the last note, they have been put since.
    pub(crate) fn note_puts(&self) {
        // These are relaxed: the lock orders them.
        let noted = Place::of_word(self.log.head.load(Ordering::Relaxed));
        let now = Place::of_word(self.log.tail.load(Ordering::Relaxed)).count;
        let noted = Place {
            count: noted.count.wrapping_add(now.saturating_sub(noted.at)),
            at: now,
        };
        // SeqCst: pairs with the loads of joiners.
        self.log.head.store(noted.word(), Ordering::SeqCst);
    }

    /// Frees the blocks that nothing links to, computes the segment again, and counts a put that was not counted.
    /// The caller holds the lock.
    #[cold]
    fn mend_stack(&self) -> Result<(), Error> {
        let LogView { arena, id, log, .. } = *self;
        step::at("stack.mending");
        let owned = arena.owned(Owner::Object(id));
        let segment_of = |at: u32| {
            let holds = |block: &&Block| Bounds::of_block(**block).holds(at);
            owned.iter().find(holds).copied()
        };
        let top = self.tail();
        // Relaxed: the lock orders it.
        let mut linked = vec![log.spare.load(Ordering::Relaxed) as usize * UNIT];
        let (mut at, mut segment) = (top.at, NOWHERE);
        while at != 0 {
            let record = self.stack_record(at)?;
            if record.length == IN_BLOCK {
                linked.push(self.block_of(at)?.0.offset);
            }
            // Most records are in the segment of the record above.
            if !segment.holds(at)
                && let Some(block) = segment_of(at)
            {
                segment = Bounds::of_block(block);
                linked.push(block.offset);
            }
            at = record.below;
        }
        linked.sort_unstable();
        let bounds = segment_of(top.at).map_or(0, |block| Bounds::of_block(block).word());
        // Relaxed: the lock orders it.
        log.segment.store(bounds, Ordering::Relaxed);
        step::at("stack.mended");
        for block in &owned {
            if linked.binary_search(&block.offset).is_err() {
                drop(OwnBlock::take(arena, *block));
                step::at("stack.orphan");
            }
        }
        self.note_puts();
        // Relaxed: the lock orders it.
        log.dirty.store(0, Ordering::Relaxed);
        Ok(())
    }
}
