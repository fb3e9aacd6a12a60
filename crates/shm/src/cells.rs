//! The cells of objects: what each kind keeps in its 128 bytes (FORMAT.md).

use interlock_os::memory::Shared;
use interlock_wait::primitive::AtomicU32;

use crate::field::Field32;
use crate::raw_lock::RawLock;

/// What an object is. The first word of its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(u32);

/// Set in the word of a kind whose objects may own blocks.
pub(crate) const OWNS_BLOCKS: u32 = 1 << 31;

impl Kind {
    pub(crate) const fn without_blocks(number: u32) -> Self {
        Kind(number)
    }

    pub(crate) const fn with_blocks(number: u32) -> Self {
        Kind(number | OWNS_BLOCKS)
    }

    pub(crate) fn word(self) -> u32 {
        self.0
    }
}

/// The cell of a kind of objects: 128 bytes at most, the first word of which is the kind.
///
/// A new object's cell is all zeros, but for the kind.
pub(crate) trait Cell: Shared {
    /// Tells the object from others.
    const KIND: Kind;
}

/// `Lock`.
#[repr(C)]
pub(crate) struct LockCell {
    kind: Field32,
    pub(crate) word: RawLock,
    /// 0, or 1 if the lock is to be refused after the death of an owner. Never changes.
    pub(crate) refuses: Field32,
    /// The owner that died, while the lock is refused. Changed by the owner of `word`, and by `recover()`.
    pub(crate) refused: AtomicU32,
}

impl Cell for LockCell {
    const KIND: Kind = Kind::without_blocks(1);
}
