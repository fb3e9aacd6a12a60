//! The number of an object.

use crate::layout::OBJECTS;

/// The number of an object in its arena. Reused when the object is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

impl Id {
    /// Returns the number, by which another process of the family finds the object.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Returns the object with this number. `None` if no arena has that many objects.
    pub fn from_number(number: u32) -> Option<Self> {
        ((number as usize) < OBJECTS).then_some(Id(number))
    }

    /// Returns the object of bit `bit` in word `word` of a row.
    pub(crate) fn of_bit(word: usize, bit: u32) -> Self {
        Id(u32::try_from(word * 64).unwrap_or(0) + bit)
    }

    pub(crate) fn word(self) -> usize {
        self.0 as usize / 64
    }

    pub(crate) fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }
}
