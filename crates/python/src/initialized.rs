//! Objects that the garbage collector sees before they exist.
//!
//! The interpreter tracks an object as soon as its memory is allocated, and may run a collection before the contents are
//! written: then `__traverse__` is called on zeroed memory.

use interlock_wait::primitive::global::{AtomicBool, Ordering};

/// A field that says whether the fields beside it are written. In zeroed memory it says no.
pub(crate) struct Initialized(AtomicBool);

impl Initialized {
    /// Says yes, as soon as it is in its place.
    pub(crate) fn new() -> Self {
        Initialized(AtomicBool::new(true))
    }

    /// Whether the fields beside it are written.
    pub(crate) fn is_set(&self) -> bool {
        // Relaxed: the collector runs on the thread that allocates, or while all others are stopped.
        self.0.load(Ordering::Relaxed)
    }
}
