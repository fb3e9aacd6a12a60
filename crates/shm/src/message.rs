//! A message on its way out of shared memory.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::arena::Arena;
use crate::error::Error;
use crate::log::LARGE;
use crate::own_block::OwnBlock;

/// How many bytes of a large message are copied between two calls that give pages back.
const PIECE: usize = 32 << 20;

/// A message that a process is getting. Its bytes are still in shared memory.
pub struct Message<'a> {
    arena: &'a Arena,
    offset: usize,
    length: usize,
    block: Option<OwnBlock>,
}

impl<'a> Message<'a> {
    /// Makes the message for bytes between others.
    pub(crate) fn between(arena: &'a Arena, offset: usize, length: usize) -> Self {
        Message {
            arena,
            offset,
            length,
            block: None,
        }
    }

    /// Makes the message for a block of this process.
    pub(crate) fn in_block(arena: &'a Arena, block: OwnBlock, length: usize) -> Self {
        Message {
            arena,
            offset: block.offset(),
            length,
            block: Some(block),
        }
    }

    /// Returns the number of its bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Fills `into` with its first bytes. If it has fewer, copies none, and returns `false`.
    #[inline]
    pub fn read(&self, into: &mut [u8]) -> bool {
        self.read_from(0, into)
    }

    /// Like [`read`](Self::read), for the bytes from `at` on.
    #[inline]
    pub fn read_from(&self, at: usize, into: &mut [u8]) -> bool {
        at <= self.length
            && into.len() <= self.length - at
            && self.arena.memory().read(self.offset + at, into)
    }

    /// Returns its last bytes. `None` if it has fewer.
    pub fn last<const N: usize>(&self) -> Option<[u8; N]> {
        let mut last = [0; N];
        let at = self.length.checked_sub(N)?;
        self.read_from(at, &mut last).then_some(last)
    }

    /// Removes its last `number` bytes, unless it has fewer.
    #[must_use]
    pub fn without_last(mut self, number: usize) -> Self {
        self.length = self.length.checked_sub(number).unwrap_or(self.length);
        self
    }

    /// Returns a copy of its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        self.read(&mut bytes);
        bytes
    }

    /// Keeps the bytes of a large message where they are.
    ///
    /// # Errors
    /// The message lies between others. The error returns it, to be copied.
    pub fn keep(mut self) -> Result<Taken, Self> {
        let length = self.length;
        match self.block.take() {
            Some(mut block) => {
                block.keep();
                Ok(Taken { block, length })
            }
            None => Err(self),
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// A large message that this process has got, or is going to put. It stays in shared memory until this is dropped.
/// The child of a fork has a message that its parent had got, but not one that the parent was going to put.
pub struct Taken {
    pub(crate) block: OwnBlock,
    pub(crate) length: usize,
}

impl Taken {
    /// Messages of at least this many bytes lie in a block of their own, and can be made beforehand.
    pub const LEAST: usize = LARGE;

    /// Makes a large message that consists of `parts`, and that is not put yet.
    ///
    /// # Errors
    /// The arena is full.
    pub fn filled(arena: &Arc<Arena>, parts: &[&[u8]]) -> Result<Self, Error> {
        let length = parts.iter().map(|part| part.len()).sum();
        let block = OwnBlock::filled(arena, parts, length)?;
        Ok(Taken { block, length })
    }

    /// Returns the number of its bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns whether its bytes are there: `false` in the child of a fork that does not have it. It seems to have no bytes then.
    pub fn is_here(&self) -> bool {
        self.block.is_here()
    }

    /// Returns the address of its bytes in this process, valid as long as `self` lives. No process writes to them.
    pub fn address(&self) -> Option<NonNull<u8>> {
        let address = self.block.address(self.length);
        address.filter(|_| self.is_here())
    }

    /// Calls `look` with its bytes, where they are. `look` must not fork.
    pub fn with_bytes<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        match self.is_here() {
            true => self.block.with_bytes(self.length, look),
            false => look(&[]),
        }
    }

    /// Returns the block, for a queue: a copy if other processes have the message, too.
    pub(crate) fn into_block(mut self) -> Result<OwnBlock, Error> {
        match self.block.leave_if_own() {
            true => Ok(self.block),
            false if self.is_here() => {
                self.with_bytes(|bytes| OwnBlock::filled(self.block.arena(), &[bytes], self.length))
            }
            false => Err(Error::OfParent),
        }
    }

    /// Like [`Message::read`].
    pub fn read(&self, into: &mut [u8]) -> bool {
        self.read_from(0, into)
    }

    /// Returns whether the family keeps its pages when this is dropped.
    pub fn pages_stay(&self) -> bool {
        self.block.is_kept()
    }

    /// Calls `copy` with its bytes, piece by piece, and with the offset of each piece.
    ///
    /// The pages of a message that the family would not keep go back to the system piece by piece, which can then
    /// use the same memory for the rest of the copy.
    pub fn move_out(mut self, copy: impl FnMut(usize, &[u8])) {
        let piece = match self.pages_stay() || !self.block.leave_if_own() {
            true => usize::MAX,
            false => PIECE,
        };
        self.move_in_pieces(piece, copy);
    }

    fn move_in_pieces(mut self, piece: usize, mut copy: impl FnMut(usize, &[u8])) {
        let mut at = 0;
        while at < self.length {
            let end = self.length.min(at.saturating_add(piece));
            (self.block).with_bytes(end, |bytes| copy(at, bytes.get(at..).unwrap_or_default()));
            at = end;
            if end < self.length {
                self.block.give_back_before(end);
            }
        }
    }

    /// Like [`Message::read_from`].
    pub fn read_from(&self, at: usize, into: &mut [u8]) -> bool {
        at <= self.length
            && into.len() <= self.length - at
            && self.is_here()
            && self.block.read_from(at, into)
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::PAGE;

    #[test]
    fn a_message_that_is_moved_in_pieces_leaves_no_pages_c315() {
        let arena = Arena::create().expect("there is memory");
        let bytes: Vec<u8> = (0..20 * PAGE).map(|at| (at % 251) as u8).collect();
        for piece in [3 * PAGE, 5 * PAGE + 7, usize::MAX] {
            let taken = Taken::filled(&arena, &[&bytes]).expect("there is room");
            let (kept, mut copy) = (arena.kept_bytes(), Vec::new());
            taken.move_in_pieces(piece, |at, bytes| {
                assert_eq!(at, copy.len());
                copy.extend_from_slice(bytes);
            });
            assert_eq!(copy, bytes, "pieces of {piece}");
            assert_eq!(
                arena.kept_bytes() > kept,
                piece == usize::MAX,
                "pieces of {piece}"
            );
        }
    }
}
