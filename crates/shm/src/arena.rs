//! The arena: the memory that a family of processes shares, as one process sees it.

use std::sync::Arc;

use interlock_os::life::LifeWord;
use interlock_os::memory::SharedMemory;
use interlock_os::process;
use interlock_wait::primitive::global::AtomicU32 as OwnWord;
use interlock_wait::primitive::{AtomicU64, Ordering};
use interlock_wait::{WaitContext, WordLock};

use crate::error::Error;
use crate::fork;
use crate::handles::Handles;
use crate::layout::{
    CELL, CELLS_AT, ENTRIES_AT, EXISTS_AT, HELD_AT, Header, LARGEST, MAGIC, PAGE, ROW_WORDS, SLOTS_AT,
    SMALLEST, Slot, Word64,
};
use crate::name::Name;
use crate::objects::Id;
use crate::raw_lock::{Acquired, RawLock};

/// The memory that a family of processes shares. One file, and one mapping, for all objects of the family.
#[derive(Debug)]
pub struct Arena {
    memory: SharedMemory,
    inode: u64,
    /// This process's name. A fork changes it.
    me: OwnWord,
    pub(crate) handles: WordLock<Handles>,
    /// The page at which the part of the blocks begins.
    pub(crate) blocks_at: usize,
}

impl Arena {
    /// A new arena, whose first process is the calling one.
    ///
    /// # Errors
    /// The kernel refuses shared memory, or this process has no room for it.
    pub fn create() -> Result<Arc<Self>, Error> {
        let mut capacity = LARGEST;
        let memory = loop {
            match SharedMemory::create("interlock", capacity) {
                Ok(memory) => break memory,
                Err(_) if capacity > SMALLEST => capacity /= 2,
                Err(error) => return Err(error.into()),
            }
        };
        let arena = Self::over(memory)?;
        let header = arena.header();
        // Relaxed, these: no other process has the arena yet.
        header.capacity.store(capacity as u64, Ordering::Relaxed);
        // Relaxed: as above.
        header.slots_used.store(1, Ordering::Relaxed);
        // Relaxed: as above.
        header.magic.store(MAGIC, Ordering::Relaxed);
        // The roster is locked in the name that this process is about to have.
        let first = Name::new(1, 0);
        arena.set_me(first);
        let name = arena.reserve(false)?;
        debug_assert_eq!(name, first);
        arena.take_slot(name)?;
        Ok(fork::register(arena))
    }

    /// The arena behind descriptor `number`, in which the slot of `name` is kept for the calling process. The caller keeps the
    /// descriptor. If the process has this arena already, that is the result, and `name` is not looked at.
    ///
    /// # Errors
    /// The descriptor is no arena of this version, there is no room for it, or the slot is not kept any more.
    pub fn adopt(number: i32, name: Name) -> Result<Arc<Self>, Error> {
        let memory = SharedMemory::adopt(number)?;
        let inode = memory.inode()?;
        if let Some(known) = fork::find(|arena| arena.inode == inode) {
            return Ok(known);
        }
        if memory.capacity() < SMALLEST {
            return Err(Error::NotAnArena);
        }
        let arena = Self::over(memory)?;
        // Relaxed: the process that started this one wrote it before.
        if arena.header().magic.load(Ordering::Relaxed) != MAGIC {
            return Err(Error::NotAnArena);
        }
        arena.take_slot(name)?;
        Ok(fork::register(arena))
    }

    fn over(memory: SharedMemory) -> Result<Self, Error> {
        let pages = (memory.capacity() - ENTRIES_AT) / PAGE;
        // For each page an entry of eight bytes and a link of four.
        let tables = (pages * 12).next_multiple_of(PAGE);
        Ok(Arena {
            inode: memory.inode()?,
            blocks_at: (ENTRIES_AT + tables) / PAGE,
            memory,
            me: OwnWord::new(0),
            handles: WordLock::new(Handles::default()),
        })
    }

    /// The memory itself.
    pub(crate) fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// The number of its file, which is the same in all processes.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// The number of the arena's descriptor, which a child process needs for [`adopt`](Self::adopt).
    pub fn descriptor(&self) -> i32 {
        self.memory.descriptor()
    }

    /// This process's name.
    #[inline]
    pub fn me(&self) -> Name {
        // Relaxed: it changes when this process has one thread.
        Name::of_word(self.me.load(Ordering::Relaxed))
    }

    pub(crate) fn set_me(&self, name: Name) {
        // Relaxed: as above.
        self.me.store(name.word(), Ordering::Relaxed);
    }

    /// Holds the life word of `slot`, which is the caller's own, by the calling thread.
    #[expect(unsafe_code, reason = "a life word is begun by one thread at a time")]
    pub(crate) fn begin_life(&self, slot: &Slot) -> Result<(), Error> {
        // SAFETY: the slot is kept for this process, no thread of which has begun its life.
        unsafe { slot.life.begin() }?;
        // Relaxed: whoever looks at it has seen the phase, or the life word, that follow.
        slot.holder.store(process::thread_id(), Ordering::Relaxed);
        debug_assert_eq!(
            slot.life.word().load(Ordering::Relaxed) & LifeWord::HOLDER,
            process::thread_id()
        );
        Ok(())
    }

    pub(crate) fn header(&self) -> &Header {
        self.fixed(0)
    }

    pub(crate) fn slot(&self, index: u32) -> &Slot {
        self.fixed(SLOTS_AT + index as usize * size_of::<Slot>())
    }

    /// The bits for the objects of which the process of slot `index` has handles.
    pub(crate) fn row(&self, index: u32, word: usize) -> &AtomicU64 {
        let place: &Word64 = self.fixed(HELD_AT + (index as usize * ROW_WORDS + word) * 8);
        &place.0
    }

    /// The bits for the objects that exist.
    pub(crate) fn exists(&self, word: usize) -> &AtomicU64 {
        let place: &Word64 = self.fixed(EXISTS_AT + word * 8);
        &place.0
    }

    /// Where the object's cell is.
    pub(crate) fn cell_at(id: Id) -> usize {
        CELLS_AT + id.number() as usize * CELL
    }

    /// What lies in the fixed part.
    #[inline]
    pub(crate) fn fixed<T: interlock_os::memory::Shared>(&self, offset: usize) -> &T {
        let place = self.memory.at(offset);
        // The fixed part ends before the smallest arena does, and its records are aligned: see `layout.rs`.
        place.unwrap_or_else(|| unreachable!("a record of the fixed part lies outside of the arena"))
    }

    /// Holds one of the arena's own locks for a few instructions. `repair` runs first if the last owner died while it held it.
    pub(crate) fn hold<'a>(&'a self, lock: &'a RawLock, repair: impl FnOnce()) -> Held<'a> {
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

    /// Holds the lock of births and deaths. All changes under it can be left half done: FORMAT.md says why.
    pub(crate) fn lock_roster(&self) -> Held<'_> {
        self.hold(&self.header().roster, || {})
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
