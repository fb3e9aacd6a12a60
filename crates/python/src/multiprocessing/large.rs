//! Large messages, on their way into bytes objects.

use std::mem::MaybeUninit;

use interlock_os::pages::expect_all;
use interlock_shm::Taken;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::bytes::filled;
use crate::blocking;

/// Objects of this length have large pages of the machine in them.
const HUGE: usize = 4 << 20;

/// A bytes object with what `taken` has behind its first byte. Other threads run while a large one is copied.
pub(super) fn bytes_of(py: Python<'_>, taken: Taken) -> PyResult<Bound<'_, PyBytes>> {
    let length = taken.len().saturating_sub(1);
    if length < HUGE {
        return Ok(taken.with_bytes(|bytes| PyBytes::new(py, bytes.get(1..).unwrap_or_default())));
    }
    filled(py, length, |into| {
        if taken.pages_stay() {
            expect_all(into);
        } // Otherwise the small pages that go back meanwhile are at hand, and in the processor's cache.
        blocking::aside(py, || {
            taken.move_out(|at, bytes| match at {
                0 => write(into, 0, bytes.get(1..).unwrap_or_default()),
                _ => write(into, at - 1, bytes),
            });
        });
    })
}

fn write(into: &mut [MaybeUninit<u8>], at: usize, bytes: &[u8]) {
    let into = into.get_mut(at..).unwrap_or_default();
    for (to, byte) in into.iter_mut().zip(bytes) {
        to.write(*byte);
    }
}
