//! Blocks: pages of the arena for bytes. (FORMAT.md, "Blocks".)

use interlock_wait::primitive::Ordering;

use crate::arena::{Arena, Held};
use crate::error::Error;
use crate::field::{Field32, Field64};
use crate::id::Id;
use crate::layout::{ENTRIES_AT, ORDERS, PAGE};
use crate::name::Name;
use crate::step;

/// The owner of a block. The block ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A process that writes or reads the block.
    Process(Name),
    /// An object that links to the block.
    Object(Id),
}

const IS_OBJECT: u32 = 1 << 31;

impl Owner {
    fn word(self) -> u32 {
        match self {
            Owner::Process(name) => name.word(),
            Owner::Object(id) => id.number() | IS_OBJECT,
        }
    }
}

/// A block: 1, 2, 4, … pages in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its offset from the beginning of the arena, in bytes. A multiple of the page size.
    pub offset: usize,
    /// Its length, in bytes.
    pub length: usize,
}

/// An entry: the order in the low byte, then the number of pages that were used and not given back since, and the
/// owner, 0 if the block is free.
pub(crate) const ORDER: u64 = 0xff;
const WARM_SHIFT: u32 = 8;
const MOST_WARM: u64 = (1 << 24) - 1;
const OWNER_SHIFT: u32 = 32;

/// Each time the blocks have grown by this many pages, 1 MiB, the growing process looks for processes that died
/// unnoticed: they may hold memory that it needs.
const GROWTH: u32 = (1 << 20) / PAGE as u32;

pub(crate) fn pages(order: u64) -> u32 {
    1 << order
}

fn entry_of(order: u64, warm: u32, owner: Owner) -> u64 {
    u64::from(owner.word()) << OWNER_SHIFT | free_entry_of(order, warm)
}

pub(crate) fn free_entry_of(order: u64, warm: u32) -> u64 {
    u64::from(warm).min(MOST_WARM) << WARM_SHIFT | order
}

/// Returns how many pages at the beginning of a block exist.
pub(crate) fn warm_of(entry: u64) -> u32 {
    (entry >> WARM_SHIFT & MOST_WARM) as u32
}

pub(crate) fn is_free(entry: u64) -> bool {
    entry >> OWNER_SHIFT == 0
}

impl Arena {
    /// Allocates a block of at least `bytes` bytes for `owner`. Its contents are not defined.
    ///
    /// # Errors
    /// The arena has no room for it, or this process may not have the addresses for it. Nothing has changed.
    pub fn allocate(&self, bytes: usize, owner: Owner) -> Result<Block, Error> {
        self.allocate_first(bytes, usize::MAX, owner)
            .map(|(block, _)| block)
    }

    /// Like [`allocate`](Self::allocate), for an owner that uses only the first `used` bytes. Also returns how many
    /// of these bytes are in existing pages.
    pub(crate) fn allocate_first(
        &self,
        bytes: usize,
        used: usize,
        owner: Owner,
    ) -> Result<(Block, usize), Error> {
        // Relaxed: it is only a measure of how far the arena grows.
        let top = || self.header().top.load(Ordering::Relaxed) / GROWTH;
        let before = top();
        let allocated = self.try_allocate(bytes, used, owner).or_else(|_| {
            self.sweep_all();
            self.try_allocate(bytes, used, owner)
        })?;
        if top() != before {
            self.sweep_some();
        }
        Ok(allocated)
    }

    fn try_allocate(&self, bytes: usize, used: usize, owner: Owner) -> Result<(Block, usize), Error> {
        let order = bytes.div_ceil(PAGE).max(1).next_power_of_two().trailing_zeros();
        if order as usize >= ORDERS {
            return Err(Error::Full { bytes });
        }
        let list = &self.header().free[order as usize];
        let order = u64::from(order);
        let used = u32::try_from(used.div_ceil(PAGE)).map_or(pages(order), |used| used.min(pages(order)));
        let mut warm = 0;
        self.note_use(pages(order));
        let _blocks = self.lock_blocks();
        let at_the_top = match list.get() {
            0 => self.page_at_the_top(order, entry_of(order, used, owner)),
            _ => Ok(None),
        };
        let page = match at_the_top {
            Ok(Some(page)) => page,
            Ok(None) if list.get() == 0 && !self.regroup(order) => return Err(Error::Full { bytes }),
            refused => {
                let found = refused.and_then(|_| self.free_block(list, order));
                let (before, page) = match found {
                    Err(_) if self.regroup_mapped(order) => self.free_block(list, order)?,
                    found => found?,
                };
                warm = warm_of(self.entry(page).get());
                before.set(self.link(page).get());
                step::at("block.unlinked");
                self.count_warm(|all| all.saturating_sub(warm));
                self.entry(page).set(entry_of(order, used.max(warm), owner));
                page
            }
        };
        step::at("block.allocated");
        Ok((self.block(page, order), warm as usize * PAGE))
    }

    /// Finds a block on the list, which is not empty: the first one, or, if this process may not have the addresses for
    /// it, the first one that it has mapped already. Returns the link that leads to it, and its page. The caller holds
    /// the blocks.
    fn free_block<'a>(&'a self, list: &'a Field32, order: u64) -> Result<(&'a Field32, u32), Error> {
        let first = self.block(list.get() - 1, order);
        let outcome = self.reach(first.offset, first.length);
        let mut before = list;
        while outcome.is_err() && before.get() != 0 {
            let block = self.block(before.get() - 1, order);
            if self.memory().has_mapped(block.offset, block.length) {
                return Ok((before, before.get() - 1));
            }
            before = self.link(before.get() - 1);
        }
        outcome.map(|()| (list, list.get() - 1))
    }

    /// Takes pages that no block has had, if there are so many. The caller holds the blocks.
    fn page_at_the_top(&self, order: u64, entry: u64) -> Result<Option<u32>, Error> {
        let top = &self.header().top;
        // Relaxed: it changes under the lock only.
        let page = top.load(Ordering::Relaxed);
        let end = page.checked_add(pages(order));
        let Some(end) = end.filter(|&end| end <= self.pages_of_blocks()) else {
            return Ok(None);
        };
        let block = self.block(page, order);
        self.reach(block.offset, block.length)?;
        self.entry(page).set(entry);
        step::at("block.entered");
        // Release pairs with the Acquire in `owned`: each page below the top has its entry.
        top.store(end, Ordering::Release);
        Ok(Some(page))
    }

    /// Frees a block that its owner has given up. Gives its pages back to the system, unless the family keeps them.
    pub fn free(&self, block: Block) {
        match warm_of(self.entry(self.page_of(block)).get()) {
            warm if self.keeps(warm) => self.free_with(block, warm),
            _ => self.free_cold(block),
        }
    }

    /// Returns whether the family would keep the pages of `block` if it was freed now.
    pub(crate) fn keeps_block(&self, block: Block) -> bool {
        self.keeps(warm_of(self.entry(self.page_of(block)).get()))
    }

    /// Like [`free`](Self::free). The first `warm` pages stay.
    fn free_with(&self, block: Block, warm: u32) {
        let page = self.page_of(block);
        let order = self.entry(page).get() & ORDER;
        step::at("block.given-back");
        let _blocks = self.lock_blocks();
        self.entry(page).set(free_entry_of(order, warm));
        step::at("block.freed");
        self.push(page, order, warm);
    }

    /// Puts a free block on its list. The caller holds the blocks.
    fn push(&self, page: u32, order: u64, warm: u32) {
        let header = self.header();
        let Some(list) = usize::try_from(order)
            .ok()
            .and_then(|order| header.free.get(order))
        else {
            return;
        };
        self.link(page).set(list.get());
        step::at("block.linked");
        list.set(page + 1);
        self.count_warm(|all| all + warm);
    }

    /// Takes all free blocks of this order that have pages, for `owner`.
    pub(crate) fn take_warm(&self, order: usize, owner: Owner) -> Vec<Block> {
        let mut found = Vec::new();
        let Some(list) = self.header().free.get(order) else {
            return found;
        };
        let order = order as u64;
        let _blocks = self.lock_blocks();
        let mut next = list.get();
        list.set(0);
        step::at("block.unlinked");
        while next > 0 {
            let page = next - 1;
            next = self.link(page).get();
            match warm_of(self.entry(page).get()) {
                0 => self.push(page, order, 0),
                warm => {
                    self.count_warm(|all| all.saturating_sub(warm));
                    self.entry(page).set(entry_of(order, warm, owner));
                    found.push(self.block(page, order));
                }
            }
        }
        found
    }

    /// Frees a block as [`free`](Self::free) does, and gives its pages back.
    pub(crate) fn free_cold(&self, block: Block) {
        self.memory().give_back(block.offset, block.length);
        self.free_with(block, 0);
    }

    /// Makes `block` belong to `owner`. The caller is the former owner, or acts for it.
    pub fn give(&self, block: Block, owner: Owner) {
        let entry = self.entry(self.page_of(block));
        let (order, warm) = (entry.get() & ORDER, warm_of(entry.get()));
        entry.set(entry_of(order, warm, owner));
    }

    /// Returns the block that begins at `offset`. `None` if none does, or it is free.
    pub(crate) fn block_at(&self, offset: usize) -> Option<Block> {
        let page = (offset / PAGE).checked_sub(self.blocks_at)?;
        let page = u32::try_from(page).ok()?;
        // Acquire pairs with the Release in `page_at_the_top`.
        if page >= self.header().top.load(Ordering::Acquire) || !offset.is_multiple_of(PAGE) {
            return None;
        }
        let entry = self.entry(page).get();
        (!is_free(entry)).then(|| self.block(page, entry & ORDER))
    }

    /// Frees all blocks of `owner`, which is gone. May be repeated.
    pub(crate) fn free_blocks_of(&self, owner: Owner) {
        for block in self.owned(owner) {
            self.free(block);
        }
    }

    /// Returns the blocks of `owner`.
    pub(crate) fn owned(&self, owner: Owner) -> Vec<Block> {
        let mut found = Vec::new();
        self.each_block(|page, entry| {
            if entry >> OWNER_SHIFT == u64::from(owner.word()) {
                found.push(self.block(page, entry & ORDER));
            }
        });
        found
    }

    /// Calls `see` with the first page and the entry of each block.
    pub(crate) fn each_block(&self, mut see: impl FnMut(u32, u64)) {
        // Acquire pairs with the Release in `page_at_the_top`.
        let top = self.header().top.load(Ordering::Acquire);
        let mut page = 0;
        while page < top {
            let entry = self.entry(page).seen();
            see(page, entry);
            page += pages(entry & ORDER);
        }
    }

    /// Returns how many bytes of blocks are in use. For tests, and for reports.
    pub fn used_bytes(&self) -> usize {
        let mut used = 0;
        self.each_block(|_, entry| {
            if !is_free(entry) {
                used += pages(entry & ORDER) as usize * PAGE;
            }
        });
        used
    }

    /// Changes the count of pages that were not given back. The caller holds the blocks.
    fn count_warm(&self, change: impl FnOnce(u32) -> u32) {
        let warm = &self.header().warm_pages;
        warm.set(change(warm.get()));
    }

    fn lock_blocks(&self) -> Held<'_> {
        self.hold(&self.header().blocks, || self.rebuild_lists())
    }

    /// Rebuilds the lists from the entries, after a process died while it changed one. The caller holds the blocks.
    pub(crate) fn rebuild_lists(&self) {
        let header = self.header();
        for list in &header.free {
            list.set(0);
        }
        header.warm_pages.set(0);
        self.each_block(|page, entry| {
            if is_free(entry) {
                self.push(page, entry & ORDER, warm_of(entry));
            }
        });
    }

    pub(crate) fn entry(&self, page: u32) -> &Field64 {
        self.fixed(ENTRIES_AT + page as usize * 8)
    }

    /// Returns the next free block behind this one, as page + 1.
    fn link(&self, page: u32) -> &Field32 {
        let entries = (self.memory().capacity() - ENTRIES_AT) / PAGE;
        self.fixed(ENTRIES_AT + entries * 8 + page as usize * 4)
    }

    pub(crate) fn block(&self, page: u32, order: u64) -> Block {
        Block {
            offset: (self.blocks_at + page as usize) * PAGE,
            length: pages(order) as usize * PAGE,
        }
    }

    fn page_of(&self, block: Block) -> u32 {
        u32::try_from(block.offset / PAGE - self.blocks_at).unwrap_or(u32::MAX)
    }
}
