//! A block that this process has, until it gives it away.

use std::ptr::NonNull;
use std::sync::Arc;

use crate::arena::Arena;
use crate::blocks::{Block, Owner};
use crate::error::Error;
use crate::id::Id;
use crate::layout::bytes_of_this_process;
use crate::name::Name;
use crate::step;

/// So many bytes are written as new ones: the pages of such a block have been given back, as a rule.
const NEW: usize = 16 << 20;

/// A block of this process. Free when dropped, by the process that has it: the child of a fork has a copy of this, but not the block.
pub(crate) struct OwnBlock {
    arena: Arc<Arena>,
    block: Block,
    owner: Name,
}

impl OwnBlock {
    /// A new block for `bytes` bytes, whose pages exist.
    fn allocate(arena: &Arc<Arena>, bytes: usize) -> Result<Self, Error> {
        let owner = arena.me();
        if owner.is_none() {
            return Err(Error::NotReserved);
        }
        let (block, warm) = arena.allocate_first(bytes, bytes, Owner::Process(owner))?;
        if warm < bytes {
            arena.memory().populate(block.offset + warm, bytes - warm);
        }
        let arena = Arc::clone(arena);
        Ok(OwnBlock { arena, block, owner })
    }

    /// A block of this process with `length` bytes, which are `parts`.
    #[cold]
    pub(crate) fn filled(arena: &Arc<Arena>, parts: &[&[u8]], length: usize) -> Result<Self, Error> {
        let block = OwnBlock::allocate(arena, length)?;
        let mut at = block.offset();
        for part in parts {
            match part.len() {
                NEW.. => arena.memory().write_new(at, part),
                _ => arena.memory().write(at, part),
            };
            at += part.len();
        }
        step::at("queue.filled");
        Ok(block)
    }

    /// This process takes `block` over from an object, for which the caller speaks.
    pub(crate) fn take(arena: &Arc<Arena>, block: Block) -> Self {
        let owner = arena.me();
        arena.give(block, Owner::Process(owner));
        let arena = Arc::clone(arena);
        OwnBlock { arena, block, owner }
    }

    /// The block is the object's from now on, which links it.
    pub(crate) fn give(self, object: Id) -> Block {
        let block = self.block;
        self.arena.give(block, Owner::Object(object));
        // The arena's count goes down; the block stays.
        let mut this = self;
        this.owner = Name::NONE;
        block
    }

    pub(crate) fn offset(&self) -> usize {
        self.block.offset
    }

    pub(crate) fn address(&self, length: usize) -> Option<NonNull<u8>> {
        self.arena.memory().address(self.block.offset, length)
    }

    /// Calls `look` with the first `length` bytes of the block, or with none if it is shorter.
    pub(crate) fn with_bytes<R>(&self, length: usize, look: impl FnOnce(&[u8]) -> R) -> R {
        let length = if length <= self.block.length { length } else { 0 };
        look(bytes_of_this_process(
            self.arena.memory(),
            self.block.offset,
            length,
        ))
    }

    pub(crate) fn read_from(&self, at: usize, into: &mut [u8]) -> bool {
        self.arena.memory().read(self.block.offset + at, into)
    }
}

impl Drop for OwnBlock {
    fn drop(&mut self) {
        if !self.owner.is_none() && self.arena.me() == self.owner {
            self.arena.free(self.block);
        }
    }
}
