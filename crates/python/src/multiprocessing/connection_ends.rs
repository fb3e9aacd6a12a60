//! The ends of a connection's two channels.

use std::sync::{Arc, Weak};

use interlock_os::doorbell::Doorbell;
use interlock_shm::{ChannelReader, ChannelWriter, Error, Taken};
use interlock_wait::{Deadline, WaitContext};
use pyo3::exceptions::{PyBrokenPipeError, PyEOFError, PyOSError};
use pyo3::prelude::*;

use super::message::Outgoing;
use super::shared::refused;
use crate::blocking;

/// The kernel's error number for a pipe without a reader: the same on all of Linux.
const EPIPE: i32 = 32;

/// The engine's part of a connection: one end for each of its directions. They are dropped before the descriptor is
/// closed, so that a reader that sees the descriptor closed finds the end of the file.
pub(super) struct Ends {
    pub(super) reader: Option<ChannelReader>,
    pub(super) writer: Option<ChannelWriter>,
    pub(super) doorbell: Arc<Doorbell>,
    /// The descriptor of the other connection, as long as that connection is open in this process, too.
    other: Weak<Doorbell>,
}

impl Ends {
    /// Makes the ends ring and hear `doorbell`. The other connection of the pipe has `other`.
    pub(super) fn new(
        (reader, writer): (Option<ChannelReader>, Option<ChannelWriter>),
        doorbell: &Arc<Doorbell>,
        other: Weak<Doorbell>,
    ) -> Self {
        Ends {
            reader: reader.map(|reader| reader.with_doorbell(Arc::clone(doorbell))),
            writer: writer.map(|writer| writer.with_doorbell(Arc::clone(doorbell))),
            doorbell: Arc::clone(doorbell),
            other,
        }
    }

    /// Called when the program asks for the descriptor, and may read and write it. Moves each direction that no
    /// process has used to the descriptor, if this process has both descriptors. For other directions, the
    /// descriptor only tells that there is a message.
    pub(super) fn look_inside(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let other = self.other.upgrade();
        if let (Some(writer), Some(hears)) = (&self.writer, &other) {
            writer.move_to_descriptor(hears, context)?;
        }
        let Some(reader) = &self.reader else {
            return Ok(());
        };
        if other.is_none() || !reader.move_to_descriptor(&self.doorbell, context)? {
            reader.ask_for_descriptor(context)?;
        }
        Ok(())
    }

    /// Returns the end that receives. OSError if the connection has none.
    #[inline]
    pub(super) fn reader(&self) -> PyResult<&ChannelReader> {
        match &self.reader {
            Some(reader) => Ok(reader),
            None => Err(PyOSError::new_err("connection is write-only")),
        }
    }

    /// Returns the end that sends. OSError if the connection has none.
    #[inline]
    pub(super) fn writer(&self) -> PyResult<&ChannelWriter> {
        match &self.writer {
            Some(writer) => Ok(writer),
            None => Err(PyOSError::new_err("connection is read-only")),
        }
    }

    /// Sends a message. Blocks until there is room. If messages go through the descriptor, sends nothing, and
    /// returns `false`.
    #[inline]
    pub(super) fn send(&self, py: Python<'_>, message: &Outgoing<'_>) -> PyResult<bool> {
        let writer = self.writer()?;
        let send = |context: &mut WaitContext<'_>| match message.is_huge_and_steady() {
            true => {
                let made = message.with_aside(py, |parts| Taken::filled(writer.arena(), parts))?;
                writer.send_filled(made, context)
            }
            false => message.with(|parts| writer.send(parts, context)),
        };
        match blocking::go_on_waiting(py, Deadline::NEVER, send)? {
            Ok(()) => Ok(true),
            Err(Error::Moved) => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }
}

/// Converts the error of a connection to Python's.
#[cold]
pub(super) fn failure(error: Error) -> PyErr {
    match error {
        Error::EndOfFile => PyEOFError::new_err(()),
        Error::BrokenPipe => PyBrokenPipeError::new_err((EPIPE, "Broken pipe")),
        error => refused(error),
    }
}
