//! The arenas of this process, and what a fork does with them: the child is born into the same families.

use std::cell::RefCell;
use std::sync::{Arc, Once, OnceLock};

use interlock_wait::fork::{self, Forks};

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

thread_local! {
    /// The names that are kept for the child, in the order of the list, while this thread forks. Other threads may fork at the same
    /// time; the child has its own thread's.
    static KEPT: RefCell<Vec<Name>> = const { RefCell::new(Vec::new()) };
}

struct Families;

impl Forks for Families {
    /// Keeps a slot for the child, with all handles that this process has. Nobody changes these until the fork is over.
    fn before(&self) {
        let keep = |arena: &Arc<Arena>| match arena.me() {
            Name::NONE => Name::NONE,
            _ => arena.reserve(true).unwrap_or(Name::NONE),
        };
        let kept = arenas().map(keep).collect();
        let _ = KEPT.try_with(|names| names.replace(kept));
    }

    fn parent(&self) {}

    /// The child takes its slot. If there was none, it has none of the parent's objects either: they refuse to work.
    fn child(&self) {
        let kept = KEPT.try_with(RefCell::take).unwrap_or_default();
        let kept = kept.into_iter().chain(std::iter::repeat(Name::NONE));
        for (arena, name) in arenas().zip(kept) {
            arena.set_me(Name::NONE);
            if !name.is_none() {
                let _ = arena.take_slot(name);
            }
        }
    }
}
