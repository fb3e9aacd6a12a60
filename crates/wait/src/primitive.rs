//! The one module through which atomics come, so that loom can replace them.
//!
//! `RUSTFLAGS="--cfg loom"` builds the crate, and all that is made of it, on loom's model of memory. What is global to the
//! process (spin bookkeeping, the probe switch, the fork generation) is no part of a model: it comes from [`global`].

#[cfg(not(loom))]
mod chosen {
    pub use std::cell::UnsafeCell;
    pub use std::sync::Arc;
    pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

#[cfg(loom)]
mod chosen {
    pub use loom::cell::UnsafeCell;
    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

pub use chosen::{Arc, AtomicU32, AtomicU64, Ordering, UnsafeCell};

/// Atomics of process-wide bookkeeping that no model covers: never loom's.
pub mod global {
    pub use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, AtomicU64, AtomicUsize, Ordering};
}
