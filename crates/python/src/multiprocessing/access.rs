//! The access of a receiver to a buffer that has arrived.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyType};

/// The allowed access to the bytes of [`Lent`](super::bytes::Lent).
#[derive(Clone, Copy)]
pub(super) enum Access {
    ReadOnly,
    Writable,
    /// The first view is read-only: it is the unpickler's, which checks whether it has to replace the object by a
    /// read-only view.
    WritableLater,
}

impl Access {
    /// Returns the access for the receiver of a buffer. Before Python 3.14, pickles of the standard library do not
    /// tell that a buffer was read-only, so the received object is writable.
    pub(super) fn of_buffer(was_read_only: bool) -> Self {
        match was_read_only {
            false => Access::Writable,
            true if cfg!(Py_3_14) => Access::ReadOnly,
            true => Access::WritableLater,
        }
    }

    /// Returns the type that an unpickler makes of bytes with this access.
    pub(super) fn plain_type(self, py: Python<'_>) -> Bound<'_, PyType> {
        match self {
            Access::ReadOnly => py.get_type::<PyBytes>(),
            Access::Writable | Access::WritableLater => py.get_type::<PyByteArray>(),
        }
    }
}
