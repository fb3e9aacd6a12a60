//! The writer's end of a log. (QUEUE_FORMAT.md, "Queue".)

use interlock_wait::WaitContext;
use interlock_wait::primitive::Ordering;

use crate::arena::Held;
use crate::blocks::Owner;
use crate::error::Error;
use crate::log::{BLOCK, BYTES, Bounds, FIRST_SEGMENT, HEADER, JUMP, LogView, Place, UNIT, units};
use crate::own_block::OwnBlock;
use crate::step;

/// The largest segment.
pub(crate) const LARGEST_SEGMENT: usize = 256 << 10;
/// A segment has room for at least this many messages of the length of its first one.
const LEAST_MESSAGES: usize = 16;

/// Holds the writer lock of a log. Readers see the messages that it has pushed when it publishes them.
pub(crate) struct Writer<'a> {
    view: LogView<'a>,
    tail: Place,
    bounds: Bounds,
    _held: Held<'a>,
}

impl<'a> LogView<'a> {
    /// Acquires the writer lock. If a process died while it held one of the two locks, mends the log.
    #[inline]
    pub(crate) fn lock_writer(&self, context: &mut WaitContext<'_>) -> Result<Writer<'a>, Error> {
        let held = self.hold(&self.log.writer, context)?;
        // Relaxed: what was noted under the reader lock may be seen a little later.
        if self.log.dirty.load(Ordering::Relaxed) != 0 {
            self.mend(context)?;
        }
        let writer = Writer::new(*self, held);
        let Bounds { first, .. } = writer.bounds;
        (self.arena).reach(first as usize * UNIT, writer.bounds.bytes())?;
        Ok(writer)
    }
}

impl<'a> Writer<'a> {
    #[inline]
    pub(crate) fn new(view: LogView<'a>, held: Held<'a>) -> Self {
        // These are relaxed: they change under the lock that the caller holds.
        let tail = Place::of_word(view.log.tail.load(Ordering::Relaxed));
        let bounds = Bounds::of_word(view.log.segment.load(Ordering::Relaxed));
        Writer {
            view,
            tail,
            bounds,
            _held: held,
        }
    }

    /// Returns for how many messages, or units, there is room, if the limit is `most`.
    #[inline]
    pub(crate) fn room(&self, most: u32) -> u32 {
        let seen = &self.view.log.head_seen;
        // These are relaxed: writers have it for themselves, and an old value is less.
        let used = self.tail.count.wrapping_sub(seen.load(Ordering::Relaxed));
        if used < most {
            return most - used;
        }
        let head = self.view.head().count;
        seen.store(head, Ordering::Relaxed);
        most.saturating_sub(self.tail.count.wrapping_sub(head))
    }

    /// Adds a message of `length` bytes, which consists of `parts`.
    ///
    /// # Errors
    /// The arena is full. Nothing has changed.
    #[inline]
    pub(crate) fn push(&mut self, parts: &[&[u8]], length: usize) -> Result<(), Error> {
        self.reserve(units(length))?;
        self.write(header(BYTES, length as u32), parts, length);
        self.count(length);
        Ok(())
    }

    /// Adds a message of `length` bytes, which are in `block`.
    ///
    /// # Errors
    /// The same as for [`push`](Self::push).
    pub(crate) fn push_block(&mut self, block: OwnBlock, length: usize) -> Result<(), Error> {
        let block = block.own()?;
        let mut place = [0; 16];
        place[..8].copy_from_slice(&(block.offset() as u64).to_le_bytes());
        place[8..].copy_from_slice(&(length as u64).to_le_bytes());
        self.reserve(units(place.len()))?;
        block.give(self.view.id);
        step::at("queue.given");
        self.write(header(BLOCK, 0), &[&place], place.len());
        self.count(length);
        Ok(())
    }

    #[inline]
    fn count(&mut self, length: usize) {
        self.tail.count = self.tail.count.wrapping_add(self.view.weight(length));
    }

    /// Writes a record into reserved room.
    #[inline]
    fn write(&mut self, header: [u8; HEADER], parts: &[&[u8]], length: usize) {
        let memory = self.view.arena.memory();
        let mut at = self.tail.at as usize * UNIT;
        memory.write(at, &header);
        at += HEADER;
        for part in parts {
            memory.write(at, part);
            at += part.len();
        }
        self.tail.at += units(length);
    }

    /// Makes sure that the tail is in a segment with room for `units` units, and one more for a jump.
    #[inline]
    fn reserve(&mut self, units: u32) -> Result<(), Error> {
        match u64::from(self.tail.at) + u64::from(units) <= u64::from(self.bounds.last) {
            true => Ok(()),
            false => self.jump(units),
        }
    }

    #[cold]
    fn jump(&mut self, units: u32) -> Result<(), Error> {
        let next = self.next_segment(units as usize * UNIT)?;
        step::at("queue.segment");
        let memory = self.view.arena.memory();
        let at = self.tail.at as usize * UNIT;
        memory.write(at, &header(JUMP, next.first));
        memory.write(at + HEADER, &self.bounds.first.to_le_bytes());
        step::at("queue.jumped");
        self.bounds = next;
        self.tail.at = next.first;
        Ok(())
    }

    /// Returns a segment with room for a record of `least` bytes: the spare one if it is of about the right
    /// size.
    fn next_segment(&self, least: usize) -> Result<Bounds, Error> {
        let LogView { arena, id, log, .. } = self.view;
        let size = self.next_size(least);
        // Acquire pairs with the Release of the reader that put it there: it does not look into it any more.
        let spare = match log.spare.load(Ordering::Relaxed) {
            0 => 0,
            _ => log.spare.swap(0, Ordering::Acquire),
        };
        if let Some(block) = arena.block_at(spare as usize * UNIT) {
            let fits = (size / 2..=size * 2).contains(&block.length) && block.length >= least + UNIT;
            if fits && arena.memory().holds(block.offset, block.length) {
                return Ok(Bounds::of_block(block));
            }
            drop(OwnBlock::take(arena, block));
        }
        let (block, warm) = arena.allocate_first(size, usize::MAX, Owner::Object(id))?;
        if size == LARGEST_SEGMENT && warm < size {
            // The queue is growing, so all of the segment will be written.
            arena.memory().populate(block.offset + warm, size - warm);
        }
        Ok(Bounds::of_block(block))
    }

    fn next_size(&self, least: usize) -> usize {
        let size = self.bounds.bytes();
        let head = self.view.head();
        let size = match self.bounds.holds(head.at) {
            false => size * 2,
            true if head.count == self.tail.count => size / 2,
            true => size,
        };
        let fitting = (least * LEAST_MESSAGES).next_power_of_two();
        size.max(fitting).clamp(FIRST_SEGMENT, LARGEST_SEGMENT)
    }

    /// Publishes all messages that were pushed.
    #[inline]
    pub(crate) fn publish(&mut self) {
        let log = self.view.log;
        let bounds = self.bounds.word();
        // These are relaxed: it changes under the lock.
        if log.segment.load(Ordering::Relaxed) != bounds {
            log.segment.store(bounds, Ordering::Relaxed);
        }
        step::at("queue.written");
        // SeqCst: the bytes come before it, for readers that see the tail. It pairs with the loads of getters that are about to
        // sleep: see `Sleepers`. A swap, so that nothing that follows comes before it.
        log.tail.swap(self.tail.word(), Ordering::SeqCst);
        step::at("queue.published");
    }
}

impl LogView<'_> {
    /// Publishes `pushed` messages, and wakes as many getters.
    #[inline]
    pub(crate) fn finish_put(&self, mut writer: Writer<'_>, pushed: u32) {
        if pushed > 0 {
            writer.publish();
            drop(writer);
            step::at("queue.unlocked");
            self.log.getters.wake(pushed);
        }
    }
}

#[inline]
fn header(kind: u32, value: u32) -> [u8; HEADER] {
    (u64::from(kind) << 32 | u64::from(value)).to_le_bytes()
}
