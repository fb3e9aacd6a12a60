//! `Storage`: bytes that a program uses as it likes. (FORMAT.md, "Storage".)

use std::ptr::NonNull;
use std::sync::Arc;

use interlock_os::memory::Shared;
use interlock_wait::primitive::Ordering;

use crate::arena::Arena;
use crate::blocks::Owner;
use crate::cells::{PagesCell, StorageCell};
use crate::error::Error;
use crate::field::{Field32, Field64};
use crate::id::Id;
use crate::objects::Object;
use crate::step;

/// Bytes in shared memory, all zero at first. They do not move as long as any process has a handle.
#[derive(Debug)]
pub struct Storage {
    object: Object,
    offset: usize,
    length: usize,
}

impl Storage {
    /// The greatest size that fits into the object's cell; more bytes lie in a block.
    pub const IN_CELL: usize = size_of::<[u64; StorageCell::WORDS]>();

    /// Allocates `length` bytes in `arena`.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>, length: usize) -> Result<Self, Error> {
        match length <= Self::IN_CELL {
            true => Self::in_cell(arena, length),
            false => Self::in_block(arena, length),
        }
    }

    fn in_cell(arena: &Arc<Arena>, length: usize) -> Result<Self, Error> {
        let object = arena.make(|cell: &StorageCell| {
            // Relaxed: no other process has the object yet. The bytes are zero, as all of a new cell.
            cell.length.store(length as u64, Ordering::Relaxed);
        })?;
        Ok(Self::of_cell(object, length))
    }

    fn in_block(arena: &Arc<Arena>, length: usize) -> Result<Self, Error> {
        let object = arena.make(|_: &PagesCell| {})?;
        let owner = Owner::Object(object.id());
        let (block, warm) = arena.allocate_first(length, length, owner)?;
        // The other pages do not exist yet, so they are zero.
        arena.memory().clear(block.offset, warm.min(length));
        step::at("storage.allocated");
        let cell = object.cell::<PagesCell>();
        // Relaxed: no other process has the object yet.
        cell.offset.store(block.offset as u64, Ordering::Relaxed);
        // Relaxed: as above.
        cell.length.store(length as u64, Ordering::Relaxed);
        Ok(Storage {
            object,
            offset: block.offset,
            length,
        })
    }

    /// Opens the storage `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        if let Some(object) = arena.open::<StorageCell>(id) {
            // Relaxed: it does not change any more once another process has the object.
            let length = object.cell::<StorageCell>().length.load(Ordering::Relaxed);
            return Some(Self::of_cell(object, usize::try_from(length).ok()?));
        }
        let object = arena.open::<PagesCell>(id)?;
        let cell = object.cell::<PagesCell>();
        // Relaxed: as above.
        let offset = cell.offset.load(Ordering::Relaxed);
        // Relaxed: as above.
        let length = cell.length.load(Ordering::Relaxed);
        Some(Storage {
            offset: usize::try_from(offset).ok()?,
            length: usize::try_from(length).ok()?,
            object,
        })
    }

    fn of_cell(object: Object, length: usize) -> Self {
        let offset = Arena::cell_at(object.id()) + std::mem::offset_of!(StorageCell, bytes);
        Storage {
            object,
            offset,
            length,
        }
    }

    /// Returns the object that the storage is.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Returns how many bytes it has.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the first 4 bytes as a number, if there are that many. The load is atomic.
    #[inline]
    pub fn load32(&self) -> Option<u32> {
        self.first().map(Field32::get)
    }

    /// Stores the first 4 bytes atomically, if there are that many. Returns whether there are.
    #[inline]
    pub fn store32(&self, number: u32) -> bool {
        self.first().map(|field: &Field32| field.set(number)).is_some()
    }

    /// Like [`load32`](Self::load32), for 8 bytes.
    #[inline]
    pub fn load64(&self) -> Option<u64> {
        self.first().map(Field64::get)
    }

    /// Like [`store32`](Self::store32), for 8 bytes.
    #[inline]
    pub fn store64(&self, number: u64) -> bool {
        self.first().map(|field: &Field64| field.set(number)).is_some()
    }

    #[inline]
    fn first<T: Shared>(&self) -> Option<&T> {
        match size_of::<T>() <= self.length {
            true => self.object.arena().memory().at(self.offset),
            false => None,
        }
    }

    /// Returns the address of the bytes in this process, valid as long as `self` lives. The program has to order
    /// the concurrent accesses of threads and processes.
    ///
    /// # Errors
    /// This process may not have the addresses for it.
    pub fn address(&self) -> Result<NonNull<u8>, Error> {
        let address = (self.object.arena().memory()).address(self.offset, self.length);
        address.ok_or(Error::OutOfReach { bytes: self.length })
    }
}
