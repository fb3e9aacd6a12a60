//! Pickles on their way into messages, and the large buffers beside them.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

use super::bytes::Buffer;
use super::large::HUGE;
use super::loads::{ALIGNMENT, Kind, head};
use super::message::{Outgoing, PICKLE};

/// An object's pickle, on its way into a message.
pub(crate) enum Pickle<'py> {
    Whole(Bound<'py, PyBytes>),
    Parts(Parts<'py>),
}

/// The parts of a pickle, and the buffers beside it.
pub(crate) struct Parts<'py> {
    head: Vec<u8>,
    pickle: Vec<Piece<'py>>,
    buffers: Vec<Beside<'py>>,
    /// Whether no other code can change their bytes.
    is_steady: bool,
}

/// A piece of a pickle: the first bytes of a buffer, or the opcode that takes the next buffer beside the pickle.
enum Piece<'py> {
    First(usize, Buffer<'py>),
    NextBuffer,
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::First(length, buffer) => buffer.bytes().get(..*length).unwrap_or_default(),
            Piece::NextBuffer => &[NEXT_BUFFER],
        }
    }
}

/// A buffer that travels beside the pickle, and the kind of object that its receiver gets.
struct Beside<'py> {
    buffer: Buffer<'py>,
    kind: Kind,
}

/// The opcodes before the bytes of large objects, and the one that takes an object from beside the pickle.
/// See `pickletools` of the standard library.
const BINBYTES: u8 = b'B';
const BINBYTES8: u8 = 0x8e;
const BYTEARRAY8: u8 = 0x96;
const NEXT_BUFFER: u8 = 0x97;

impl<'py> Pickle<'py> {
    /// Converts the result of `dump()` of `_pickling`.
    #[inline]
    pub(crate) fn of(dumped: Bound<'py, PyAny>) -> PyResult<Self> {
        match dumped.cast_into::<PyBytes>() {
            Ok(pickle) => Ok(Pickle::Whole(pickle)),
            Err(parts) => Parts::of(&parts.into_inner()).map(Pickle::Parts),
        }
    }

    #[inline]
    pub(crate) fn outgoing(&self) -> Outgoing<'_> {
        match self {
            Pickle::Whole(pickle) => Outgoing::pickle(pickle.as_bytes()),
            Pickle::Parts(parts) => parts.outgoing(),
        }
    }
}

impl<'py> Parts<'py> {
    #[cold]
    fn of(dumped: &Bound<'py, PyAny>) -> PyResult<Self> {
        let (pieces, beside) = dumped.extract::<(Vec<Bound<'_, PyAny>>, Vec<Bound<'_, PyAny>>)>()?;
        let is_bytes = |object: &Bound<'_, PyAny>| object.is_exact_instance_of::<PyBytes>();
        let is_steady = beside.is_empty() && pieces.iter().all(is_bytes);
        let beside = beside.iter().map(|object| {
            let buffer = Buffer::of(object)?;
            let kind = match buffer.is_read_only() {
                true => Kind::ReadOnly,
                false => Kind::Writable,
            };
            Ok(Beside { buffer, kind })
        });
        let mut buffers = beside.collect::<PyResult<Vec<_>>>()?;
        // The opcodes for the present buffers are somewhere in the pieces already, and all buffers are taken in
        // order.
        let pickle = match buffers.is_empty() {
            true => without_large(pieces, &mut buffers)?,
            false => pieces.iter().map(whole).collect::<PyResult<_>>()?,
        };
        let head = match buffers.is_empty() {
            true => vec![PICKLE],
            false => {
                let length = pickle.iter().map(|piece| piece.bytes().len()).sum();
                let lengths = buffers
                    .iter()
                    .map(|beside| (beside.buffer.bytes().len(), beside.kind));
                head(length, lengths)
            }
        };
        Ok(Parts {
            head,
            pickle,
            buffers,
            is_steady,
        })
    }

    #[cold]
    fn outgoing(&self) -> Outgoing<'_> {
        let mut parts: Vec<&[u8]> = vec![&self.head];
        parts.extend(self.pickle.iter().map(Piece::bytes));
        let mut length: usize = parts.iter().map(|part| part.len()).sum();
        for Beside { buffer, .. } in &self.buffers {
            let start = length.next_multiple_of(ALIGNMENT);
            let gap = &[0; ALIGNMENT];
            parts.extend(gap.get(..start - length));
            parts.push(buffer.bytes());
            length = start + buffer.bytes().len();
        }
        Outgoing::Parts(parts, self.is_steady)
    }
}

fn whole<'py>(piece: &Bound<'py, PyAny>) -> PyResult<Piece<'py>> {
    let buffer = Buffer::of(piece)?;
    Ok(Piece::First(buffer.bytes().len(), buffer))
}

/// Returns the pieces that a pickler has written, without large `bytes` and `bytearray`, which go to `beside`: the
/// receiver can create these in large pages, and the unpickler can't.
///
/// The pickler writes such an object as a piece of its own, behind its opcode and its length.
fn without_large<'py>(
    pieces: Vec<Bound<'py, PyAny>>,
    beside: &mut Vec<Beside<'py>>,
) -> PyResult<Vec<Piece<'py>>> {
    let mut pickle: Vec<Piece<'py>> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let buffer = Buffer::of(&piece)?;
        let length = buffer.bytes().len();
        if length >= HUGE
            && let Some(Piece::First(end, before)) = pickle.last_mut()
            && let Some((opcode, kind)) = announced(before.bytes(), &piece, length)
        {
            *end -= opcode;
            pickle.push(Piece::NextBuffer);
            beside.push(Beside { buffer, kind });
        } else {
            pickle.push(Piece::First(length, buffer));
        }
    }
    Ok(pickle)
}

/// Returns how many of the last bytes of `before` announce that `object`, of `length` bytes, follows as it
/// is, and what it is then.
fn announced(before: &[u8], object: &Bound<'_, PyAny>, length: usize) -> Option<(usize, Kind)> {
    let ends_with = |opcode: u8, length: &[u8]| {
        let rest = before.strip_suffix(length);
        rest.is_some_and(|rest| rest.last() == Some(&opcode))
    };
    let (long, short) = (
        (length as u64).to_le_bytes(),
        u32::try_from(length).map(u32::to_le_bytes),
    );
    if object.is_exact_instance_of::<PyByteArray>() {
        return ends_with(BYTEARRAY8, &long).then_some((1 + long.len(), Kind::ByteArray));
    }
    if !object.is_exact_instance_of::<PyBytes>() {
        return None;
    }
    match short {
        Ok(short) => ends_with(BINBYTES, &short).then_some((1 + short.len(), Kind::Bytes)),
        Err(_) => ends_with(BINBYTES8, &long).then_some((1 + long.len(), Kind::Bytes)),
    }
}
