//! Where threads block.
//!
//! Every primitive above this crate is made of the same three parts: a [`WordLock`] that guards a few plain fields, a
//! [`WaitQueue`] among those fields, and [`block`], the only function of Interlock that puts a thread to sleep. How they
//! work together, and why no wake-up is lost, is written down in `PROTOCOL.md` beside this crate; its claims have a model
//! test each.
//!
//! A wait is bounded by a [`Patience`]: a [`Deadline`] and, for a thread that something hosts (an interpreter), a [`Host`]
//! that lets go of the thread while it sleeps and hears the signals that come meanwhile. What
//! happens is told to the registered [`Probe`], if there is one.

mod block;
mod deadline;
pub mod fork;
mod patience;
pub mod primitive;
mod probe;
mod spin;
mod wait_queue;
mod waiter;
mod word_lock;

pub use block::{Wake, block, sleep_for_ever};
pub use deadline::Deadline;
pub use patience::{Host, Patience, Slept};
pub use probe::{Event, Kind, Probe, Resource, clear_probe, probed, report, set_probe};
pub use spin::watch;
pub use wait_queue::WaitQueue;
pub use waiter::{ThreadId, Waiter, Wakeup, Wakeups};
pub use word_lock::{WordLock, WordLockGuard};
