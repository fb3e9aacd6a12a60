//! The only module that imports atomics, so that loom can replace them.
//!
//! `RUSTFLAGS="--cfg loom"` builds this crate, and all crates above it, on loom's memory model. Process-wide state
//! (spin bookkeeping, the observer, the fork generation) is not part of a model: it uses [`global`].
//!
//! The names are aliases, not re-exports. Clippy sees through re-exports, so only this way can it forbid std's
//! names elsewhere (`disallowed-types` in clippy.toml) and allow these.

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

/// Atomics for process-wide bookkeeping, which no model covers. They are never loom's.
pub mod global {
    /// A flag.
    pub type AtomicBool = std::sync::atomic::AtomicBool;
    /// A machine word with a sign.
    pub type AtomicIsize = std::sync::atomic::AtomicIsize;
    /// 32 bits: the size of the words that threads sleep on in the kernel.
    pub type AtomicU32 = std::sync::atomic::AtomicU32;
    /// 64 bits.
    pub type AtomicU64 = std::sync::atomic::AtomicU64;
    /// A machine word.
    pub type AtomicUsize = std::sync::atomic::AtomicUsize;
    /// How an access is ordered among the others.
    pub type Ordering = std::sync::atomic::Ordering;
}
