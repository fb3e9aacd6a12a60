//! The blocks that are lent to this process. (FORMAT.md, "Loans".)

use std::collections::HashMap;

/// The most blocks that are lent to one process. Each can take two mappings, and a process can have 65,530.
const MOST_LOANS: usize = 4096;
/// One process gets at most one part in `MOST_BYTES` of the arena. Nothing is lent when less than one part in
/// `LEAST_LEFT` is left that no block has had.
const MOST_BYTES: usize = 16;
const LEAST_LEFT: usize = 4;

/// The blocks that are lent to this process, by their offsets.
#[derive(Debug, Default)]
pub(crate) struct Loans {
    lent: HashMap<usize, Lent>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Lent {
    length: usize,
    /// Whether another process may have it: this one has forked since, or had the message at a fork before. If so, its
    /// writes go to its own copies of the pages, not to the block.
    is_private: bool,
}

impl Loans {
    pub(crate) fn add(&mut self, offset: usize, length: usize, is_private: bool) {
        self.lent.insert(offset, Lent { length, is_private });
        self.bytes += length;
    }

    /// Returns whether a block of `length` bytes may be lent, in an arena of which `used` bytes of `capacity`
    /// had blocks.
    pub(crate) fn has_room_for(&self, length: usize, used: usize, capacity: usize) -> bool {
        self.lent.len() < MOST_LOANS
            && self.bytes + length <= capacity / MOST_BYTES
            && used <= capacity - capacity / LEAST_LEFT
    }

    /// Removes a block. Returns whether it was private.
    pub(crate) fn remove(&mut self, offset: usize) -> bool {
        let lent = self.lent.remove(&offset);
        self.bytes -= lent.map_or(0, |lent| lent.length);
        lent.is_some_and(|lent| lent.is_private)
    }

    /// Makes the blocks that are not private yet private, by `map`, as far as that succeeds.
    pub(crate) fn make_private(&mut self, map: impl Fn(usize, usize) -> bool) {
        for (&offset, lent) in &mut self.lent {
            lent.is_private = lent.is_private || map(offset, lent.length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_loans_leave_room_for_others_c213() {
        let mut loans = Loans::default();
        let capacity = 64 << 30;
        for i in 0..4 {
            assert!(loans.has_room_for(1 << 30, 0, capacity));
            loans.add(i << 30, 1 << 30, false);
        }
        assert!(!loans.has_room_for(1 << 30, 0, capacity));
        assert!(!loans.remove(2 << 30));
        assert!(loans.has_room_for(1 << 30, 48 << 30, capacity));
        assert!(!loans.has_room_for(4096, 49 << 30, capacity));
    }
}
