//! A block that belongs to this process, until it gives it away.

use std::ptr::NonNull;
use std::sync::Arc;

use interlock_wait::fork::fork_guarded;

use crate::arena::Arena;
use crate::blocks::{Block, Owner};
use crate::cells::LoanCell;
use crate::error::Error;
use crate::id::Id;
use crate::layout::{PAGE, bytes_of_this_process};
use crate::name::Name;
use crate::objects::Object;
use crate::step;

/// Parts of at least this many bytes are written to the file instead of the mapping, if the pages do not exist yet:
/// the kernel need not zero them first. But then this process does not have them mapped when it uses the block
/// again.
const LARGE: usize = 16 << 20;
/// Shorter parts are written to the mapping nevertheless.
const SHORT: usize = 64 << 10;

/// A block of this process. Dropping it frees the block, but only in the process that owns it: the child of a fork
/// gets a copy of this value, but not the block, unless the block is kept: then both have it from the fork on.
pub(crate) struct OwnBlock {
    arena: Arc<Arena>,
    block: Block,
    owner: Name,
    /// How many bytes at the beginning of the block have no pages any more.
    gone: usize,
    /// Whether it is in the arena's list of kept messages.
    is_kept: bool,
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
                is_kept: false,
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
            is_kept: false,
        }
    }

    /// Returns the block if it belongs to this process alone.
    ///
    /// # Errors
    /// It belongs to the process that forked this one, since a thread has forked with a message on its way.
    pub(crate) fn own(self) -> Result<Self, Error> {
        match self.is_own() {
            true => Ok(self),
            false => Err(Error::OfParent),
        }
    }

    fn is_own(&self) -> bool {
        !self.owner.is_none() && self.arena.me() == self.owner
    }

    /// Gives the block to the object, which links to it. The block belongs to this process alone.
    pub(crate) fn give(mut self, object: Id) {
        debug_assert!(self.is_own() && !self.is_shared());
        fork_guarded(|| {
            self.leave();
            self.arena.give(self.block, Owner::Object(object));
        });
        // Drops the reference to the arena, but keeps the block.
        self.owner = Name::NONE;
    }

    /// From now on a fork shares the block with the child.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
        fork_guarded(|| (self.arena.kept.lock()).add(self.block.offset, self.block.length, self.owner));
    }

    /// Returns the object that the block belongs to since a fork, if this process has a handle of it.
    fn shared(&self) -> Option<Id> {
        let is_listed = self.is_kept && !self.arena.me().is_none();
        is_listed.then(|| fork_guarded(|| self.arena.kept.lock().object(self.block.offset, self.owner)))?
    }

    /// Returns whether other processes may have the block, too.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared().is_some()
    }

    /// Returns whether the block is there for this process.
    pub(crate) fn is_here(&self) -> bool {
        self.is_own() || self.is_shared()
    }

    /// Ends the keeping. If the block is shared, returns its object, and this is no longer a block.
    pub(crate) fn leave(&mut self) -> Option<Object> {
        if !std::mem::take(&mut self.is_kept) {
            return None;
        }
        let (offset, owner) = (self.block.offset, self.owner);
        let object = fork_guarded(|| self.arena.kept.lock().remove(offset, owner))?;
        self.owner = Name::NONE;
        Some(self.arena.handle_of(object))
    }

    /// Ends the keeping, unless the block is shared. Returns whether it is this process's alone now.
    pub(crate) fn leave_if_own(&mut self) -> bool {
        fork_guarded(|| self.is_own() && !self.is_shared() && self.leave().is_none())
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
        drop(self.leave());
        if self.is_own() {
            match self.gone {
                0 => self.arena.free(self.block),
                _ => self.arena.free_cold(self.block),
            }
        }
    }
}

impl Arena {
    /// Called before a fork, before the child gets its handles: gives the blocks of kept messages to objects, of which the child
    /// gets handles, too.
    pub(crate) fn share_kept(&self) {
        // If there is no room for an object, the child does not have the message.
        self.kept.lock().share(|offset, length| {
            let object = self.make_before_fork::<LoanCell>()?;
            step::at("loan.made");
            self.give(Block { offset, length }, Owner::Object(object));
            step::at("loan.given");
            Some(object)
        });
    }

    /// Called in the child of a fork: it does not have the messages that could not be shared.
    pub(crate) fn forget_unshared(&self) {
        self.kept.lock().forget_unshared();
    }
}
