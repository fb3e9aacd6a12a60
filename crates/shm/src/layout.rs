//! The layout of the arena (FORMAT.md, "Places"): all offsets, and the records of the fixed part.

#![expect(
    unsafe_code,
    reason = "says of each record that processes may share it; begins lives"
)]

use std::io;
use std::mem::size_of;

use interlock_os::life::LifeWord;
use interlock_os::memory::{Shared, SharedMemory};
use interlock_os::process;
use interlock_wait::primitive::{AtomicU32, AtomicU64};

use crate::cells::{
    BarrierCell, ChannelCell, ConditionCell, EndCell, EventCell, LifoCell, LoanCell, LockCell, PagesCell,
    PriorityCell, QueueCell, RLockCell, SemaphoreCell, StorageCell,
};
use crate::field::{Field32, Field64};
use crate::name::Name;
use crate::raw_lock::RawLock;

/// Identifies an arena, and its version.
pub(crate) const MAGIC: u64 = u64::from_le_bytes([b'i', b'l', b'o', b'c', b'k', 0, 0, VERSION]);
/// The version of the format. All processes of a family use the same version.
const VERSION: u8 = 1;

pub(crate) const PAGE: usize = 4096;

/// One slot for each process of the family.
pub(crate) const SLOTS_AT: usize = PAGE;
pub(crate) const SLOTS: usize = Name::SLOTS as usize;

/// For each slot, one bit for each object: whether the process of the slot has a handle of it.
pub(crate) const HELD_AT: usize = SLOTS_AT + SLOTS * size_of::<Slot>();
/// The words of 64 bits of such a row.
pub(crate) const ROW_WORDS: usize = OBJECTS / 64;

/// One bit for each object: whether it exists.
pub(crate) const EXISTS_AT: usize = HELD_AT + SLOTS * ROW_WORDS * 8;

/// The objects themselves, a cell for each.
pub(crate) const CELLS_AT: usize = EXISTS_AT + ROW_WORDS * 8;
pub(crate) const CELL: usize = 128;
/// How many objects an arena can have.
pub(crate) const OBJECTS: usize = 1 << 17;

/// For each page of the blocks, the entry of the block that begins there.
pub(crate) const ENTRIES_AT: usize = CELLS_AT + OBJECTS * CELL;

/// The smallest and the largest arena, in bytes. Pages that were never written to take no memory, and a process maps
/// only what it uses: but for the records of the fixed part, and the entries and links of all pages, which take 208 MiB
/// in the largest arena. If this process's limits don't allow that, the arena is smaller.
pub(crate) const SMALLEST: usize = 1 << 28;
pub(crate) const LARGEST: usize = 1 << 35;

/// How many bytes of blocks a process maps from the beginning.
const FIRST_BLOCKS: usize = 16 << 20;

/// Returns at which page the blocks begin, in an arena of `capacity` bytes.
pub(crate) fn blocks_at(capacity: usize) -> usize {
    let pages = capacity.saturating_sub(ENTRIES_AT) / PAGE;
    // Each page has an entry of eight bytes and a link of four.
    let tables = (pages * 12).next_multiple_of(PAGE);
    (ENTRIES_AT + tables) / PAGE
}

/// Returns how much of an arena of `capacity` bytes a process maps from the beginning: everything before the blocks,
/// which is used without a look whether it is there, and the first blocks.
pub(crate) fn first_part(capacity: usize) -> usize {
    blocks_at(capacity) * PAGE + FIRST_BLOCKS
}

/// The first record of the arena.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: Field64,
    pub(crate) capacity: Field64,
    /// Guards the births of processes, and the births and deaths of objects.
    pub(crate) roster: RawLock,
    /// No slot from this one on was ever used.
    pub(crate) slots_used: Field32,
    /// Where to look first for a free slot: after the last one that was taken, so that names are reused late.
    pub(crate) next_slot: Field32,
    /// Where to look next for the slots of dead processes.
    pub(crate) next_swept: Field32,
    /// How many processes have been born into the family, not counting the first.
    pub(crate) births: Field32,
    /// How many processes have taken their slots. Threads that watch all sharers of an object sleep on this word,
    /// too.
    pub(crate) joined: AtomicU32,
    /// No object from this one on ever existed.
    pub(crate) objects_used: Field32,
    /// Where to look first for a free cell.
    pub(crate) next_object: Field32,
    /// Guards the lists of free blocks.
    pub(crate) blocks: RawLock,
    /// The first page that no block has had yet.
    pub(crate) top: AtomicU32,
    /// How many pages of free blocks were not given back to the system.
    pub(crate) warm_pages: Field32,
    /// The second of the clock until which large blocks count as used.
    pub(crate) used_until: Field32,
    /// The first free block of each order, as page + 1; 0 if there is none.
    pub(crate) free: [Field32; ORDERS],
}

/// Blocks have 1, 2, 4, … pages: this many sizes.
pub(crate) const ORDERS: usize = 25;

/// A process of the family.
#[repr(C, align(4096))]
pub(crate) struct Slot {
    /// The word by which the kernel reports the death of the process.
    pub(crate) life: LifeWord,
    /// The generation of the slot's use, and its [`State`](crate::roster::State).
    pub(crate) phase: AtomicU32,
    pub(crate) pid: AtomicU32,
    pub(crate) start_time: Field64,
    /// The kernel's id of the thread that holds the life word.
    pub(crate) holder: Field32,
    /// The number of the arena's descriptor in that process.
    pub(crate) file: Field32,
    /// Held by the process that sweeps the slot.
    pub(crate) sweeper: RawLock,
    /// The process that reserved the slot for this one.
    pub(crate) parent: AtomicU32,
    /// The process's name for messages, in UTF-8, filled up with zeros.
    pub(crate) label: [Field64; LABEL_WORDS],
    /// How the processes of this generation and of the one before ended, by the generation's lowest bit.
    pub(crate) ends: [End; 2],
    /// The claims of the process: see `claims.rs`.
    pub(crate) claims: [AtomicU64; CLAIMS],
    /// The process has never taken a node from this one on. As a rule, the pages of these nodes do not exist.
    pub(crate) nodes_used: AtomicU32,
    /// The process's threads that stand in lines: see `line.rs`.
    pub(crate) nodes: [Node; NODES],
}

pub(crate) const LABEL_WORDS: usize = 6;
pub(crate) const CLAIMS: usize = 128;
pub(crate) const NODES: usize = 400;

/// How a process ended.
#[repr(C)]
pub(crate) struct End {
    /// The process's name, 0 as long as it has not ended.
    pub(crate) name: AtomicU32,
    pub(crate) pid: Field32,
    /// 0 if it is not known; otherwise 1 and the kernel's wait status.
    pub(crate) status: Field64,
    pub(crate) label: [Field64; LABEL_WORDS],
}

/// One thread that stands in a line.
#[repr(C)]
pub(crate) struct Node {
    /// The word that the thread sleeps on.
    pub(crate) word: AtomicU32,
    /// The node behind it in the line, 0 if there is none.
    pub(crate) next: AtomicU32,
    /// The object in whose line it stands, as id + 1; 0 if it stands in none.
    pub(crate) line: AtomicU32,
    /// Whether a thread of the process uses the node.
    pub(crate) taken: AtomicU32,
}

const _: () = assert!(ENTRIES_AT < SMALLEST / 2);
const _: () = assert!(size_of::<Header>() <= PAGE && size_of::<Slot>() == 2 * PAGE);

/// Returns the bytes of a block of this process. The process must not write to them as long as the result is used.
pub(crate) fn bytes_of_this_process(memory: &SharedMemory, offset: usize, length: usize) -> &[u8] {
    match memory.address(offset, length) {
        // SAFETY: there are so many bytes, and nobody writes to them: they are this process's alone.
        Some(address) => unsafe { std::slice::from_raw_parts(address.as_ptr(), length) },
        None => &[],
    }
}

impl Slot {
    /// Makes the calling thread the holder of the life word.
    ///
    /// # Errors
    /// The C library has no robust mutexes.
    pub(crate) fn begin_life(&self) -> io::Result<()> {
        // SAFETY: the roster has kept the slot for the calling process, and this is how it takes it: once, by one thread.
        unsafe { self.life.begin() }?;
        self.holder.set(process::thread_id());
        Ok(())
    }
}

// SAFETY: atomics only.
unsafe impl Shared for Header {}
// SAFETY: atomics, and a life word, which is `Shared` itself.
unsafe impl Shared for Slot {}
// SAFETY: one atomic.
unsafe impl Shared for Field32 {}
// SAFETY: one atomic.
unsafe impl Shared for Field64 {}

// Cells of objects.
// SAFETY: atomics only.
unsafe impl Shared for LockCell {}
// SAFETY: atomics only.
unsafe impl Shared for RLockCell {}
// SAFETY: atomics only.
unsafe impl Shared for SemaphoreCell {}
// SAFETY: atomics only.
unsafe impl Shared for ConditionCell {}
// SAFETY: atomics only.
unsafe impl Shared for EventCell {}
// SAFETY: atomics only.
unsafe impl Shared for BarrierCell {}
// SAFETY: atomics only.
unsafe impl Shared for QueueCell {}
// SAFETY: atomics only.
unsafe impl Shared for ChannelCell {}
// SAFETY: atomics only.
unsafe impl Shared for EndCell {}
// SAFETY: atomics only.
unsafe impl Shared for LifoCell {}
// SAFETY: atomics only.
unsafe impl Shared for LoanCell {}
// SAFETY: atomics, and bytes that only the program touches, through the address that it is lent.
unsafe impl Shared for StorageCell {}
// SAFETY: atomics only.
unsafe impl Shared for PagesCell {}
// SAFETY: atomics only.
unsafe impl Shared for PriorityCell {}
