//! A block that belongs to this process, until it gives it away.

use std::ptr::NonNull;
use std::sync::Arc;

use crate::arena::Arena;
use crate::blocks::{Block, Owner};
use crate::error::Error;
use crate::id::Id;
use crate::layout::{PAGE, bytes_of_this_process};
use crate::name::Name;
use crate::step;

/// Parts of at least this many bytes are written to the file instead of the mapping, if the pages do not exist yet:
/// the kernel need not zero them first. But then this process does not have them mapped when it uses the block
/// again.
const LARGE: usize = 16 << 20;
/// Shorter parts are written to the mapping nevertheless.
const SHORT: usize = 64 << 10;

/// A block of this process. Dropping it frees the block, but only in the process that owns it: the child of a fork
/// gets a copy of this value, but not the block.
pub(crate) struct OwnBlock {
    arena: Arc<Arena>,
    block: Block,
    owner: Name,
    /// How many bytes at the beginning of the block have no pages any more.
    gone: usize,
}

impl OwnBlock {
    /// Allocates a block for `bytes` bytes. Also returns how many of them are in existing pages that this process
    /// has mapped.
    fn allocate(arena: &Arc<Arena>, bytes: usize) -> Result<(Self, usize), Error> {
        let owner = arena.me();
        if owner.is_none() {
            return Err(Error::NotReserved);
        }
        let (block, warm) = arena.allocate_first(bytes, bytes, Owner::Process(owner))?;
        let ready = match bytes {
            LARGE.. => {
                let warm = warm.min(bytes);
                arena.memory().populate(block.offset, warm);
                warm
            }
            _ => {
                if warm < bytes {
                    arena.memory().populate(block.offset + warm, bytes - warm);
                }
                bytes
            }
        };
        let arena = Arc::clone(arena);
        let gone = 0;
        Ok((
            OwnBlock {
                arena,
                block,
                owner,
                gone,
            },
            ready,
        ))
    }

    /// Allocates a block for `length` bytes, and fills it with `parts`.
    #[cold]
    pub(crate) fn filled(arena: &Arc<Arena>, parts: &[&[u8]], length: usize) -> Result<Self, Error> {
        let (block, ready) = OwnBlock::allocate(arena, length)?;
        let end = block.offset() + ready;
        let memory = arena.memory();
        let mut at = block.offset();
        for part in parts {
            let (there, new) = part.split_at(end.saturating_sub(at).min(part.len()));
            memory.write(at, there);
            at += there.len();
            match new.len() {
                SHORT.. => memory.write_new(at, new),
                _ => memory.write(at, new),
            };
            at += new.len();
        }
        step::at("queue.filled");
        Ok(block)
    }

    /// Takes `block` over from an object, for which the caller acts.
    pub(crate) fn take(arena: &Arc<Arena>, block: Block) -> Self {
        let owner = arena.me();
        arena.give(block, Owner::Process(owner));
        let arena = Arc::clone(arena);
        let gone = 0;
        OwnBlock {
            arena,
            block,
            owner,
            gone,
        }
    }

    /// Gives the block to the object, which links to it.
    pub(crate) fn give(self, object: Id) -> Block {
        let block = self.block;
        self.arena.give(block, Owner::Object(object));
        // Drops the reference to the arena, but keeps the block.
        let mut this = self;
        this.owner = Name::NONE;
        block
    }

    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    pub(crate) fn block(&self) -> Block {
        self.block
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

    /// Returns whether the family keeps the pages when the block is freed.
    pub(crate) fn is_kept(&self) -> bool {
        self.arena.keeps_block(self.block)
    }

    /// Gives the pages before `end` back to the system: their bytes are not needed any more.
    pub(crate) fn give_back_before(&mut self, end: usize) {
        let end = (end & !(PAGE - 1)).min(self.block.length);
        if end > self.gone {
            (self.arena.memory()).give_back(self.block.offset + self.gone, end - self.gone);
            self.gone = end;
        }
    }

    pub(crate) fn read_from(&self, at: usize, into: &mut [u8]) -> bool {
        self.arena.memory().read(self.block.offset + at, into)
    }
}

impl Drop for OwnBlock {
    fn drop(&mut self) {
        if !self.owner.is_none() && self.arena.me() == self.owner {
            match self.gone {
                0 => self.arena.free(self.block),
                _ => self.arena.free_cold(self.block),
            }
        }
    }
}
