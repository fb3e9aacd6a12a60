//! The classes that a program makes many objects of: locks and simple queues. `instances.rs` makes and frees them by short ways.

use std::sync::OnceLock;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::lock::{Lock, allocate_lock};
use crate::queue::SimpleQueue;

/// A class whose instances a call of it without arguments makes by a short way, and which end by a short way too.
pub(super) trait Made: PyClass + Into<PyClassInitializer<Self>> {
    /// What a new object holds.
    fn new_contents() -> Self;

    /// Returns whether dropping the contents drops no Python object, so that it needs none of PyO3's
    /// machinery.
    fn is_bare(&self, py: Python<'_>) -> bool;

    /// Where the parts of an object are.
    fn parts() -> &'static OnceLock<Parts>;
}

/// Where the parts of an object are, and how PyO3 frees it.
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
