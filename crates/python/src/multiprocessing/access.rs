//! The access of a receiver to a buffer that has arrived.

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
}
