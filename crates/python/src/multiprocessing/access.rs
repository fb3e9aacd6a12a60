//! What a receiver may do with a buffer that has arrived.

/// What may be done with the bytes of [`Lent`](super::bytes::Lent).
#[derive(Clone, Copy)]
pub(super) enum Access {
    ReadOnly,
    Writable,
    /// The first view is read-only: the unpickler's, which looks whether it has to put a read-only view in place of the object.
    WritableLater,
}

impl Access {
    /// For the receiver of a buffer. The pickles that the standard library sends before Python 3.14 do not say that a buffer was
    /// read-only, so what is made of it can be written to.
    pub(super) fn of_buffer(was_read_only: bool) -> Self {
        match was_read_only {
            false => Access::Writable,
            true if cfg!(Py_3_14) => Access::ReadOnly,
            true => Access::WritableLater,
        }
    }
}
