//! The classes of which programs create many objects: locks and simple queues. `instances.rs` creates and frees
//! them in short ways.

use std::sync::OnceLock;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::lock::{Lock, allocate_lock};
use crate::queue::SimpleQueue;

/// A class with a short way to create an instance, by a call without arguments, and to free it.
pub(super) trait Made: PyClass + Into<PyClassInitializer<Self>> {
    /// Returns the contents of a new object.
    fn new_contents() -> Self;

    /// Returns whether dropping the contents drops no Python object, so that it needs none of PyO3's
    /// machinery.
    fn is_bare(&self, py: Python<'_>) -> bool;

    /// Returns the offsets of the parts of an object.
    fn parts() -> &'static OnceLock<Parts>;
}

/// The offsets of the parts of an object, and PyO3's function that frees it.
pub(super) struct Parts {
    /// The offset of the contents.
    pub(super) contents: usize,
    /// The offset of the list of weak references.
    pub(super) weak: usize,
    pub(super) dealloc: ffi::destructor,
}

impl Made for Lock {
    #[inline]
    fn new_contents() -> Self {
        allocate_lock()
    }

    fn is_bare(&self, _: Python<'_>) -> bool {
        true
    }

    fn parts() -> &'static OnceLock<Parts> {
        static PARTS: OnceLock<Parts> = OnceLock::new();
        &PARTS
    }
}

impl Made for SimpleQueue {
    #[inline]
    fn new_contents() -> Self {
        SimpleQueue::without_items()
    }

    fn is_bare(&self, py: Python<'_>) -> bool {
        self.has_no_item(py)
    }

    fn parts() -> &'static OnceLock<Parts> {
        static PARTS: OnceLock<Parts> = OnceLock::new();
        &PARTS
    }
}
