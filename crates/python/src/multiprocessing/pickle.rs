//! Pickles on their way into messages, and the large buffers beside them.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::bytes::Buffer;
use super::loads::ALIGNMENT;
use super::message::{Outgoing, PICKLE, WITH_BUFFERS};

/// An object's pickle, on its way into a message.
pub(crate) enum Pickle<'py> {
    Whole(Bound<'py, PyBytes>),
    Parts(Parts<'py>),
}

/// The parts of a pickle, and the buffers beside it.
pub(crate) struct Parts<'py> {
    head: Vec<u8>,
    pickle: Vec<Buffer<'py>>,
    buffers: Vec<Buffer<'py>>,
}

impl<'py> Pickle<'py> {
    /// What `dump()` of `_pickling` has returned.
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
        let (pickle, buffers) = dumped.extract::<(Vec<Bound<'_, PyAny>>, Vec<Bound<'_, PyAny>>)>()?;
        let views = |objects: Vec<Bound<'py, PyAny>>| -> PyResult<Vec<_>> {
            objects.iter().map(Buffer::of).collect()
        };
        let (pickle, buffers) = (views(pickle)?, views(buffers)?);
        if buffers.is_empty() {
            let head = vec![PICKLE];
            return Ok(Parts {
                head,
                pickle,
                buffers,
            });
        }
        let mut head = vec![WITH_BUFFERS, 0, 0, 0];
        head.extend((buffers.len() as u32).to_le_bytes());
        let length: usize = pickle.iter().map(|part| part.bytes().len()).sum();
        head.extend((length as u64).to_le_bytes());
        for buffer in &buffers {
            let word = (buffer.bytes().len() as u64) << 1 | u64::from(buffer.is_read_only());
            head.extend(word.to_le_bytes());
        }
        Ok(Parts {
            head,
            pickle,
            buffers,
        })
    }

    #[cold]
    fn outgoing(&self) -> Outgoing<'_> {
        let mut parts: Vec<&[u8]> = vec![&self.head];
        parts.extend(self.pickle.iter().map(Buffer::bytes));
        let mut length: usize = parts.iter().map(|part| part.len()).sum();
        for buffer in &self.buffers {
            let start = length.next_multiple_of(ALIGNMENT);
            let gap = &[0; ALIGNMENT];
            parts.extend(gap.get(..start - length));
            parts.push(buffer.bytes());
            length = start + buffer.bytes().len();
        }
        Outgoing::Parts(parts)
    }
}
