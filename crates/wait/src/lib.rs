//! Where threads block.
//!
//! Every primitive above this crate is made of the same three parts: a [`WordLock`] that guards a few plain fields, a
//! [`WaitQueue`] among those fields, and [`block()`], the only function of Interlock that puts a thread to sleep. How they
//! work together, and why no wake-up is lost, is written down in `PROTOCOL.md` beside this crate; its claims have a model
//! test each.
//!
//! A wait is bounded by a [`WaitContext`]: a [`Deadline`] and, for a thread that something hosts (an interpreter), a [`Host`]
//! that lets go of the thread while it sleeps and hears the signals that come meanwhile. What
//! happens is told to the registered [`Observer`], if there is one.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![warn(missing_debug_implementations)]

#[cfg(not(loom))]
mod backoff;
mod block;
mod deadline;
pub mod fork;
#[cfg(loom)]
pub mod model;
mod observer;
mod owners;
#[cfg(not(loom))]
mod pending;
pub mod primitive;
mod raw_lock;
mod resource;
mod schedule;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod sleep;
mod spin;
mod thread_id;
mod thread_ident;
mod trace_event;
mod wait_context;
mod wait_queue;
mod waiter;
mod wake;
mod word_lock;

pub use block::block;
pub use deadline::Deadline;
pub use observer::{Interest, Observer, Verdict, next_sequence, observes, report, take_refusal};
#[cfg(not(loom))]
pub use observer::{clear_observer, set_observer};
pub use owners::{Owned, Owners};
#[cfg(not(loom))]
pub use pending::pending_waits;
pub use raw_lock::{HostLock, RawLock, RawWordLock};
pub use resource::{Resource, ResourceId, ResourceKind};
pub use schedule::{Returned, Scheduler, now, spawn};
#[cfg(not(loom))]
pub use schedule::{clear_scheduler, set_scheduler};
#[cfg(not(loom))]
pub use shared::{MOST_SHARED_WORDS, SharedWord, block_shared, sleep_on_one_word_only, wake_shared};
pub use spin::watch;
pub use thread_id::ThreadId;
pub use thread_ident::ThreadIdent;
pub use trace_event::{PendingWait, TraceEvent, Wait};
pub use wait_context::{Host, WaitContext};
pub use wait_queue::WaitQueue;
pub use waiter::{Waiter, Wakeup, Wakeups};
pub use wake::{Slept, Wake};
pub use word_lock::{StateGuard, StateLock, WordLock, WordLockGuard};
