//! Objects: cells of the arena, which live as long as a process has a handle of them. (FORMAT.md, "Objects".)

use std::fmt;
use std::sync::Arc;

use interlock_wait::fork::fork_guarded;

use crate::arena::Arena;
use crate::blocks::Owner;
use crate::cells::{Cell, OWNS_BLOCKS};
use crate::error::Error;
use crate::family::of_this_process;
use crate::field::Field32;
use crate::id::Id;
use crate::layout::{CELL, OBJECTS};
use crate::name::Name;
use crate::roster::State;
use crate::step;

/// After creating this many objects, a process looks for processes that died unnoticed.
const CREATIONS: u32 = 64;

/// A handle of an object. The object lives as long as any process has a handle. The child of a fork gets all
/// handles of its parent.
pub struct Object {
    arena: Arc<Arena>,
    id: Id,
}

impl Object {
    /// Returns the arena of the object.
    pub fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// Returns the number of the object in its arena.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Returns whether another process has a handle, or will have one when it has started.
    pub fn is_shared(&self) -> bool {
        fork_guarded(|| {
            let _roster = self.arena.lock_roster();
            self.arena.is_held_by_another(self.id, self.arena.me().slot())
        })
    }

    /// Returns its cell. The caller knows what kind of object it is: it has created it, or opened it by
    /// [`Arena::open`].
    #[inline]
    pub(crate) fn cell<C: Cell>(&self) -> &C {
        const { assert!(size_of::<C>() <= CELL) };
        self.arena.fixed(Arena::cell_at(self.id))
    }
}

impl Clone for Object {
    fn clone(&self) -> Self {
        fork_guarded(|| self.arena.handles.lock().add(self.id.number()));
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
        write!(f, "Object({})", self.id.number())
    }
}

/// An object whose cell and arena are looked up once, for primitives that take a few instructions.
pub(crate) struct Placed<C: 'static> {
    object: Object,
    arena: &'static Arena,
    cell: &'static C,
}

impl<C: Cell> Placed<C> {
    /// Looks up the cell. The caller knows the kind of the object: see [`Object::cell`].
    pub(crate) fn new(object: Object) -> Self {
        let arena = of_this_process(&object.arena);
        Placed {
            arena,
            cell: arena.fixed(Arena::cell_at(object.id)),
            object,
        }
    }

    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    pub(crate) fn id(&self) -> Id {
        self.object.id
    }

    #[inline]
    pub(crate) fn arena(&self) -> &'static Arena {
        self.arena
    }

    #[inline]
    pub(crate) fn cell(&self) -> &'static C {
        self.cell
    }
}

impl<C> Clone for Placed<C> {
    fn clone(&self) -> Self {
        let object = self.object.clone();
        Placed { object, ..*self }
    }
}

impl<C> fmt::Debug for Placed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl Arena {
    /// Creates an object. `begin` writes the parts of its cell that are not zero, before any other process can see
    /// it.
    ///
    /// # Errors
    /// The arena has no room for more objects.
    pub(crate) fn make<C: Cell>(self: &Arc<Self>, begin: impl FnOnce(&C)) -> Result<Object, Error> {
        fork_guarded(|| {
            let made = self.make_cell::<C>().or_else(|| {
                self.sweep_all();
                self.make_cell::<C>()
            });
            let id = made.ok_or(Error::TooManyObjects)?;
            let many = self.handles.lock().made(id.number(), self.births());
            if many.is_multiple_of(CREATIONS) {
                self.sweep_some();
            }
            let object = Object {
                arena: Arc::clone(self),
                id,
            };
            begin(object.cell());
            Ok(object)
        })
    }

    /// Creates an object as [`make`](Self::make) does, on a thread that forks: no other thread changes anything. Its cell is zero.
    pub(crate) fn make_before_fork<C: Cell>(&self) -> Option<Id> {
        let id = self.make_cell::<C>()?;
        self.handles.lock().made(id.number(), self.births());
        Some(id)
    }

    /// Returns the handle that [`make_before_fork`](Self::make_before_fork) has made, or its copy in a child of the fork.
    pub(crate) fn handle_of(self: &Arc<Self>, id: Id) -> Object {
        Object {
            arena: Arc::clone(self),
            id,
        }
    }

    /// Creates an object, with a handle for this process. Returns `None` if there is no room for more objects.
    fn make_cell<C: Cell>(&self) -> Option<Id> {
        let _roster = self.lock_roster();
        let id = self.free_cell()?;
        self.memory().clear(Self::cell_at(id), CELL);
        self.kind_of(id).set(C::KIND.word());
        step::at("object.cleared");
        // If this process dies in between, the object does not exist, or has no holder, which the next sweep finds.
        self.row(self.me().slot(), id.word()).insert(id.bit());
        step::at("object.held");
        self.exists(id.word()).insert(id.bit());
        Some(id)
    }

    /// Returns a handle of an object that another process has handed to this one, or of which this process has a
    /// handle already. `None` if there is no such object, if this process was not given it, or if it is of another
    /// kind.
    pub(crate) fn open<C: Cell>(self: &Arc<Self>, id: Id) -> Option<Object> {
        fork_guarded(|| {
            let held = self.row(self.me().slot(), id.word()).get() & id.bit() != 0;
            let kind = self.kind_of(id).get();
            if !held || kind != C::KIND.word() {
                return None;
            }
            self.handles.lock().add(id.number());
            let arena = Arc::clone(self);
            Some(Object { arena, id })
        })
    }

    /// Reserves a place in the family for a process that will be started with the arena's descriptor. The caller
    /// gives it objects by [`hand`](Self::hand), and reports by [`started`](Self::started) whether it was started.
    ///
    /// # Errors
    /// The family has no room for more processes, or the program has closed the arena's descriptor.
    pub fn expect_child(&self) -> Result<Name, Error> {
        self.descriptor()?;
        fork_guarded(|| self.reserve(None))
    }

    /// Gives `child`, which is being started, a handle of the object.
    pub fn hand(&self, child: Name, object: &Object) {
        fork_guarded(|| {
            self.handles.lock().spread(object.id.number());
            let _roster = self.lock_roster();
            if self.slot(child.slot()).is_used_by(child) {
                self.row(child.slot(), object.id.word()).insert(object.id.bit());
            }
        });
    }

    /// Returns how many objects exist. For tests, and for reports.
    pub fn objects(&self) -> usize {
        self.used_words()
            .map(|word| self.exists(word).get().count_ones() as usize)
            .sum()
    }

    /// Returns whether the process of slot `index` has a handle of `id`.
    pub(crate) fn is_held_by(&self, index: u32, id: Id) -> bool {
        // Relaxed: the caller asks for itself, for a dead process, or looks again when a process has joined.
        self.row(index, id.word()).get() & id.bit() != 0
    }

    /// Returns the cell of `id`, if the process of slot `index`, which the caller is sweeping, has a handle of it,
    /// and if it is of this kind.
    pub(crate) fn cell_held_by<C: Cell>(&self, index: u32, id: Id) -> Option<&C> {
        // Relaxed: the kind was there before the process had its handle.
        let is_one = self.is_held_by(index, id) && self.kind_of(id).get() == C::KIND.word();
        is_one.then(|| self.fixed(Self::cell_at(id)))
    }

    /// Returns whether object `id` exists and is of this kind.
    pub(crate) fn is_there<C: Cell>(&self, id: Id) -> bool {
        // These are relaxed: threads that wait for an end learn of it by another word.
        self.exists(id.word()).get() & id.bit() != 0 && self.kind_of(id).get() == C::KIND.word()
    }

    /// Returns whether the process `name` has a handle of object `id`, or a later process in its slot.
    pub(crate) fn has_handle(&self, name: Name, id: Id) -> bool {
        // Relaxed: as in `is_there`.
        self.row(name.slot(), id.word()).get() & id.bit() != 0
    }

    /// Returns the processes that have a handle of object `id`, including dead ones.
    pub(crate) fn holders(&self, id: Id) -> Vec<Name> {
        let _roster = self.lock_roster();
        // Relaxed: the roster orders it.
        let used = self.header().slots_used.get();
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

    fn kind_of(&self, id: Id) -> &Field32 {
        self.fixed(Self::cell_at(id))
    }

    /// Returns a cell that no object has. The caller holds the roster.
    fn free_cell(&self) -> Option<Id> {
        let header = self.header();
        let next = header.next_object.get() as usize;
        let words = OBJECTS / 64;
        // First the word where the last free cell was found, then the unused part of the arena, then the rest.
        let word = (0..words)
            .map(|i| (next / 64 + i) % words)
            .find(|&word| self.exists(word).get() != u64::MAX)?;
        let bit = self.exists(word).get().trailing_ones();
        let id = Id::of_bit(word, bit);
        header.next_object.set(id.number());
        header
            .objects_used
            .set(header.objects_used.get().max(id.number() + 1));
        Some(id)
    }

    /// Returns how many processes have been born into the family.
    pub(crate) fn births(&self) -> u32 {
        self.header().births.get()
    }

    /// Closes a handle of this process. With the last handle of all processes, destroys the object.
    fn close(&self, id: Id) {
        let Some(made_at) = self.handles.lock().remove(id.number()) else {
            return;
        };
        let me = self.me();
        if me.is_none() {
            return;
        }
        let _roster = self.lock_roster();
        // If no process was born into the family since the object was created, it has no other holder.
        if made_at == Some(self.births()) || !self.is_held_by_another(id, me.slot()) {
            self.destroy(id);
        }
        step::at("object.closed");
        self.row(me.slot(), id.word()).remove(id.bit());
    }

    /// Returns whether a process has a handle, apart from that of slot `own`. The caller holds the roster.
    fn is_held_by_another(&self, id: Id, own: u32) -> bool {
        let used = self.header().slots_used.get();
        // (The row of a free slot may contain bits, if a birth was interrupted.)
        (1..used)
            .filter(|&index| index != own && self.row(index, id.word()).get() & id.bit() != 0)
            .any(|index| self.slot(index).now().1 != State::Free)
    }

    /// Destroys an object that has no holder. May be repeated as long as its number was not given out again. The
    /// caller holds the roster.
    fn destroy(&self, id: Id) {
        if self.kind_of(id).get() & OWNS_BLOCKS != 0 {
            self.free_blocks_of(Owner::Object(id));
        }
        step::at("object.destroyed");
        self.exists(id.word()).remove(id.bit());
    }

    /// Gives the child in slot `child` a handle of each object of `parent`, if there is one, and no other handles.
    /// The caller holds the roster.
    pub(crate) fn begin_row(&self, child: u32, parent: Option<Name>) {
        for word in self.used_words() {
            let bits = parent.map_or(0, |parent| self.row(parent.slot(), word).get());
            self.row(child, word).set(bits);
        }
    }

    /// Removes all handles of a dead process, and destroys the objects that no other process has.
    pub(crate) fn clear_row(&self, index: u32) {
        let _roster = self.lock_roster();
        for word in self.used_words() {
            let bits = self.row(index, word).get();
            if bits == 0 {
                continue;
            }
            // Objects whose creator died before it held them have no holder, either.
            let others = self.held_by_others(word, index);
            let mut orphans = self.exists(word).get() & !others;
            while orphans != 0 {
                let id = Id::of_bit(word, orphans.trailing_zeros());
                self.destroy(id);
                orphans &= orphans - 1;
            }
            step::at("row.word");
            self.row(index, word).set(0);
        }
    }

    fn held_by_others(&self, word: usize, index: u32) -> u64 {
        let used = self.header().slots_used.get();
        (1..used)
            .filter(|&other| other != index && self.slot(other).now().1 != State::Free)
            .fold(0, |bits, other| bits | self.row(other, word).get())
    }

    fn used_words(&self) -> std::ops::Range<usize> {
        0..(self.header().objects_used.get() as usize).div_ceil(64)
    }
}
