//! Large messages, on their way into `bytes` and `bytearray` objects.

use std::mem::MaybeUninit;
use std::ops::Range;

use interlock_os::pages::expect_all;
use interlock_shm::Taken;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

use super::bytes::{filled, filled_array};
use crate::blocking;

/// Objects of at least this length contain large pages of the machine.
pub(super) const HUGE: usize = 4 << 20;

/// Returns a bytes object with the bytes of `taken` behind the first one. Other threads run while a large message
/// is copied.
pub(super) fn bytes_of(py: Python<'_>, taken: Taken) -> PyResult<Bound<'_, PyBytes>> {
    let length = taken.len().saturating_sub(1);
    if length < HUGE {
        return taken.with_bytes(|bytes| bytes_like(py, bytes.get(1..).unwrap_or_default()));
    }
    filled(py, length, |into| {
        if taken.pages_stay() {
            expect_all(into);
        } // Otherwise the small pages that go back meanwhile can be used again, and are in the processor's cache.
        blocking::aside(py, || {
            taken.move_out(|at, bytes| match at {
                0 => write(into, 0, bytes.get(1..).unwrap_or_default()),
                _ => write(into, at - 1, bytes),
            });
        });
    })
}

/// Returns a bytes object with a copy of `bytes`, as [`PyBytes::new`] does, which panics if there is no memory for it.
pub(crate) fn bytes_like<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    filled(py, bytes.len(), |into| write(into, 0, bytes))
}

/// Returns a bytes object with a part of a message. Other threads run while it is copied.
pub(super) fn bytes_of_part<'py>(
    py: Python<'py>,
    taken: &Taken,
    place: Range<usize>,
) -> PyResult<Bound<'py, PyBytes>> {
    filled(py, place.len(), |into| copy_part(py, taken, place, into))
}

/// Returns the same as a `bytearray`.
pub(super) fn array_of_part<'py>(
    py: Python<'py>,
    taken: &Taken,
    place: Range<usize>,
) -> PyResult<Bound<'py, PyByteArray>> {
    filled_array(py, place.len(), |into| copy_part(py, taken, place, into))
}

fn copy_part(py: Python<'_>, taken: &Taken, place: Range<usize>, into: &mut [MaybeUninit<u8>]) {
    expect_all(into);
    blocking::aside(py, || {
        taken.with_bytes(|bytes| write(into, 0, bytes.get(place).unwrap_or_default()));
    });
}

/// The compiler makes one copy of this.
fn write(into: &mut [MaybeUninit<u8>], at: usize, bytes: &[u8]) {
    let into = into.get_mut(at..).unwrap_or_default();
    for (to, byte) in into.iter_mut().zip(bytes) {
        to.write(*byte);
    }
}
