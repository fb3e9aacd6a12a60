//! A block that is lent to a program, which reads and writes it as its own memory. (FORMAT.md, "Loans".)

use std::fmt;
use std::mem;
use std::ptr::NonNull;
use std::sync::Arc;

use interlock_wait::fork::fork_guarded;
use interlock_wait::primitive::Ordering;

use crate::arena::Arena;
use crate::blocks::Block;
use crate::cells::LoanCell;
use crate::layout::PAGE;
use crate::message::Taken;
use crate::objects::Object;
use crate::step;

/// Lends the bytes of a message to a program, which uses them as its own memory until this is dropped.
///
/// No other process sees what the program writes there. The child of a fork has a copy, as of the parent's other
/// memory.
pub struct Loan {
    arena: Arc<Arena>,
    object: Option<Object>,
    block: Block,
    length: usize,
}

impl Loan {
    /// Lends a message.
    ///
    /// # Errors
    /// Too much is lent already, or the message is not [here](Taken::is_here). The error returns the message, to be copied.
    pub fn of(taken: Taken) -> Result<Self, Taken> {
        let arena = Arc::clone(taken.block.arena());
        let block = taken.block.block();
        if !taken.is_here() || !arena.may_lend(block) {
            return Err(taken);
        }
        // A fork between these steps would leave the child with a handle of a block that its list of loans lacks.
        fork_guarded(|| {
            let length = taken.length;
            let (object, is_private) = match taken.block.is_shared() {
                true => (of_shared(taken)?, true),
                false => (of_own(taken)?, false),
            };
            arena.loans.lock().add(block.offset, block.length, is_private);
            Ok(Loan {
                object: Some(object),
                block,
                length,
                arena: Arc::clone(&arena),
            })
        })
    }

    /// Returns the number of its bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the address of its bytes in this process, valid as long as `self` lives.
    pub fn address(&self) -> Option<NonNull<u8>> {
        self.arena.memory().address(self.block.offset, self.length)
    }
}

/// Gives the block of a message that no other process has to an object.
fn of_own(taken: Taken) -> Result<Object, Taken> {
    let Ok(object) = taken.block.arena().make(|_: &LoanCell| {}) else {
        return Err(taken);
    };
    step::at("loan.made");
    taken.block.give(object.id());
    step::at("loan.given");
    Ok(object)
}

/// Maps the block of a shared message privately, as [`Arena::make_loans_private`] does, and returns the object that it belongs to.
fn of_shared(mut taken: Taken) -> Result<Object, Taken> {
    let Block { offset, length } = taken.block.block();
    if taken.block.arena().memory().make_private(offset, length).is_err() {
        return Err(taken);
    }
    match taken.block.leave() {
        Some(object) => Ok(object),
        None => Err(taken),
    }
}

impl Drop for Loan {
    /// Gives the block up. It is free when the last process has dropped it.
    fn drop(&mut self) {
        fork_guarded(|| {
            let Block { offset, length } = self.block;
            let is_private = self.arena.loans.lock().remove(offset);
            // Before this process may use the block again, it has to map it as shared again. If that fails, it keeps
            // the block until it ends.
            if is_private && self.arena.memory().make_shared(offset, length).is_err() {
                mem::forget(self.object.take());
            }
            step::at("loan.returned");
            drop(self.object.take());
        });
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Arena {
    fn may_lend(&self, block: Block) -> bool {
        // Relaxed: it only grows, and need not be exact.
        let top = (self.blocks_at + self.header().top.load(Ordering::Relaxed) as usize) * PAGE;
        let loans = self.loans.lock();
        loans.has_room_for(block.length, top, self.memory().capacity())
    }

    /// Called before a fork: from now on, parent and child do not see what the other one writes to lent blocks.
    pub(crate) fn make_loans_private(&self) {
        // If the kernel refuses the mapping, parent and child see each other's changes.
        (self.loans.lock()).make_private(|offset, length| self.memory().make_private(offset, length).is_ok());
    }
}
