//! The families that this process belongs to, and how it joins one: it creates the family, is given its descriptor,
//! or is born into it by a fork.

use std::cell::RefCell;
use std::sync::{Arc, Once, OnceLock};

use interlock_os::memory::SharedMemory;
use interlock_wait::fork::{self, Forks};

use crate::arena::Arena;
use crate::error::Error;
use crate::keeper;
use crate::layout::{LARGEST, MAGIC, SMALLEST, first_part};
use crate::name::Name;

/// The arenas of this process, in a list that only grows: a process is in one or a few families.
struct Entry {
    arena: Arc<Arena>,
    next: OnceLock<Box<Entry>>,
}

static ARENAS: OnceLock<Box<Entry>> = OnceLock::new();
static WATCHING: Once = Once::new();

/// Puts `arena` on the list, for as long as this process lives.
fn register(arena: Arc<Arena>) -> Arc<Arena> {
    let mut entry = Box::new(Entry {
        arena: Arc::clone(&arena),
        next: OnceLock::new(),
    });
    let mut end = &ARENAS;
    while let Err(refused) = end.set(entry) {
        entry = refused;
        match end.get() {
            Some(other) => end = &other.next,
            None => break,
        }
    }
    WATCHING.call_once(|| fork::also(&Families));
    arena
}

/// Returns the first arena on the list for which `is_it`.
pub(crate) fn find(is_it: impl Fn(&Arena) -> bool) -> Option<Arc<Arena>> {
    arenas().find(|arena| is_it(arena)).map(Arc::clone)
}

/// Returns the same arena, which is on the list as long as this process lives.
pub(crate) fn of_this_process(arena: &Arc<Arena>) -> &'static Arena {
    let known = arenas().find(|known| Arc::ptr_eq(known, arena));
    known.unwrap_or_else(|| unreachable!("every arena is put on the list when it is made"))
}

fn arenas() -> impl Iterator<Item = &'static Arc<Arena>> {
    std::iter::successors(ARENAS.get(), |entry| entry.next.get()).map(|entry| &entry.arena)
}

impl Arena {
    /// Creates an arena, whose first process is the calling one.
    ///
    /// # Errors
    /// The kernel refuses shared memory, or this process has no room for it.
    pub fn create() -> Result<Arc<Self>, Error> {
        let mut capacity = LARGEST;
        let memory = loop {
            match SharedMemory::create("interlock", capacity, first_part) {
                Ok(memory) if capacity == LARGEST || capacity == SMALLEST => break memory,
                Ok(allowed) => {
                    drop(allowed);
                    capacity /= 2;
                    break SharedMemory::create("interlock", capacity, first_part)?;
                }
                Err(_) if capacity > SMALLEST => capacity /= 2,
                Err(error) => return Err(error.into()),
            }
        };
        let arena = Self::over(memory)?;
        let header = arena.header();
        header.capacity.set(capacity as u64);
        header.slots_used.set(1);
        header.magic.set(MAGIC);
        // The roster is locked under the name that this process is about to get.
        let first = Name::new(1, 0);
        arena.set_me(first);
        let name = arena.reserve(None)?;
        debug_assert_eq!(name, first);
        Ok(register(keeper::live_as(arena, name)?))
    }

    /// Maps the arena behind descriptor `number`, in which the slot of `name` is reserved for the calling process.
    /// The caller keeps the descriptor. If the process has this arena already, returns it, and ignores `name`.
    ///
    /// # Errors
    /// The descriptor is no arena of this version, there is no room for it, or the slot is not reserved any more.
    pub fn adopt(number: i32, name: Name) -> Result<Arc<Self>, Error> {
        let memory = SharedMemory::adopt(number, first_part)?;
        let file = memory.id();
        if let Some(known) = find(|arena| arena.file() == file) {
            return Ok(known);
        }
        if memory.capacity() < SMALLEST {
            return Err(Error::NotAnArena);
        }
        let arena = Self::over(memory)?;
        if arena.header().magic.get() != MAGIC {
            return Err(Error::NotAnArena);
        }
        Ok(register(keeper::live_as(arena, name)?))
    }

    /// Returns the arena in which this process creates its objects: the first whose descriptor the program has not
    /// closed. Creates one if there is none.
    ///
    /// # Errors
    /// The same as for [`create`](Self::create).
    pub fn home() -> Result<Arc<Arena>, Error> {
        match find(|arena| arena.descriptor().is_ok()) {
            Some(arena) => Ok(arena),
            None => Arena::create(),
        }
    }

    /// Returns the name of the child that the calling thread forked last. [`Name::NONE`] if there was no
    /// place for it.
    pub fn last_child(self: &Arc<Self>) -> Name {
        LAST_CHILD.with_borrow(|names| {
            let mut found = arenas().zip(names).filter(|(arena, _)| Arc::ptr_eq(arena, self));
            found.next().map_or(Name::NONE, |(_, &name)| name)
        })
    }
}

struct Families;

thread_local! {
    /// The names that are kept for the child while this thread forks, in the order of the list. (Two threads may fork at once.)
    static CHILD: RefCell<Vec<Name>> = const { RefCell::new(Vec::new()) };
    /// The names of the child that this thread forked last, in the same order.
    static LAST_CHILD: RefCell<Vec<Name>> = const { RefCell::new(Vec::new()) };
}

impl Forks for Families {
    /// Keeps a slot for the child, with all handles that this process has. No thread changes these until the fork is over.
    fn before(&self) {
        let keep = |arena: &Arena| match arena.me() {
            Name::NONE => Name::NONE,
            _ => arena.reserve(Some(arena.me())).unwrap_or(Name::NONE),
        };
        (arenas().filter(|arena| !arena.me().is_none())).for_each(|arena| arena.share_kept());
        CHILD.set(arenas().map(|arena| keep(arena)).collect());
        arenas().for_each(|arena| arena.make_loans_private());
    }

    /// There is a child now, or the fork failed.
    fn parent(&self) {
        let names = CHILD.take();
        for (arena, &name) in arenas().zip(&names) {
            arena.has_forked(name);
        }
        LAST_CHILD.set(names);
    }

    /// The child takes its slot. If there was none, it has none of the parent's objects either: they refuse to work.
    fn child(&self) {
        for (arena, name) in arenas().zip(CHILD.take()) {
            arena.set_me(Name::NONE);
            arena.forget_unshared();
            if !name.is_none() {
                // A child that can't take it has no name, and its objects refuse to work.
                let _ = arena.take_slot(name);
            }
        }
    }
}
