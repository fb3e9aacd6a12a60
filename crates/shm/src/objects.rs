//! Objects: cells of the arena, which live as long as a process has a handle of them. (FORMAT.md, "Objects".)

use std::fmt;
use std::sync::Arc;

use interlock_os::memory::Shared;
use interlock_wait::fork::fork_guarded;
use interlock_wait::primitive::Ordering;

use crate::arena::Arena;
use crate::blocks::Owner;
use crate::error::Error;
use crate::layout::{CELL, OBJECTS, Word32};
use crate::name::Name;
use crate::roster::State;
use crate::step;

/// The number of an object in its arena. Reused when the object is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

impl Id {
    /// The number, by which another process of the family finds the object.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The object of this number. `None` if no arena has so many.
    pub fn from_number(number: u32) -> Option<Self> {
        ((number as usize) < OBJECTS).then_some(Id(number))
    }

    fn word(self) -> usize {
        self.0 as usize / 64
    }

    fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }
}

/// What an object is. The first word of its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(u32);

impl Kind {
    /// A kind of objects, numbered from 1, that may own blocks or not.
    pub(crate) const fn new(number: u32, owns_blocks: bool) -> Self {
        Kind(number | if owns_blocks { OWNS_BLOCKS } else { 0 })
    }
}

const OWNS_BLOCKS: u32 = 1 << 31;

/// The cell of a kind of objects: 128 bytes at most, the first word of which is the kind.
///
/// A new object's cell is all zeros, but for the kind.
pub(crate) trait Cell: Shared {
    /// Tells the object from others.
    const KIND: Kind;
}

/// A handle of an object. The object lives as long as any process has one; the child of a fork has all of its parent's.
pub struct Object {
    arena: Arc<Arena>,
    id: Id,
}

impl Object {
    /// The arena in which it is.
    pub fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// Its number there.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Its cell. The caller knows what kind of object it is: it has made it, or opened it by [`Arena::open`].
    #[inline]
    pub(crate) fn cell<C: Cell>(&self) -> &C {
        const { assert!(size_of::<C>() <= CELL) };
        self.arena.fixed(Arena::cell_at(self.id))
    }
}

impl Clone for Object {
    fn clone(&self) -> Self {
        fork_guarded(|| self.arena.handles.lock().add(self.id.0));
        Object {
            arena: Arc::clone(&self.arena),
            id: self.id,
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        fork_guarded(|| self.arena.close(self.id));
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({})", self.id.0)
    }
}

impl Arena {
    /// A new object. `begin` writes what is not zero in its cell, before any other process can see it.
    ///
    /// # Errors
    /// The arena has as many objects as it can have.
    pub(crate) fn make<C: Cell>(self: &Arc<Self>, begin: impl FnOnce(&C)) -> Result<Object, Error> {
        fork_guarded(|| {
            let id = {
                let _roster = self.lock_roster();
                let id = self.free_cell().ok_or(Error::TooManyObjects)?;
                let at = Self::cell_at(id);
                self.memory().clear(at, CELL);
                // Relaxed: the bit below publishes it, and the handle does.
                self.kind_of(id).0.store(C::KIND.0, Ordering::Relaxed);
                step::at("object.cleared");
                // If this process dies in between, the object does not exist, or has no holder, which the next sweep finds.
                // Relaxed, these: the roster orders them.
                self.row(self.me().slot(), id.word())
                    .fetch_or(id.bit(), Ordering::Relaxed);
                step::at("object.held");
                // Relaxed: as above.
                self.exists(id.word()).fetch_or(id.bit(), Ordering::Relaxed);
                id
            };
            self.handles.lock().made(id.0, self.births());
            let object = Object {
                arena: Arc::clone(self),
                id,
            };
            begin(object.cell());
            Ok(object)
        })
    }

    /// A handle of an object which another process has handed to this one, or of which this process has one already. `None` if
    /// there is no such object, this process was not given it, or it is of another kind.
    pub(crate) fn open<C: Cell>(self: &Arc<Self>, id: Id) -> Option<Object> {
        fork_guarded(|| {
            // Relaxed, these: what this process was given was there before the process was.
            let held = self.row(self.me().slot(), id.word()).load(Ordering::Relaxed) & id.bit() != 0;
            let kind = self.kind_of(id).0.load(Ordering::Relaxed);
            if !held || kind != C::KIND.0 {
                return None;
            }
            self.handles.lock().add(id.0);
            let arena = Arc::clone(self);
            Some(Object { arena, id })
        })
    }

    /// Keeps a place in the family for a process that is going to be started with the arena's descriptor, and that is given
    /// objects by [`hand`](Self::hand). The caller says by [`started`](Self::started) what became of it.
    ///
    /// # Errors
    /// The family has as many processes as it can have.
    pub fn expect_child(&self) -> Result<Name, Error> {
        fork_guarded(|| self.reserve(false))
    }

    /// Gives `child`, which is being started, a handle of the object.
    pub fn hand(&self, child: Name, object: &Object) {
        fork_guarded(|| {
            self.handles.lock().spread(object.id.0);
            let _roster = self.lock_roster();
            if self.slot(child.slot()).is_used_by(child) {
                // Relaxed: the roster orders it.
                self.row(child.slot(), object.id.word())
                    .fetch_or(object.id.bit(), Ordering::Relaxed);
            }
        });
    }

    /// Whether object `id` exists and is of this kind.
    pub(crate) fn is_there<C: Cell>(&self, id: Id) -> bool {
        // These are relaxed: those who wait for an end are told of it by another word.
        self.exists(id.word()).load(Ordering::Relaxed) & id.bit() != 0
            && self.kind_of(id).0.load(Ordering::Relaxed) == C::KIND.0
    }

    /// Whether the process `name` has a handle of object `id`, or a later process in its slot.
    pub(crate) fn has_handle(&self, name: Name, id: Id) -> bool {
        self.is_held_by(name.slot(), id)
    }

    /// The processes that have a handle of object `id`, dead ones among them.
    pub(crate) fn holders(&self, id: Id) -> Vec<Name> {
        let _roster = self.lock_roster();
        // Relaxed: the roster orders it.
        let used = self.header().slots_used.load(Ordering::Relaxed);
        (1..used)
            .map(|index| {
                (
                    Name::new(index, self.slot(index).now().0),
                    self.slot(index).now().1,
                )
            })
            .filter(|&(name, state)| state != State::Free && self.has_handle(name, id))
            .map(|(name, _)| name)
            .collect()
    }

    /// Whether the process of slot `index` has a handle of `id`.
    pub(crate) fn is_held_by(&self, index: u32, id: Id) -> bool {
        // Relaxed: the caller asks for itself, for a dead process, or looks again when a process has joined.
        self.row(index, id.word()).load(Ordering::Relaxed) & id.bit() != 0
    }

    /// The cell of `id`, if the process of slot `index`, which the caller clears away, has a handle of it, and it is of this kind.
    pub(crate) fn cell_held_by<C: Cell>(&self, index: u32, id: Id) -> Option<&C> {
        // Relaxed: the kind was there before the process had its handle.
        let is_one = self.is_held_by(index, id) && self.kind_of(id).0.load(Ordering::Relaxed) == C::KIND.0;
        is_one.then(|| self.fixed(Self::cell_at(id)))
    }

    fn kind_of(&self, id: Id) -> &Word32 {
        self.fixed(Self::cell_at(id))
    }

    /// A cell that no object has. The caller holds the roster.
    fn free_cell(&self) -> Option<Id> {
        let header = self.header();
        // Relaxed, all of these: they change under the roster only.
        let next = header.next_object.load(Ordering::Relaxed) as usize;
        let words = OBJECTS / 64;
        // The word where the last one was found, then the young part of the arena, then the rest.
        let word = (0..words)
            .map(|i| (next / 64 + i) % words)
            .find(|&word| self.exists(word).load(Ordering::Relaxed) != u64::MAX)?;
        let bit = self.exists(word).load(Ordering::Relaxed).trailing_ones();
        let id = u32::try_from(word * 64).ok()? + bit;
        header.next_object.store(id, Ordering::Relaxed);
        header.objects_used.fetch_max(id + 1, Ordering::Relaxed);
        Some(Id(id))
    }

    /// How many processes have been born into the family.
    fn births(&self) -> u32 {
        // Relaxed: compared with a number that this process has read before. A birth that matters is this process's own doing.
        self.header().births.load(Ordering::Relaxed)
    }

    /// Takes away a handle of this process, and the object with the last one of all.
    fn close(&self, id: Id) {
        let Some(made_at) = self.handles.lock().remove(id.0) else {
            return;
        };
        let me = self.me();
        if me.is_none() {
            return;
        }
        let _roster = self.lock_roster();
        // An object of a family in which nobody was born since it was made has no other holder.
        if made_at == Some(self.births()) || !self.is_held_by_another(id, me.slot()) {
            self.destroy(id);
        }
        step::at("object.closed");
        // Relaxed: the roster orders it.
        self.row(me.slot(), id.word())
            .fetch_and(!id.bit(), Ordering::Relaxed);
    }

    /// Whether a process has a handle, apart from that of slot `own`. The caller holds the roster.
    fn is_held_by_another(&self, id: Id, own: u32) -> bool {
        // Relaxed, these: the roster orders them.
        let used = self.header().slots_used.load(Ordering::Relaxed);
        (1..used)
            .filter(|&index| index != own && self.slot(index).now().1 != State::Free)
            .any(|index| self.row(index, id.word()).load(Ordering::Relaxed) & id.bit() != 0)
    }

    /// Ends an object that has no holder. May be done again, as long as its number was not given out. The caller holds the
    /// roster.
    fn destroy(&self, id: Id) {
        // Relaxed, these: the roster orders them.
        if self.kind_of(id).0.load(Ordering::Relaxed) & OWNS_BLOCKS != 0 {
            self.free_blocks_of(Owner::Object(id));
        }
        step::at("object.destroyed");
        self.exists(id.word()).fetch_and(!id.bit(), Ordering::Relaxed);
    }

    /// Gives the child in slot `child` a handle of all that this process has. The caller holds the roster.
    pub(crate) fn copy_row(&self, from: Name, child: u32) {
        for word in self.used_words() {
            // Relaxed, these: the roster orders them.
            let bits = self.row(from.slot(), word).load(Ordering::Relaxed);
            self.row(child, word).store(bits, Ordering::Relaxed);
        }
    }

    /// Takes away all handles of a dead process, and the objects that nobody else has.
    pub(crate) fn clear_row(&self, index: u32) {
        let _roster = self.lock_roster();
        for word in self.used_words() {
            // Relaxed, these: the roster orders them.
            let bits = self.row(index, word).load(Ordering::Relaxed);
            if bits == 0 {
                continue;
            }
            // Those that were made by a process which died before it held them have no holder, either.
            let others = self.held_by_others(word, index);
            let mut orphans = self.exists(word).load(Ordering::Relaxed) & !others;
            while orphans != 0 {
                let id = Id(u32::try_from(word * 64).unwrap_or(0) + orphans.trailing_zeros());
                self.destroy(id);
                orphans &= orphans - 1;
            }
            step::at("row.word");
            self.row(index, word).store(0, Ordering::Relaxed);
        }
    }

    fn held_by_others(&self, word: usize, index: u32) -> u64 {
        // Relaxed, these: the roster orders them.
        let used = self.header().slots_used.load(Ordering::Relaxed);
        (1..used)
            .filter(|&other| other != index && self.slot(other).now().1 != State::Free)
            .fold(0, |bits, other| {
                bits | self.row(other, word).load(Ordering::Relaxed)
            })
    }

    fn used_words(&self) -> std::ops::Range<usize> {
        // Relaxed: the roster orders it.
        0..(self.header().objects_used.load(Ordering::Relaxed) as usize).div_ceil(64)
    }
}
