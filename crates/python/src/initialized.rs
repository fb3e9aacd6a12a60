//! Objects that the garbage collector sees before they are initialized.
//!
//! The interpreter tracks an object as soon as it has allocated the memory, and may run a collection before the fields
//! are written. Then it calls `__traverse__` on zeroed memory.

use interlock_wait::primitive::global::{AtomicBool, Ordering};

/// A field that tells whether the fields beside it are written. In zeroed memory the answer is no.
pub(crate) struct Initialized(AtomicBool);

impl Initialized {
    /// Creates a value that answers yes once it is written to its place.
    pub(crate) fn new() -> Self {
        Initialized(AtomicBool::new(true))
    }

    /// Returns whether the fields beside it are written.
    pub(crate) fn is_set(&self) -> bool {
        // Relaxed: the collector runs on the thread that allocates, or while all others are stopped.
        self.0.load(Ordering::Relaxed)
    }
}
