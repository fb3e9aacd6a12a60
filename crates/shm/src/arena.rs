//! The arena: the memory that a family of processes shares, as one process sees it.

use std::cell::Cell;

use interlock_os::memory::{FileId, Shared, SharedMemory};
use interlock_wait::primitive::Ordering;
use interlock_wait::primitive::global::AtomicU32;
use interlock_wait::{WaitContext, WordLock};

use crate::error::Error;
use crate::field::Field64;
use crate::handles::Handles;
use crate::id::Id;
use crate::kept::Kept;
use crate::layout::{CELL, CELLS_AT, EXISTS_AT, HELD_AT, Header, ROW_WORDS, SLOTS_AT, Slot, blocks_at};
use crate::loans::Loans;
use crate::name::Name;
use crate::raw_lock::{Acquired, RawLock};

/// The memory that a family of processes shares. One file, and one mapping, for all objects of the family.
#[derive(Debug)]
pub struct Arena {
    memory: SharedMemory,
    file: FileId,
    /// This process's name. A fork changes it.
    me: AtomicU32,
    pub(crate) handles: WordLock<Handles>,
    pub(crate) loans: WordLock<Loans>,
    pub(crate) kept: WordLock<Kept>,
    /// The page at which the blocks begin.
    pub(crate) blocks_at: usize,
}

impl Arena {
    pub(crate) fn over(memory: SharedMemory) -> Result<Self, Error> {
        Ok(Arena {
            file: memory.id(),
            blocks_at: blocks_at(memory.capacity()),
            memory,
            me: AtomicU32::new(0),
            handles: WordLock::new(Handles::default()),
            loans: WordLock::new(Loans::default()),
            kept: WordLock::new(Kept::default()),
        })
    }

    /// Returns the memory.
    pub(crate) fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// Maps a range that other processes may have written to, unless this process has mapped it already.
    ///
    /// # Errors
    /// This process may not have the addresses.
    #[inline]
    pub(crate) fn reach(&self, offset: usize, length: usize) -> Result<(), Error> {
        match self.memory.holds(offset, length) {
            true => Ok(()),
            false => Err(Error::OutOfReach { bytes: length }),
        }
    }

    pub(crate) fn file(&self) -> FileId {
        self.file
    }

    /// Returns the number of its file, which is the same in all processes.
    pub fn inode(&self) -> u64 {
        self.file.inode()
    }

    /// Returns the number of the arena's descriptor, which a child process needs for [`adopt`](Self::adopt).
    ///
    /// # Errors
    /// The program has closed it. The objects can still be used in this process, and in the children that it forks.
    pub fn descriptor(&self) -> Result<i32, Error> {
        self.memory.descriptor().map_err(|_| Error::Closed)
    }

    /// Returns this process's name.
    #[inline]
    pub fn me(&self) -> Name {
        // Relaxed: it changes when this process has one thread.
        Name::of_word(self.me.load(Ordering::Relaxed))
    }

    pub(crate) fn set_me(&self, name: Name) {
        // Relaxed: as above.
        self.me.store(name.word(), Ordering::Relaxed);
    }

    pub(crate) fn header(&self) -> &Header {
        self.fixed(0)
    }

    pub(crate) fn slot(&self, index: u32) -> &Slot {
        self.fixed(SLOTS_AT + index as usize * size_of::<Slot>())
    }

    /// Returns the bits for the objects of which the process of slot `index` has handles.
    pub(crate) fn row(&self, index: u32, word: usize) -> &Field64 {
        self.fixed(HELD_AT + (index as usize * ROW_WORDS + word) * 8)
    }

    /// Returns the bits for the objects that exist.
    pub(crate) fn exists(&self, word: usize) -> &Field64 {
        self.fixed(EXISTS_AT + word * 8)
    }

    /// Returns the offset of the object's cell.
    pub(crate) fn cell_at(id: Id) -> usize {
        CELLS_AT + id.number() as usize * CELL
    }

    /// Returns the record at `offset`, in the part before the blocks or in a block that this process has mapped.
    #[inline]
    pub(crate) fn fixed<T: Shared>(&self, offset: usize) -> &T {
        let place = self.memory.at(offset);
        // That part ends before the smallest arena does, is mapped from the beginning, and its records are aligned: see `layout.rs`.
        place.unwrap_or_else(|| unreachable!("a record lies outside of what is mapped of the arena"))
    }

    /// Holds one of the arena's own locks for a few instructions. `repair` runs first if the last owner died while it held it.
    pub(crate) fn hold<'a>(&'a self, lock: &'a RawLock, repair: impl FnOnce()) -> Held<'a> {
        // A forked child has no place if the family had 4,095 processes. Ending it is better than letting it hang,
        // or change data whose lock another process holds.
        assert!(
            !self.me().is_none(),
            "Interlock: the family of processes has no room for this one"
        );
        let mut context = WaitContext::uninterruptible();
        loop {
            match lock.acquire(self, &mut context) {
                Ok(Acquired::Free) => break,
                Ok(Acquired::OwnerDied(_)) => {
                    repair();
                    break;
                }
                Err(_) => {}
            }
        }
        self.held(lock)
    }

    /// Releases `lock`, which the caller has acquired, when the result is dropped.
    #[inline]
    pub(crate) fn held<'a>(&'a self, lock: &'a RawLock) -> Held<'a> {
        Held { arena: self, lock }
    }

    /// Holds the lock of births and deaths. All changes under it may be left half done: FORMAT.md explains why.
    pub(crate) fn lock_roster(&self) -> Roster<'_> {
        let held = self.hold(&self.header().roster, || {});
        HOLDS_ROSTER.set(true);
        Roster { _held: held }
    }

    /// Returns whether the calling thread holds the lock of births and deaths.
    pub(crate) fn holds_roster() -> bool {
        HOLDS_ROSTER.get()
    }
}

thread_local! {
    /// Whether this thread holds the roster of an arena. It never holds two.
    static HOLDS_ROSTER: Cell<bool> = const { Cell::new(false) };
}

/// Holds the lock of births and deaths until dropped.
#[must_use = "the lock is free again as soon as this is dropped"]
pub(crate) struct Roster<'a> {
    _held: Held<'a>,
}

impl Drop for Roster<'_> {
    fn drop(&mut self) {
        HOLDS_ROSTER.set(false);
    }
}

/// Holds one of the arena's own locks until dropped.
#[must_use = "the lock is free again as soon as this is dropped"]
pub(crate) struct Held<'a> {
    arena: &'a Arena,
    lock: &'a RawLock,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.lock.release(self.arena);
    }
}
