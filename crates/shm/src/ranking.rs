//! A ranking: messages in the order of their ranks; messages of equal ranks in the order in which they came.
//! (QUEUE_FORMAT.md, "Ranking".)

use std::cmp::Ordering as Order;

use interlock_wait::WaitContext;
use interlock_wait::primitive::Ordering;

use crate::arena::Held;
use crate::blocks::{Block, Owner};
use crate::error::Error;
use crate::field::Field32;
use crate::log::{Bounds, FIRST_SEGMENT, LogView, Place, UNIT};
use crate::message::Message;
use crate::own_block::OwnBlock;
use crate::rank::compare;
use crate::step;

/// The value of the length that marks a message in a block.
const IN_BLOCK: u32 = u32::MAX;
const LARGEST_SEGMENT: usize = 256 << 10;
const LARGEST_SPARE: usize = 64 << 10;
/// The most lists that a message is in. Each list has a quarter of the messages of the list below.
const LEVELS: usize = 12;
/// The sizes of places for records: 1, 2, 4, … units.
const SIZES: usize = 14;
/// The offsets in a record: its length, the length of its rank, its levels and its size, then the next message in
/// each list.
const RANK: usize = 4;
const SHAPE: usize = 8;
const NEXT: usize = 12;

/// The words of the root, which is the beginning of the first segment. All of them can be computed from the
/// records.
const HEADS: usize = 0;
const FREE: usize = LEVELS;
/// The segment in which new places are taken, and the next new place in it.
const SEGMENT: usize = FREE + SIZES;
const LAST: usize = SEGMENT + 1;
const NEW: usize = LAST + 1;
/// How many segments there are besides the root's and this one.
const OTHERS: usize = NEW + 1;
const SEED: usize = OTHERS + 1;
const ROOT_UNITS: u32 = ((SEED + 1) * 4).div_ceil(UNIT) as u32;

/// Holds the lock of a ranking, which is the writer lock of its log. It uses the words of the log.
pub(crate) struct Ranking<'a> {
    list: List<'a>,
    _held: Held<'a>,
    /// Segments that are not needed any more. They are freed after the lock is released.
    _retired: Vec<OwnBlock>,
}

/// The records of a ranking, for the process that holds its lock.
struct List<'a> {
    view: LogView<'a>,
    /// The count of messages, and the first one: 0 if there is none.
    first: Place,
    /// The first unit of the root, 0 if there is none yet.
    root: u32,
}

impl<'a> Ranking<'a> {
    /// Acquires the lock. If a process died while it held it, mends the ranking.
    pub(crate) fn lock(view: LogView<'a>, context: &mut WaitContext<'_>) -> Result<Self, Error> {
        let held = view.hold(&view.log.writer, context)?;
        // These are relaxed: they change under the lock.
        let last = view.log.spare.load(Ordering::Relaxed);
        view.arena.reach(0, (last as usize + 1) * UNIT)?;
        let root = Bounds::of_word(view.log.segment.load(Ordering::Relaxed)).first;
        let first = Place::of_word(view.log.tail.load(Ordering::Relaxed)); // Relaxed: as above
        let mut list = List { view, first, root };
        // Relaxed: as above.
        if view.log.dirty.load(Ordering::Relaxed) != 0 {
            list.mend();
        }
        Ok(Ranking {
            list,
            _held: held,
            _retired: Vec::new(),
        })
    }

    /// Returns how many messages are there.
    pub(crate) fn len(&self) -> u32 {
        self.list.first.count
    }

    /// Puts a message of `length` bytes behind the messages whose rank is not greater.
    pub(crate) fn insert(&mut self, rank: &[u8], parts: &[&[u8]], length: usize) -> Result<(), Error> {
        let before = self.list.before(rank)?;
        let (at, shape) = self.list.place(rank.len() + length)?;
        self.list.write((at, shape), length as u32, rank, parts);
        self.list.link(at, shape, before);
        Ok(())
    }

    /// Like [`insert`](Self::insert), for a message whose `length` bytes are in `block`.
    pub(crate) fn insert_block(&mut self, rank: &[u8], block: OwnBlock, length: usize) -> Result<(), Error> {
        let block = block.own()?;
        let before = self.list.before(rank)?;
        let mut place = [0; 16];
        place[..8].copy_from_slice(&(block.offset() as u64).to_le_bytes());
        place[8..].copy_from_slice(&(length as u64).to_le_bytes());
        let (at, shape) = self.list.place(rank.len() + place.len())?;
        block.give(self.list.view.id);
        step::at("ranking.given");
        self.list.write((at, shape), IN_BLOCK, rank, &[&place]);
        self.list.link(at, shape, before);
        Ok(())
    }

    /// Gets the first message by `read`. The caller knows that there is one. Calls `after` when the message is
    /// taken and the lock is released.
    pub(crate) fn pop<T, E: From<Error>>(
        mut self,
        read: impl FnOnce(Message<'_>) -> Result<T, E>,
        after: impl FnOnce(),
    ) -> Result<T, E> {
        let arena = self.list.view.arena;
        let at = self.list.first.at;
        let length = self.list.field(at, 0).get();
        if length == IN_BLOCK {
            let (block, length) = self.list.block_of(at);
            arena.reach(block.offset, block.length)?;
            self.list.unlink(at);
            let block = OwnBlock::take(arena, block);
            step::at("ranking.received");
            self.retire();
            drop(self);
            after();
            return read(Message::in_block(arena, block, length));
        }
        let read = read(Message::between(
            arena,
            self.list.behind_rank(at),
            length as usize,
        ))?;
        self.list.unlink(at);
        self.retire();
        drop(self);
        after();
        Ok(read)
    }

    /// Drops all messages. Returns how many there were.
    pub(crate) fn clear(&mut self) -> u32 {
        let count = self.list.first.count;
        self.list.publish(0, 0);
        // Nothing links to their segments and blocks now.
        self.list.mend();
        self.list.note_last(None);
        count
    }

    /// If no message is left, gives up all segments but the root's and a small one.
    fn retire(&mut self) {
        let list = &self.list;
        if list.first.count != 0 || list.word(OTHERS).get() == 0 {
            return;
        }
        let LogView { arena, id, .. } = list.view;
        let segment = list.word(SEGMENT).get();
        let kept = (arena.block_at(segment as usize * UNIT)).filter(|block| block.length <= LARGEST_SPARE);
        (FREE..FREE + SIZES).for_each(|size| list.word(size).set(0));
        list.take_new_places_in(kept.map(Bounds::of_block));
        list.word(OTHERS).set(0);
        list.note_last(kept.map(Bounds::of_block));
        let root = list.root as usize * UNIT;
        for block in arena.owned(Owner::Object(id)) {
            if block.offset != root && Some(block) != kept {
                self._retired.push(OwnBlock::take(arena, block));
                step::at("ranking.retired");
            }
        }
    }
}

/// The levels of a record, and the size of its place.
#[derive(Clone, Copy)]
struct Shape {
    levels: usize,
    size: usize,
}

impl Shape {
    fn of_word(word: u32) -> Self {
        Shape {
            levels: (word as usize & 0xff).clamp(1, LEVELS),
            size: (word as usize >> 8).min(SIZES - 1),
        }
    }

    fn word(self) -> u32 {
        (self.size << 8 | self.levels) as u32
    }
}

impl List<'_> {
    fn word(&self, number: usize) -> &Field32 {
        self.view.arena.fixed(self.root as usize * UNIT + number * 4)
    }

    /// Returns a word of the record at `at`.
    fn field(&self, at: u32, offset: usize) -> &Field32 {
        self.view.arena.fixed(at as usize * UNIT + offset)
    }

    /// Returns the record behind `at`, 0 for the beginning, in the list of that level. Levels above 0 need a root.
    fn next(&self, at: u32, level: usize) -> u32 {
        match (at, level) {
            (0, 0) => self.first.at,
            _ => self.link_of(at, level).get(),
        }
    }

    fn link_of(&self, at: u32, level: usize) -> &Field32 {
        match at {
            0 => self.word(HEADS + level),
            at => self.field(at, NEXT + 4 * level),
        }
    }

    fn shape_of(&self, at: u32) -> Shape {
        Shape::of_word(self.field(at, SHAPE).get())
    }

    fn rank_at(&self, at: u32) -> usize {
        at as usize * UNIT + NEXT + 4 * self.shape_of(at).levels
    }

    fn behind_rank(&self, at: u32) -> usize {
        self.rank_at(at) + self.field(at, RANK).get() as usize
    }

    fn block_of(&self, at: u32) -> (Block, usize) {
        let mut place = [0; 16];
        let arena = self.view.arena;
        arena.memory().read(self.behind_rank(at), &mut place);
        let [offset, length] = [0, 8].map(|at| {
            let bytes = place[at..at + 8].try_into().unwrap_or_default();
            u64::from_le_bytes(bytes) as usize
        });
        // A record always links to a block of the object.
        let block = arena.block_at(offset);
        (
            block.unwrap_or_else(|| unreachable!("a message leads to no block")),
            length,
        )
    }

    /// Returns, for each list, the last record whose rank is not greater; 0 if there is none.
    fn before(&self, rank: &[u8]) -> Result<[u32; LEVELS], Error> {
        let mut before = [0; LEVELS];
        if self.first.at == 0 {
            return Ok(before);
        }
        let mut its = Vec::new();
        let mut at = 0;
        for level in (0..LEVELS).rev() {
            loop {
                let next = self.next(at, level);
                if next == 0 {
                    break;
                }
                its.resize(self.field(next, RANK).get() as usize, 0);
                self.view.arena.memory().read(self.rank_at(next), &mut its);
                match compare(rank, &its) {
                    None => return Err(Error::NotComparable),
                    Some(Order::Less) => break,
                    Some(_) => at = next,
                }
            }
            before[level] = at;
        }
        Ok(before)
    }

    /// Returns a place for a record whose rank and message have `bytes` bytes.
    fn place(&mut self, bytes: usize) -> Result<(u32, Shape), Error> {
        self.begin()?;
        // The generator of Marsaglia, "Xorshift RNGs".
        let mut seed = self.word(SEED).get().max(1);
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        self.word(SEED).set(seed);
        let levels = (1 + seed.trailing_zeros() as usize / 2).min(LEVELS);
        let units = (NEXT + 4 * levels + bytes).div_ceil(UNIT).next_power_of_two();
        let size = units.trailing_zeros() as usize;
        let shape = Shape { levels, size };
        let free = self.word(FREE + size).get();
        if free != 0 {
            self.word(FREE + size).set(self.field(free, NEXT).get());
            return Ok((free, shape));
        }
        let new = self.word(NEW).get();
        if new != 0 && new as usize + units - 1 <= self.word(LAST).get() as usize {
            self.word(NEW).set(new + units as u32);
            return Ok((new, shape));
        }
        self.add_segment(units)?;
        let new = self.word(NEW).get();
        self.word(NEW).set(new + units as u32);
        Ok((new, shape))
    }

    /// Creates the root, in a segment of its own, if there is none.
    fn begin(&mut self) -> Result<(), Error> {
        if self.root != 0 {
            return Ok(());
        }
        let LogView { arena, id, log, .. } = self.view;
        let block = arena.allocate(FIRST_SEGMENT, Owner::Object(id))?;
        step::at("ranking.root");
        let bounds = Bounds::of_block(block);
        self.root = bounds.first;
        self.note_last(None);
        (HEADS..=SEED).for_each(|number| self.word(number).set(0));
        self.take_new_places_in(None);
        // Relaxed: the lock orders it.
        log.segment.store(bounds.word(), Ordering::Relaxed);
        Ok(())
    }

    /// Makes new places come from that segment, or from the root's.
    fn take_new_places_in(&self, segment: Option<Bounds>) {
        let (first, new, last) = match segment {
            Some(bounds) => (bounds.first, bounds.first, bounds.last),
            None => {
                let last = self.root + (FIRST_SEGMENT / UNIT) as u32 - 1;
                (0, self.root + ROOT_UNITS, last)
            }
        };
        self.word(SEGMENT).set(first);
        self.word(NEW).set(new);
        self.word(LAST).set(last);
    }

    /// Notes in which unit the last of the segments ends, for processes that have to map them all: `segment`, or that
    /// of the root, if this is behind it.
    fn note_last(&self, segment: Option<Bounds>) {
        let root = match self.root {
            0 => 0,
            root => root + (FIRST_SEGMENT / UNIT) as u32 - 1,
        };
        let last = segment.map_or(root, |segment| segment.last.max(root));
        // Relaxed: the lock orders it.
        self.view.log.spare.store(last, Ordering::Relaxed);
    }

    /// Adds a segment with room for `units` units.
    fn add_segment(&self, units: usize) -> Result<(), Error> {
        let LogView { arena, id, .. } = self.view;
        let segment = self.word(SEGMENT).get();
        let length = arena
            .block_at(segment as usize * UNIT)
            .map_or(FIRST_SEGMENT, |block| block.length);
        let bytes = (units * UNIT * 2).max(length * 2);
        let block = arena.allocate(bytes.clamp(FIRST_SEGMENT, LARGEST_SEGMENT), Owner::Object(id))?;
        // Relaxed: the lock orders it.
        let last = (self.view.log.spare).load(Ordering::Relaxed);
        if Bounds::of_block(block).last > last {
            self.note_last(Some(Bounds::of_block(block)));
        }
        step::at("ranking.segment");
        if segment != 0 {
            self.word(OTHERS).set(self.word(OTHERS).get() + 1);
        }
        self.take_new_places_in(Some(Bounds::of_block(block)));
        Ok(())
    }

    /// Writes the record at `at`. If `length` marks a message in a block, `parts` may contain other data.
    fn write(&self, (at, shape): (u32, Shape), length: u32, rank: &[u8], parts: &[&[u8]]) {
        self.field(at, 0).set(length);
        self.field(at, RANK).set(rank.len() as u32);
        self.field(at, SHAPE).set(shape.word());
        let memory = self.view.arena.memory();
        let mut offset = self.rank_at(at);
        for part in std::iter::once(&rank).chain(parts) {
            memory.write(offset, part);
            offset += part.len();
        }
    }

    /// Links a written record behind the records of `before`.
    fn link(&mut self, at: u32, shape: Shape, before: [u32; LEVELS]) {
        self.link_of(at, 0).set(self.next(before[0], 0));
        step::at("ranking.written");
        let first = match before[0] {
            0 => at,
            before => {
                self.link_of(before, 0).set(at);
                self.first.at
            }
        };
        step::at("ranking.linked");
        self.publish(first, self.first.count + 1);
        for (level, &before) in before.iter().enumerate().take(shape.levels).skip(1) {
            self.link_of(at, level).set(self.next(before, level));
            self.link_of(before, level).set(at);
        }
    }

    /// Takes the first record out, and gives its place back.
    fn unlink(&mut self, at: u32) {
        let Shape { levels, size } = self.shape_of(at);
        self.publish(self.next(at, 0), self.first.count - 1);
        for level in 1..levels {
            self.word(HEADS + level).set(self.next(at, level));
        }
        self.field(at, NEXT).set(self.word(FREE + size).get());
        self.word(FREE + size).set(at);
        step::at("ranking.unlinked");
    }

    /// Publishes `at` as the first message, and `count` as the number of messages.
    fn publish(&mut self, at: u32, count: u32) {
        self.first = Place { count, at };
        // SeqCst: pairs with the loads of sleepers, see `Sleepers`. A swap, so that nothing that follows comes before it.
        self.view.log.tail.swap(self.first.word(), Ordering::SeqCst);
        step::at("ranking.published");
        self.view.note_puts();
    }

    /// Computes everything that follows from the lowest list again, and frees the blocks that nothing links to.
    /// Free places stay unused until no message is left.
    #[cold]
    fn mend(&mut self) {
        let LogView { arena, id, log, .. } = self.view;
        step::at("ranking.mending");
        let mut owned = arena.owned(Owner::Object(id));
        owned.sort_unstable_by_key(|block| block.offset);
        let mut is_linked = vec![false; owned.len()];
        let mut link = |offset: usize| {
            let behind = owned.partition_point(|block| block.offset <= offset);
            if let Some(block) = behind.checked_sub(1).and_then(|place| is_linked.get_mut(place)) {
                *block = true;
            }
        };
        if self.root != 0 {
            link(self.root as usize * UNIT);
            (HEADS..=OTHERS).for_each(|number| self.word(number).set(0));
            self.word(OTHERS).set(1); // so that all unneeded ones are freed when no message is left
        }
        let (mut at, mut count, mut last) = (self.first.at, 0, [0; LEVELS]);
        while at != 0 {
            count += 1;
            link(at as usize * UNIT);
            if self.field(at, 0).get() == IN_BLOCK {
                link(self.block_of(at).0.offset);
            }
            for (level, last) in last.iter_mut().enumerate().take(self.shape_of(at).levels).skip(1) {
                self.link_of(*last, level).set(at);
                self.link_of(at, level).set(0);
                *last = at;
            }
            at = self.next(at, 0);
        }
        self.publish(self.first.at, count);
        step::at("ranking.mended");
        for (block, _) in owned.iter().zip(is_linked).filter(|(_, is_linked)| !is_linked) {
            drop(OwnBlock::take(arena, *block));
            step::at("ranking.orphan");
        }
        // Relaxed: the lock orders it.
        log.dirty.store(0, Ordering::Relaxed);
    }
}
