//! The cells of objects: the 128 bytes of each kind (FORMAT.md).

use interlock_os::memory::Shared;
use interlock_wait::primitive::{AtomicU32, AtomicU64};

use crate::field::Field32;
use crate::raw_lock::RawLock;

/// The kind of an object: the first word of its cell.
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
/// A new object's cell is all zeros, except for the kind.
pub(crate) trait Cell: Shared {
    /// Distinguishes the kind from others.
    const KIND: Kind;
}

/// `Lock`.
#[repr(C)]
pub(crate) struct LockCell {
    pub(crate) kind: AtomicU32,
    pub(crate) lock: Robust,
}

impl Cell for LockCell {
    const KIND: Kind = Kind::without_blocks(1);
}

/// A raw lock, and the policy for the death of its owner.
#[repr(C)]
pub(crate) struct Robust {
    pub(crate) word: RawLock,
    /// 1 if acquiring the lock fails after the death of an owner; otherwise 0.
    pub(crate) refuses: AtomicU32,
    /// The owner that died, while the lock is refused.
    pub(crate) refused: AtomicU32,
}

/// `RLock`.
#[repr(C)]
pub(crate) struct RLockCell {
    pub(crate) kind: AtomicU32,
    pub(crate) lock: Robust,
    /// The process of `thread`. The owner writes it after `thread`, and clears it before the lock is free. So it
    /// names the caller's process only while a thread of that process holds the lock.
    pub(crate) holder: AtomicU32,
    /// How often the owner has acquired it.
    pub(crate) count: AtomicU32,
    pub(crate) thread: AtomicU64,
}

impl Cell for RLockCell {
    const KIND: Kind = Kind::without_blocks(2);
}

/// State table of the ledger's words: the first is `Permits`; the second counts the permits that were lost.
#[repr(C)]
pub(crate) struct SemaphoreCell {
    pub(crate) kind: AtomicU32,
    pub(crate) most: AtomicU32,
    pub(crate) ledger: Ledger<AtomicU64>,
    /// How often sleepers were woken. They sleep on this word.
    pub(crate) wakes: AtomicU32,
    /// The process that changed the permits last, under the ledger and without a guard. 0 if that change had a
    /// guard.
    pub(crate) last: Field32,
}

impl Cell for SemaphoreCell {
    const KIND: Kind = Kind::without_blocks(3);
}

/// `Condition`.
#[repr(C)]
pub(crate) struct ConditionCell {
    pub(crate) kind: AtomicU32,
    pub(crate) line: Line,
}

impl Cell for ConditionCell {
    const KIND: Kind = Kind::without_blocks(4);
}

/// State table of the word: bit 0, the flag; bit 1, a thread may sleep for it; the rest counts how often the flag was set.
#[repr(C)]
pub(crate) struct EventCell {
    pub(crate) kind: AtomicU32,
    pub(crate) word: AtomicU32,
}

impl Cell for EventCell {
    const KIND: Kind = Kind::without_blocks(5);
}

/// State table of the ledger's words: the first contains the `State`, whether a thread may sleep until it changes,
/// and how often it has changed; the second contains how many threads are inside.
#[repr(C)]
pub(crate) struct BarrierCell {
    pub(crate) kind: AtomicU32,
    pub(crate) parties: AtomicU32,
    /// The process whose death broke the barrier, 0 if it broke for another reason. Changed under the ledger.
    pub(crate) dead: AtomicU32,
    pub(crate) ledger: Ledger<AtomicU32>,
}

impl Cell for BarrierCell {
    const KIND: Kind = Kind::without_blocks(6);
}

/// The line of one object.
///
/// The truth is in `head` and the nodes' `next`, each changed by one store; `tail` follows from them. A notified
/// node is in no line any more, or the next process that repairs the line takes it out. But it keeps the object's
/// number until its thread comes for the notification.
#[repr(C)]
pub(crate) struct Line {
    pub(crate) lock: RawLock,
    pub(crate) head: AtomicU32,
    pub(crate) tail: AtomicU32,
    /// While a notification is passed on: the node of the dead process that it comes from, and the node that gets
    /// it; otherwise 0.
    pub(crate) from: AtomicU32,
    pub(crate) to: AtomicU32,
}

/// Two words of an object, which change together with a process's claim: all three change, or none.
///
/// A change is written down first (`old`, `new`, `next`), and one store, to `place`, decides it. A process that
/// acquires the lock after its owner died completes the change.
#[repr(C)]
pub(crate) struct Ledger<W> {
    pub(crate) lock: RawLock,
    /// The entry of the change that is being carried out, 0 if none is.
    pub(crate) place: AtomicU32,
    pub(crate) old: AtomicU64,
    pub(crate) new: AtomicU64,
    pub(crate) next: [W; 2],
    pub(crate) words: [W; 2],
}

/// Whether threads may sleep (bit 0), and a count of the wake-ups (the other bits).
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Sleepers(pub(crate) AtomicU32);

/// `Queue`.
#[repr(C)]
pub(crate) struct QueueCell {
    pub(crate) kind: AtomicU32,
    /// How many messages may be there.
    pub(crate) most: AtomicU32,
    pub(crate) log: Log,
}

impl Cell for QueueCell {
    const KIND: Kind = Kind::with_blocks(7);
}

/// `Channel`.
#[repr(C)]
pub(crate) struct ChannelCell {
    pub(crate) kind: AtomicU32,
    /// Whether the reader's descriptor is readable.
    pub(crate) bell: Bell,
    pub(crate) log: Log,
}

impl Cell for ChannelCell {
    const KIND: Kind = Kind::with_blocks(8);
}

/// An end of a channel: an object without content. Each process that has the end has a handle.
#[repr(C)]
pub(crate) struct EndCell {
    pub(crate) kind: AtomicU32,
    /// The channel, as id + 1.
    pub(crate) channel: AtomicU32,
    /// The other end, as id + 1.
    pub(crate) other: AtomicU32,
    pub(crate) side: AtomicU32,
}

impl Cell for EndCell {
    const KIND: Kind = Kind::without_blocks(9);
}

/// `OrderedQueue`.
#[repr(C)]
pub(crate) struct OrderedCell {
    pub(crate) kind: AtomicU32,
    /// How many messages may be there.
    pub(crate) most: AtomicU32,
    pub(crate) log: Log,
}

/// The cell of an `OrderedQueue` that is a stack.
#[repr(transparent)]
pub(crate) struct LifoCell(pub(crate) OrderedCell);

impl Cell for LifoCell {
    const KIND: Kind = Kind::with_blocks(10);
}

/// `Loan`: a block that is lent to a program, and nothing else.
#[repr(C)]
pub(crate) struct LoanCell {
    pub(crate) kind: AtomicU32,
}

impl Cell for LoanCell {
    const KIND: Kind = Kind::with_blocks(11);
}

/// `Storage`, of few bytes.
#[repr(C)]
pub(crate) struct StorageCell {
    pub(crate) kind: AtomicU32,
    reserved: AtomicU32,
    /// How many of the bytes the program asked for.
    pub(crate) length: AtomicU64,
    /// The program's bytes, with any contents.
    pub(crate) bytes: [AtomicU64; StorageCell::WORDS],
}

impl StorageCell {
    pub(crate) const WORDS: usize = 14;
}

impl Cell for StorageCell {
    const KIND: Kind = Kind::without_blocks(12);
}

/// `Storage` of more bytes, which are in a block of the object.
#[repr(C)]
pub(crate) struct PagesCell {
    pub(crate) kind: AtomicU32,
    reserved: AtomicU32,
    pub(crate) length: AtomicU64,
    /// Where the block begins.
    pub(crate) offset: AtomicU64,
}

impl Cell for PagesCell {
    const KIND: Kind = Kind::with_blocks(13);
}

/// The cell of an `OrderedQueue` that is a ranking.
#[repr(transparent)]
pub(crate) struct PriorityCell(pub(crate) OrderedCell);

impl Cell for PriorityCell {
    const KIND: Kind = Kind::with_blocks(14);
}

/// The state of a log: 120 bytes that begin 8 bytes into a cache line. The first line is for the writers, the
/// second for the readers.
#[repr(C)]
pub(crate) struct Log {
    /// Held by the process that changes the tail.
    pub(crate) writer: RawLock,
    /// 1 if a process died while it held a lock: there may be blocks that nothing links to, and `segment` may be
    /// wrong.
    pub(crate) dirty: AtomicU32,
    /// A `Place`.
    pub(crate) tail: AtomicU64,
    /// The `Bounds` of the segment in which the tail is.
    pub(crate) segment: AtomicU64,
    /// The unit at which the spare segment begins, 0 if there is none. In a ranking, the last unit of its segments.
    pub(crate) spare: AtomicU32,
    /// The count of the head that a writer saw last.
    pub(crate) head_seen: AtomicU32,
    /// Threads that wait for a message.
    pub(crate) getters: Sleepers,
    /// 1 if the log is shut: nothing can be put any more.
    pub(crate) shut: AtomicU32,
    pub(crate) writers_line: [AtomicU32; 4],
    /// Held by the process that changes the head.
    pub(crate) reader: RawLock,
    /// The count of the tail that a reader saw last.
    pub(crate) tail_seen: AtomicU32,
    /// A `Place`.
    pub(crate) head: AtomicU64,
    /// Threads that wait for room.
    pub(crate) putters: Sleepers,
    /// How many tasks are done.
    pub(crate) done: AtomicU32,
    /// Threads that wait until all tasks are done.
    pub(crate) joiners: Sleepers,
    /// 1 if readers have to update the doorbell of a channel.
    pub(crate) asked: AtomicU32,
    pub(crate) readers_line: [AtomicU32; 8],
}

/// Whether the descriptor of a channel's reader is readable. Changed under the writer lock.
#[repr(transparent)]
pub(crate) struct Bell(pub(crate) AtomicU32);
