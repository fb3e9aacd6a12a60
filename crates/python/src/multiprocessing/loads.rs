//! Objects of pickles, and of the large buffers beside them.
//!
//! A message with buffers begins with its kind, the number of the buffers (4 bytes, at 4) and the length of the pickle (8 bytes, at
//! 8). Then come, for each buffer, twice its length, and one more if it was read-only (8 bytes); the pickle; the buffers, each at a
//! multiple of 64.

use std::iter;
use std::sync::Arc;

use interlock_shm::{Loan, Taken};
use pyo3::prelude::*;
use pyo3::types::PyByteArray;

use super::bytes::{Access, Lent};
use crate::imported::Imported;

static LOADS: Imported = Imported::new("interlock.multiprocessing._pickling", "loads");
static LOAD: Imported = Imported::new("interlock.multiprocessing._pickling", "load");

/// A buffer begins at a multiple of this: a line of the cache.
pub(super) const ALIGNMENT: usize = 64;
/// The bytes before the lengths of the buffers.
const HEAD: usize = 16;

/// The object of a pickle.
#[inline]
pub(super) fn loads<'py>(py: Python<'py>, pickle: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    LOADS.get(py)?.call1((pickle,))
}

/// The object of a message that has buffers. They are views of shared memory which is this process's, and stays its as long as they
/// live; copies, if it has many of them.
#[cold]
pub(super) fn load_with_buffers(py: Python<'_>, taken: Taken) -> PyResult<Bound<'_, PyAny>> {
    let word = |at: usize| {
        let mut word = [0; 8];
        taken.read_from(at, &mut word);
        u64::from_le_bytes(word) as usize
    };
    let count = word(0) >> 32;
    let words = iter::successors(Some(HEAD), |at| Some(at + 8))
        .take(count)
        .map(word);
    let words: Vec<_> = words.collect();
    let pickle = HEAD + 8 * count..HEAD + 8 * count + word(8);
    let mut end = pickle.end;
    let places = words.iter().map(|word| {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + (word >> 1);
        (start..end, Access::of_buffer(word & 1 != 0))
    });
    let places: Vec<_> = places.collect();
    let (pickle, buffers) = match Loan::of(taken) {
        Ok(loan) => {
            let loan = Arc::new(loan);
            let lend = |(place, access)| Lent::new(&loan, place, access).into_pyobject(py);
            let buffers = places.into_iter().map(lend).collect::<PyResult<Vec<_>>>()?;
            (lend((pickle, Access::ReadOnly))?, buffers)
        }
        Err(taken) => taken.with_bytes(|bytes| {
            let part = |place| bytes.get(place).unwrap_or_default();
            let copy = |(place, access)| {
                let bytes = PyByteArray::new(py, part(place));
                Lent::copied(bytes, access).into_pyobject(py)
            };
            let buffers = places.into_iter().map(copy).collect::<PyResult<Vec<_>>>()?;
            PyResult::Ok((copy((pickle, Access::ReadOnly))?, buffers))
        })?,
    };
    LOAD.get(py)?.call1((pickle, buffers))
}
