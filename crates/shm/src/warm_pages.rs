//! Decides how many pages of free blocks the family keeps. (FORMAT.md, "Blocks": "Warm pages".)

use std::sync::OnceLock;

use interlock_os::clock::{NANOS_PER_SECOND, monotonic_nanos};
use interlock_os::pages::size_of_machine;

use crate::arena::Arena;
use crate::blocks::Owner;
use crate::layout::{ORDERS, PAGE};
use crate::log_writer::LARGEST_SEGMENT;

/// How many pages are kept for ever: 64 MiB.
const ALWAYS: u32 = (64 << 20) / PAGE as u32;
/// How many bytes are kept while the family uses large blocks: 512 MiB, or one part in `PART_OF_MACHINE` of the
/// machine's memory if that is less.
const WHILE_USED: usize = 512 << 20;
const PART_OF_MACHINE: usize = 16;
/// A block of at least this many pages, 1 MiB, is large.
const LARGE: u32 = (1 << 20) / PAGE as u32;
/// For how many seconds after the allocation of a large block large blocks count as used. Otherwise, programs that
/// compute for a while between two large messages would wait for the kernel, which takes three times as long as the
/// copy.
const IN_USE: u32 = 10;
/// The pages of the largest segment of a queue, and for how many seconds blocks of at least that size count as
/// large blocks in use: a growing queue allocates one after the other. When it has been drained, its memory goes
/// back soon.
const SEGMENT: u32 = (LARGEST_SEGMENT / PAGE) as u32;
const SEGMENT_IN_USE: u32 = 2;

impl Arena {
    /// Called when a block of `pages` pages is about to be allocated.
    #[inline]
    pub(crate) fn note_use(&self, pages: u32) {
        let seconds_in_use = match pages {
            LARGE.. => IN_USE,
            SEGMENT.. => SEGMENT_IN_USE,
            _ => return,
        };
        let used_until = &self.header().used_until;
        used_until.set(used_until.get().max(seconds() + seconds_in_use));
    }

    /// Returns whether a block that is freed keeps its `warm` pages.
    #[inline]
    pub(crate) fn keeps(&self, warm: u32) -> bool {
        let all = self.header().warm_pages.get().saturating_add(warm);
        all <= ALWAYS || all <= most_while_used() && self.uses_large_blocks()
    }

    fn uses_large_blocks(&self) -> bool {
        seconds() <= self.header().used_until.get()
    }

    /// Gives back the pages that were kept while the family used large blocks, if it does not use them any more. A
    /// thread that waits for a message does this once a second.
    #[inline]
    pub fn trim(&self) {
        if self.header().warm_pages.get() > ALWAYS {
            self.give_warm_back();
        }
    }

    #[cold]
    fn give_warm_back(&self) {
        if self.me().is_none() || self.uses_large_blocks() {
            return;
        }
        for order in (0..ORDERS).rev() {
            if self.header().warm_pages.get() <= ALWAYS {
                return;
            }
            for block in self.take_warm(order, Owner::Process(self.me())) {
                self.free_cold(block);
            }
        }
    }

    /// Returns how many bytes of free blocks the family keeps. For tests, and for reports.
    pub fn kept_bytes(&self) -> usize {
        self.header().warm_pages.get() as usize * PAGE
    }
}

fn seconds() -> u32 {
    (monotonic_nanos() / NANOS_PER_SECOND) as u32
}

#[cold]
fn most_while_used() -> u32 {
    static MOST: OnceLock<u32> = OnceLock::new();
    *MOST.get_or_init(|| {
        let most = WHILE_USED.min(size_of_machine() / PART_OF_MACHINE);
        u32::try_from(most / PAGE).unwrap_or(ALWAYS)
    })
}
