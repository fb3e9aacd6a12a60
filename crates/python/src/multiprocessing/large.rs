//! Large messages, on their way into bytes objects.

#![expect(unsafe_code, reason = "a bytes object that is made without zeroing it before")]

use std::mem::MaybeUninit;
use std::{ptr, slice};

use interlock_os::pages::expect_all;
use interlock_shm::Taken;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::blocking;

/// A bytes object with what `taken` has behind its first byte. Other threads run while a large one is copied.
pub(super) fn bytes_of(py: Python<'_>, taken: Taken) -> PyResult<Bound<'_, PyBytes>> {
    let length = taken.len().saturating_sub(1);
    if length < HUGE {
        return Ok(taken.with_bytes(|bytes| PyBytes::new(py, bytes.get(1..).unwrap_or_default())));
    }
    // SAFETY: the thread is attached.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), length.cast_signed()) };
    // SAFETY: it is a new object, or null and an exception.
    let copy = unsafe { Bound::from_owned_ptr_or_err(py, object) }?.cast_into::<PyBytes>()?;
    // SAFETY: it is a bytes object.
    let start = unsafe { ffi::PyBytes_AsString(copy.as_ptr()) };
    // SAFETY: the object is new, has so many bytes, and nobody else has it yet.
    let into = unsafe { slice::from_raw_parts_mut(start.cast::<MaybeUninit<u8>>(), length) };
    if taken.pages_stay() {
        expect_all(into);
    } // Otherwise the small pages that go back meanwhile are at hand, and in the processor's cache.
    blocking::aside(py, || {
        taken.move_out(|at, bytes| {
            let (at, bytes) = match at {
                0 => (0, bytes.get(1..).unwrap_or_default()),
                _ => (at - 1, bytes),
            };
            if let Some(into) = into.get_mut(at..at + bytes.len()) {
                // SAFETY: there is room for all of them, and the new object is none of them.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), into.as_mut_ptr().cast(), bytes.len()) };
            }
        });
    });
    Ok(copy)
}

/// Objects of this length have large pages of the machine in them.
const HUGE: usize = 4 << 20;
