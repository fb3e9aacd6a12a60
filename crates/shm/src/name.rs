//! The name of a process of the family: a slot of the roster, and the generation of its use.

use std::fmt;

const SLOT_BITS: u32 = 12;
const GENERATION_BITS: u32 = 18;

/// A process of the family. A process's id can be reused; this name is not, until its slot has been used 262,144 times more.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name(u32);

impl Name {
    /// No process.
    pub const NONE: Name = Name(0);
    /// The bits of a word that hold a name. The others are free for flags.
    pub const BITS: u32 = (1 << (SLOT_BITS + GENERATION_BITS)) - 1;
    /// The number of slots. The first has no name, so that no name is 0.
    pub const SLOTS: u32 = 1 << SLOT_BITS;

    pub(crate) fn new(slot: u32, generation: u32) -> Self {
        Name((generation << SLOT_BITS | slot & (Self::SLOTS - 1)) & Self::BITS)
    }

    /// Returns the name in a word, without the flags.
    #[inline]
    pub fn of_word(word: u32) -> Self {
        Name(word & Self::BITS)
    }

    /// Returns the name as a word without flags.
    #[inline]
    pub fn word(self) -> u32 {
        self.0
    }

    /// Returns whether this is no process.
    #[inline]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(crate) fn slot(self) -> u32 {
        self.0 & (Self::SLOTS - 1)
    }

    #[inline]
    pub(crate) fn generation(self) -> u32 {
        self.0 >> SLOT_BITS
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({}.{})", self.slot(), self.generation())
    }
}
