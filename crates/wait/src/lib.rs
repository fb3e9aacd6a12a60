//! The waits of threads.
//!
//! Every primitive above this crate is made of the same three parts: a [`WordLock`] that guards a few plain fields,
//! a [`WaitQueue`] among those fields, and [`block()`], which puts the thread to sleep. `PROTOCOL.md` of this crate
//! describes how they work together and why no wake-up is lost. Each of its claims has a test.
//!
//! A [`WaitContext`] bounds a wait. It has a [`Deadline`] and, for a thread that runs in an interpreter, a [`Host`]
//! that detaches the thread while it sleeps and handles signals meanwhile. A registered [`Observer`] hears what
//! happens, and a registered [`Scheduler`] decides which thread runs and what time it is.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![warn(missing_debug_implementations)]

#[cfg(not(loom))]
mod backoff;
mod block;
mod contained;
mod deadline;
#[cfg(not(loom))]
mod descriptors;
#[cfg(not(loom))]
mod files;
pub mod fork;
#[cfg(loom)]
pub mod model;
mod observer;
mod on_unwind;
mod owner_word;
mod owners;
#[cfg(not(loom))]
mod pending;
mod place;
pub mod primitive;
mod raw_lock;
mod raw_word;
mod resource;
mod schedule;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod sleep;
mod spin;
mod thread_id;
mod thread_ident;
mod timed_out;
mod trace_event;
mod wait_context;
mod wait_queue;
mod waiter;
mod wake;
mod word_lock;

pub use block::block;
pub use contained::{contained, discard};
pub use deadline::Deadline;
#[cfg(not(loom))]
pub use descriptors::block_on_descriptors;
#[cfg(not(loom))]
pub use files::block_on_files;
pub use observer::{Interest, Observer, Verdict, next_sequence, observes, report, take_refusal};
#[cfg(not(loom))]
pub use observer::{clear_observer, set_observer};
pub use on_unwind::OnUnwind;
pub use owner_word::{Owner, OwnerWord, Watch};
pub use owners::Owned;
#[cfg(not(loom))]
pub use pending::pending_waits;
pub use place::{Place, TaskLine, Turn};
pub use raw_lock::{HostLock, RawLock, RawWordLock};
pub use raw_word::{HostWord, RawWord};
pub use resource::{Resource, ResourceId, ResourceKind};
pub use schedule::{Returned, Scheduler, now, spawn, spawn_named};
#[cfg(not(loom))]
pub use schedule::{clear_scheduler, set_scheduler};
#[cfg(not(loom))]
pub use shared::{
    Announced, MOST_SHARED_WORDS, SharedWord, block_announced, block_shared, sleep_on_one_word_only,
    wake_shared,
};
pub use spin::{spin_briefly, until as spin_until, watch};
pub use thread_id::ThreadId;
pub use thread_ident::ThreadIdent;
pub use timed_out::TimedOut;
pub use trace_event::{PendingWait, TraceEvent, Wait};
pub use wait_context::{Host, WaitContext};
pub use wait_queue::WaitQueue;
pub use waiter::{Waiter, Wakeup, Wakeups};
pub use wake::{Slept, Wake};
pub use word_lock::{Owners, StateGuard, StateLock, WordLock, WordLockGuard};
