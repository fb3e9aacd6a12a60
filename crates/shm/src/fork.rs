//! The arenas of this process, and what a fork does with them: the child is born into the same families.

use std::sync::{Arc, Once, OnceLock};

use interlock_wait::fork::{self, Forks};
use interlock_wait::primitive::global::Ordering;

use crate::arena::Arena;
use crate::name::Name;

/// The arenas that this process has, in a list that only grows: a process has one, or is in a few families.
struct Entry {
    arena: Arc<Arena>,
    next: OnceLock<Box<Entry>>,
}

static ARENAS: OnceLock<Box<Entry>> = OnceLock::new();
static WATCHING: Once = Once::new();

/// Puts `arena` on the list, for as long as this process lives.
pub(crate) fn register(arena: Arena) -> Arc<Arena> {
    let arena = Arc::new(arena);
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

/// The first arena on the list for which `is_it`.
pub(crate) fn find(is_it: impl Fn(&Arena) -> bool) -> Option<Arc<Arena>> {
    arenas().find(|arena| is_it(arena)).map(Arc::clone)
}

fn arenas() -> impl Iterator<Item = &'static Arc<Arena>> {
    std::iter::successors(ARENAS.get(), |entry| entry.next.get()).map(|entry| &entry.arena)
}

impl Arena {
    /// The arena in which this process makes its objects: the first that it had. Made now if there is none.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn home() -> Result<Arc<Arena>, crate::Error> {
        match find(|_| true) {
            Some(arena) => Ok(arena),
            None => Arena::create(),
        }
    }
}

struct Families;

impl Forks for Families {
    /// Keeps a slot for the child, with all handles that this process has. Nobody changes these until the fork is over.
    fn before(&self) {
        for arena in arenas().filter(|arena| !arena.me().is_none()) {
            let child = arena.reserve(true).unwrap_or(Name::NONE);
            // Relaxed: the same thread reads it.
            arena.child.store(child.word(), Ordering::Relaxed);
        }
    }

    fn parent(&self) {}

    /// The child takes its slot. If there was none, it has none of the parent's objects either: they refuse to work.
    fn child(&self) {
        for arena in arenas() {
            arena.set_me(Name::NONE);
            // Relaxed: written by the thread of which this is the copy.
            let name = Name::of_word(arena.child.load(Ordering::Relaxed));
            if !name.is_none() {
                let _ = arena.take_slot(name);
            }
        }
    }
}
