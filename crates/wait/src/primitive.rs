//! The one module through which atomics come, so that loom can replace them.
//!
//! `RUSTFLAGS="--cfg loom"` builds the crate, and all that is made of it, on loom's model of memory. What is global to
//! the process (spin bookkeeping, the observer, the fork generation) is no part of a model: [`global`] has it.
//!
//! The names are aliases, not re-exports: so clippy, which sees through re-exports, can forbid std's names elsewhere
//! (`disallowed-types` in clippy.toml) and allow these.

#![expect(clippy::disallowed_types, reason = "I8: the one door for atomics")]

#[cfg(not(loom))]
pub use std::cell::UnsafeCell;
#[cfg(not(loom))]
pub use std::sync::Arc;

#[cfg(not(loom))]
pub use global::{AtomicU32, AtomicU64, Ordering};

#[cfg(loom)]
pub use loom::{
    cell::UnsafeCell,
    sync::Arc,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Atomics of process-wide bookkeeping that no model covers: never loom's.
pub mod global {
    /// A flag.
    pub type AtomicBool = std::sync::atomic::AtomicBool;
    /// A machine word with a sign.
    pub type AtomicIsize = std::sync::atomic::AtomicIsize;
    /// 32 bits, as the kernel sleeps on.
    pub type AtomicU32 = std::sync::atomic::AtomicU32;
    /// 64 bits.
    pub type AtomicU64 = std::sync::atomic::AtomicU64;
    /// A machine word.
    pub type AtomicUsize = std::sync::atomic::AtomicUsize;
    /// How an access is ordered among the others.
    pub type Ordering = std::sync::atomic::Ordering;
}
