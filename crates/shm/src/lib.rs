//! Memory that a family of processes shares. The death of one process never hangs another.
//!
//! An [`Arena`] is one anonymous file, which all processes of the family map. It contains objects (locks, queues,
//! …), each a record of at most 128 bytes, and blocks of pages for bytes. A process can be killed at any
//! instruction. A process that waits for it learns of its death from the kernel, repairs what the dead process left
//! half done, and takes over. `FORMAT.md` of this crate describes the layout, the states, and the effect of a death
//! at each step.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![warn(missing_debug_implementations)]
#![cfg_attr(loom, expect(dead_code, reason = "the models use a part of the raw lock"))]

#[cfg(not(loom))]
mod arena;
#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
mod blocks;
#[cfg(not(loom))]
mod cells;
#[cfg(not(loom))]
mod channel;
#[cfg(not(loom))]
mod channel_bell;
#[cfg(not(loom))]
mod channel_end;
#[cfg(not(loom))]
mod claims;
#[cfg(not(loom))]
mod condition;
#[cfg(not(loom))]
mod death;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod event;
#[cfg(not(loom))]
mod family;
#[cfg(not(loom))]
mod field;
#[cfg(not(loom))]
mod handles;
#[cfg(not(loom))]
mod id;
#[cfg(not(loom))]
mod keeper;
#[cfg(not(loom))]
mod kept;
#[cfg(not(loom))]
mod layout;
#[cfg(not(loom))]
mod line;
#[cfg(not(loom))]
mod loan;
#[cfg(not(loom))]
mod loans;
#[cfg(not(loom))]
mod lock;
#[cfg(not(loom))]
mod log;
#[cfg(not(loom))]
mod log_mend;
#[cfg(not(loom))]
mod log_reader;
#[cfg(not(loom))]
mod log_tasks;
#[cfg(not(loom))]
mod log_waits;
#[cfg(not(loom))]
mod log_writer;
#[cfg(not(loom))]
mod message;
mod name;
#[cfg(not(loom))]
mod objects;
#[cfg(not(loom))]
mod ordered_queue;
#[cfg(not(loom))]
mod own_block;
#[cfg(not(loom))]
mod permits;
#[cfg(not(loom))]
mod queue;
#[cfg(not(loom))]
mod rank;
#[cfg(not(loom))]
mod ranking;
mod raw_lock;
#[cfg(not(loom))]
mod regroup;
#[cfg(all(feature = "steps", not(loom)))]
pub mod report;
mod resource;
#[cfg(not(loom))]
mod rlock;
#[cfg(not(loom))]
mod roster;
#[cfg(not(loom))]
mod semaphore;
#[cfg(not(loom))]
mod settle;
#[cfg(not(loom))]
mod sharers;
#[cfg(not(loom))]
mod sleepers;
#[cfg(not(loom))]
mod stack;
#[cfg(not(loom))]
pub mod step;
#[cfg(not(loom))]
mod storage;
#[cfg(not(loom))]
mod warm_pages;
#[cfg(not(loom))]
mod watch;

#[cfg(not(loom))]
pub use arena::Arena;
#[cfg(not(loom))]
pub use barrier::{Barrier, Party};
#[cfg(not(loom))]
pub use blocks::{Block, Owner};
#[cfg(not(loom))]
pub use channel::{ChannelReader, ChannelWriter, channel};
#[cfg(not(loom))]
pub use condition::{Condition, Relock, Waited};
#[cfg(not(loom))]
pub use death::Death;
#[cfg(not(loom))]
pub use error::Error;
#[cfg(not(loom))]
pub use event::Event;
#[cfg(not(loom))]
pub use id::Id;
#[cfg(not(loom))]
pub use interlock_os::process::Ended;
#[cfg(not(loom))]
pub use loan::Loan;
#[cfg(not(loom))]
pub use lock::{Lock, OnOwnerDeath};
#[cfg(not(loom))]
pub use message::{Message, Taken};
pub use name::Name;
#[cfg(not(loom))]
pub use objects::Object;
#[cfg(not(loom))]
pub use ordered_queue::{Order, OrderedQueue};
#[cfg(not(loom))]
pub use queue::{Queue, Shutdown};
#[cfg(not(loom))]
pub use rank::Rank;
pub use raw_lock::{Acquired, Peers, RawLock};
#[cfg(not(loom))]
pub use rlock::RLock;
#[cfg(not(loom))]
pub use semaphore::Semaphore;
#[cfg(not(loom))]
pub use storage::Storage;
#[cfg(not(loom))]
pub use watch::{Awaited, Side, Watch};
