//! Regroups free blocks, when the arena is full of blocks of other sizes. (FORMAT.md, "Blocks".)

use interlock_wait::primitive::Ordering;

use crate::arena::Arena;
use crate::blocks::{ORDER, free_entry_of, is_free, pages, warm_of};
use crate::layout::PAGE;
use crate::step;

impl Arena {
    /// Makes a free block of `order` out of adjacent free blocks, which may be smaller or larger. Rebuilds the
    /// lists. Returns whether there are such blocks. The caller holds the blocks.
    pub(crate) fn regroup(&self, order: u64) -> bool {
        self.use_the_rest();
        self.regroup_where(order, |_| true)
    }

    /// Does the same with the blocks that this process has mapped, if it may not map more.
    pub(crate) fn regroup_mapped(&self, order: u64) -> bool {
        self.regroup_where(order, |begin| {
            let block = self.block(begin, order);
            self.memory().has_mapped(block.offset, block.length)
        })
    }

    fn regroup_where(&self, order: u64, may_begin: impl Fn(u32) -> bool) -> bool {
        let Some((begin, end)) = self.row_of(pages(order), may_begin) else {
            return false;
        };
        self.give_back_row(begin, end);
        // From the end backwards, so that at each moment the blocks follow one another up to the end of the row.
        // Other processes look at the blocks without the lock, and a death in between only leaves blocks of other
        // sizes.
        let mut at = end;
        let rest = begin + pages(order);
        while at > rest {
            let piece = u64::from((at - rest).ilog2());
            at -= pages(piece);
            self.entry(at).publish(free_entry_of(piece, 0));
            step::at("regroup.piece");
        }
        self.entry(begin).publish(free_entry_of(order, 0));
        step::at("regroup.done");
        self.rebuild_lists();
        true
    }

    /// Makes free blocks out of the pages that no block has had.
    fn use_the_rest(&self) {
        let top = &self.header().top;
        // Relaxed: it changes under the lock only.
        let mut at = top.load(Ordering::Relaxed);
        let end = self.pages_of_blocks();
        while at < end {
            let order = u64::from((end - at).ilog2());
            self.entry(at).publish(free_entry_of(order, 0));
            at += pages(order);
        }
        // Release pairs with the Acquire in `each_block`.
        top.store(end, Ordering::Release);
        step::at("regroup.topped");
    }

    /// Returns the first row of adjacent free blocks with `count` pages that may begin there.
    fn row_of(&self, count: u32, may_begin: impl Fn(u32) -> bool) -> Option<(u32, u32)> {
        let (mut begin, mut found) = (0, None);
        self.each_block(|page, entry| {
            let end = page + pages(entry & ORDER);
            match is_free(entry) {
                true if end - begin >= count && may_begin(begin) => {
                    found.get_or_insert((begin, end));
                }
                true => {}
                false => begin = end,
            }
        });
        found
    }

    /// Gives the pages of a row of free blocks back to the system.
    fn give_back_row(&self, begin: u32, end: u32) {
        let mut at = begin;
        while at < end {
            let entry = self.entry(at).get();
            let block = self.block(at, entry & ORDER);
            if warm_of(entry) > 0 {
                self.memory().give_back(block.offset, block.length);
            }
            at += pages(entry & ORDER);
        }
    }

    /// Returns how many pages the part of the blocks has.
    pub(crate) fn pages_of_blocks(&self) -> u32 {
        u32::try_from(self.memory().capacity() / PAGE - self.blocks_at).unwrap_or(u32::MAX)
    }
}
