//! Makes objects from pickles, and from the large buffers that travel beside them.
//!
//! A message with buffers begins with its kind, the number of the buffers (4 bytes, at 4) and the length of the pickle
//! (8 bytes, at 8). Then come, for each buffer, 8 bytes: its length times 4, plus the [`Kind`] of object that the
//! receiver makes of it. Then come the pickle and the buffers, each buffer at a multiple of 64.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use interlock_shm::{Loan, Taken};
use pyo3::prelude::*;

use super::access::Access;
use super::bytes::{Lent, Memory};
use super::large::{array_of_part, bytes_of_part};
use crate::imported::Imported;

static LOADS: Imported = Imported::new("interlock.multiprocessing._pickling", "loads");
static LOAD: Imported = Imported::new("interlock.multiprocessing._pickling", "load");

/// The first byte of a message with buffers.
pub(super) const WITH_BUFFERS: u8 = b'v';
/// A buffer begins at a multiple of this: a line of the cache.
pub(super) const ALIGNMENT: usize = 64;
/// The bytes before the lengths of the buffers.
const HEAD: usize = 16;
/// A pickle of at least this many bytes is lent, even if none of the buffers beside it is.
const LONG: usize = 64 << 10;

/// What the receiver makes of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Memory, which it may write to.
    Writable,
    ReadOnly,
    /// A `bytes` object.
    Bytes,
    /// A `bytearray`.
    ByteArray,
}

impl Kind {
    fn of_word(word: usize) -> Self {
        match word & 3 {
            0 => Kind::Writable,
            1 => Kind::ReadOnly,
            2 => Kind::Bytes,
            _ => Kind::ByteArray,
        }
    }
}

/// Returns the bytes before the pickle, which has `length` bytes, in a message with these buffers.
pub(super) fn head(length: usize, buffers: impl ExactSizeIterator<Item = (usize, Kind)>) -> Vec<u8> {
    let mut head = vec![WITH_BUFFERS, 0, 0, 0];
    head.extend((buffers.len() as u32).to_le_bytes());
    head.extend((length as u64).to_le_bytes());
    for (length, kind) in buffers {
        head.extend(((length as u64) << 2 | kind as u64).to_le_bytes());
    }
    head
}

/// Returns the object of a pickle.
#[inline]
pub(super) fn loads<'py>(py: Python<'py>, pickle: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    LOADS.get(py)?.call1((pickle,))
}

/// Unpickles the parts of a message that has buffers.
pub(super) fn load<'py>(
    py: Python<'py>,
    pickle: Bound<'py, PyAny>,
    buffers: Vec<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    LOAD.get(py)?.call1((pickle, buffers))
}

/// Returns the pickle and the buffers of a message that has buffers. A buffer becomes a view of shared memory, which
/// this process keeps as long as the view lives; a copy, if too much memory is lent already; or an object with bytes of
/// its own. Runs no code of a program.
pub(super) fn pickle_and_buffers(
    py: Python<'_>,
    taken: Taken,
) -> PyResult<(Bound<'_, PyAny>, Vec<Bound<'_, PyAny>>)> {
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
    let places = words.iter().map(|&word| {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + (word >> 2);
        (start..end, Kind::of_word(word))
    });
    let buffers = places.map(|(place, kind)| Arrived::of(py, &taken, place, kind));
    let buffers = buffers.collect::<PyResult<Vec<_>>>()?;
    let is_lent = |buffer: &Arrived<'_>| matches!(buffer, Arrived::Memory(..));
    let loan = match pickle.len() >= LONG || buffers.iter().any(is_lent) {
        true => Loan::of(taken).map(Arc::new),
        false => Err(taken),
    };
    let memory = |place: Range<usize>, access| {
        let memory = match &loan {
            Ok(loan) => Memory::Loan(Arc::clone(loan), place),
            Err(taken) => Memory::Copy(array_of_part(py, taken, place)?.unbind()),
        };
        Lent::of(memory, access).into_pyobject(py)
    };
    let objects = buffers.into_iter().map(|buffer| match buffer {
        Arrived::Object(object) => Ok(object),
        Arrived::Memory(place, access) => Ok(memory(place, access)?.into_any()),
    });
    let objects = objects.collect::<PyResult<Vec<_>>>()?;
    let pickle = memory(pickle, Access::ReadOnly)?;
    Ok((pickle.into_any(), objects))
}

/// A buffer that has arrived.
enum Arrived<'py> {
    /// It stays in the message, and can be lent.
    Memory(Range<usize>, Access),
    Object(Bound<'py, PyAny>),
}

impl<'py> Arrived<'py> {
    fn of(py: Python<'py>, taken: &Taken, place: Range<usize>, kind: Kind) -> PyResult<Self> {
        Ok(match kind {
            Kind::Writable => Arrived::Memory(place, Access::of_buffer(false)),
            Kind::ReadOnly => Arrived::Memory(place, Access::of_buffer(true)),
            Kind::Bytes => Arrived::Object(bytes_of_part(py, taken, place)?.into_any()),
            Kind::ByteArray => Arrived::Object(array_of_part(py, taken, place)?.into_any()),
        })
    }
}
