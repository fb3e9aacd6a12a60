//! `multiprocessing.Pipe()`: its connections.

use std::sync::{Arc, Weak};

use interlock_os::doorbell::Doorbell;
use interlock_shm::{ChannelReader, ChannelWriter, Error, Object, channel};
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use interlock_wait::{Deadline, WaitContext};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::bytes::Buffer;
use super::connection_ends::{Ends, failure};
use super::family::{Family, SharedHandle, open};
use super::large::bytes_like;
use super::loads::loads;
use super::message::{Incoming, Outgoing, Raw};
use super::pickle::Pickle;
use super::queue::Refused;
use super::shared::{deadline_of_poll, refused};
use crate::blocking;
use crate::convert::Given;
use crate::engine::StateLock;
use crate::errors::os_error;
use crate::imported::Imported;
use crate::raw::{Attached, intern};

static DUMPS: Imported = Imported::new("interlock.multiprocessing._pickling", "dumps");
static DUMP: Imported = Imported::new("interlock.multiprocessing._pickling", "dump");
static TOO_SHORT: Imported = Imported::new("multiprocessing", "BufferTooShort");
static PART_OF: Imported = Imported::new("interlock.multiprocessing._connections", "part_of");
static RECEIVE_INTO: Imported = Imported::new("interlock.multiprocessing._connections", "receive_into");
static OVER_DESCRIPTOR: Imported = Imported::new("interlock.multiprocessing._connections", "OverDescriptor");

/// The engine's part of `multiprocessing.connection.Connection`, for those that `Pipe()` makes.
///
/// Messages go through shared memory. The descriptor exists for programs that ask for it, and is rung only after
/// that. Blocking calls end with Ctrl-C. Follows
/// https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.Connection.
#[pyclass(frozen, subclass, name = "_ConnectionBase", module = "interlock._interlock")]
pub(crate) struct SharedConnection {
    /// None when it is closed.
    ends: Attached<StateLock<Option<Arc<Ends>>>>,
    readable: AtomicBool,
    writable: AtomicBool,
}

/// Makes a pipe of two connections that are new.
#[pyfunction]
pub(crate) fn make_pipe(
    py: Python<'_>,
    family: &Family,
    one: &SharedConnection,
    other: &SharedConnection,
    duplex: bool,
) -> PyResult<()> {
    let (one_bell, other_bell) = match duplex {
        true => Doorbell::sockets(),
        false => Doorbell::pipe(),
    }
    .map_err(os_error)?;
    let (one_bell, other_bell) = (Arc::new(one_bell), Arc::new(other_bell));
    let (reader, writer) = channel(&family.arena).map_err(refused)?;
    let (back_reader, back_writer) = match duplex {
        true => channel(&family.arena).map(|(reader, writer)| (Some(reader), Some(writer))),
        false => Ok((None, None)),
    }
    .map_err(refused)?;
    let (to_one, to_other) = (Arc::downgrade(&one_bell), Arc::downgrade(&other_bell));
    one.begin(py, Ends::new((Some(reader), back_writer), &one_bell, to_other));
    other.begin(py, Ends::new((back_reader, Some(writer)), &other_bell, to_one));
    Ok(())
}

#[pymethods]
impl SharedConnection {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedConnection {
            ends: Attached::new(StateLock::new(None)),
            readable: AtomicBool::new(false),
            writable: AtomicBool::new(false),
        }
    }

    /// Makes this the connection with the ends of these numbers. Takes a duplicate of the descriptor.
    fn _interlock_open(
        &self,
        py: Python<'_>,
        family: &Family,
        descriptor: i32,
        ends: (Option<u32>, Option<u32>),
    ) -> PyResult<()> {
        let (reader, writer) = ends;
        let reader = reader.map(|number| open(family, number, ChannelReader::open));
        let writer = writer.map(|number| open(family, number, ChannelWriter::open));
        let doorbell = Arc::new(Doorbell::adopt(descriptor).map_err(os_error)?);
        let ends = (reader.transpose()?, writer.transpose()?);
        self.begin(py, Ends::new(ends, &doorbell, Weak::new()));
        Ok(())
    }

    /// The handles of the two ends, each with that of its channel, for other processes.
    fn _interlock_handles(&self, py: Python<'_>) -> PyResult<Handles> {
        let ends = self.ends(py)?;
        let handles = |objects: [&Object; 2]| {
            objects.map(|object| SharedHandle {
                object: object.clone(),
            })
        };
        Ok((
            ends.reader.as_ref().map(|reader| handles(reader.objects())),
            ends.writer.as_ref().map(|writer| handles(writer.objects())),
        ))
    }

    /// The number of the descriptor, for a caller that hands it on and does not wait for it.
    fn _interlock_descriptor(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.ends(py)?.doorbell.descriptor())
    }

    /// File descriptor of the connection: readable as long as there is something to receive. Never blocks.
    ///
    /// If nothing was sent yet, messages go through it from now on.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        let ends = self.ends(py)?;
        blocking::go_on_waiting(py, Deadline::NEVER, |context| ends.look_inside(context))?
            .map_err(failure)?;
        Ok(ends.doorbell.descriptor())
    }

    /// Close the connection. Never blocks.
    fn close(&self, py: Python<'_>) {
        let ends = self.ends.get(py).lock().take();
        drop(ends);
    }

    /// True if the connection is closed
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        self.ends.get(py).lock().is_none()
    }

    /// True if the connection is readable
    #[getter]
    fn readable(&self) -> bool {
        // Relaxed: it stands for itself.
        self.readable.load(Ordering::Relaxed)
    }

    /// True if the connection is writable
    #[getter]
    fn writable(&self) -> bool {
        // Relaxed: as above.
        self.writable.load(Ordering::Relaxed)
    }

    /// Send a (picklable) object. Blocks as long as a MiB is underway.
    #[inline]
    fn send(&self, py: Python<'_>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        let ends = self.ends(py)?;
        ends.writer()?;
        let is_sent = match Outgoing::plain(obj) {
            Some(plain) => ends.send(py, &plain)?,
            None => {
                let pickle = Pickle::of(DUMP.get(py)?.call1((obj,))?)?;
                ends.send(py, &pickle.outgoing())?
            }
        };
        match is_sent {
            true => Ok(()),
            false => self.over_descriptor(py, "send", (obj,)).map(drop),
        }
    }

    /// Send the bytes data from a bytes-like object. Blocks as long as a MiB is underway.
    #[pyo3(signature = (buf, offset = 0, size = None))]
    fn send_bytes(
        &self,
        py: Python<'_>,
        buf: &Bound<'_, PyAny>,
        offset: isize,
        size: Option<isize>,
    ) -> PyResult<()> {
        let ends = self.ends(py)?;
        ends.writer()?;
        let Ok(buffer) = Buffer::of(buf) else {
            let bytes = PART_OF.get(py)?.call1((buf, offset, size))?;
            return self.send_bytes(py, &bytes, 0, None);
        };
        let bytes = buffer.part(offset, size).map_err(PyValueError::new_err)?;
        let message = match buf.is_exact_instance_of::<PyBytes>() {
            true => Outgoing::pickle(bytes),
            false => Outgoing::loose_pickle(bytes),
        };
        match ends.send(py, &message)? {
            true => Ok(()),
            false => self
                .over_descriptor(py, "send_bytes", (buf, offset, size))
                .map(drop),
        }
    }

    /// Receive a (picklable) object. Blocks until there is one.
    #[inline]
    fn recv<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.receive(py)? {
            Some(incoming) => incoming.object(py),
            None => self.over_descriptor(py, "recv", ()),
        }
    }

    /// Receive bytes data as a bytes object. Blocks until there are some.
    #[pyo3(signature = (maxlength = None))]
    fn recv_bytes<'py>(&self, py: Python<'py>, maxlength: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.reading(py)?;
        if maxlength.is_some_and(|most| most < 0) {
            return Err(PyValueError::new_err("negative maxlength"));
        }
        let is_too_long = |length: usize| maxlength.is_some_and(|most| length.cast_signed() > most);
        let Some(incoming) = self.receive(py)? else {
            let bytes = self.over_descriptor(py, "recv_bytes", (maxlength,))?;
            return Ok(bytes.cast_into()?);
        };
        let raw = incoming.bytes(py)?;
        if raw.len(py).is_some_and(is_too_long) {
            return Err(self.bad_length(py));
        }
        let bytes = into_bytes(raw, py)?;
        match is_too_long(bytes.as_bytes().len()) {
            true => Err(self.bad_length(py)),
            false => Ok(bytes),
        }
    }

    /// Receive bytes data into a writeable bytes-like object. Blocks until there are some.
    ///
    /// Return the number of bytes read.
    #[pyo3(signature = (buf, offset = 0))]
    fn recv_bytes_into(slf: &Bound<'_, Self>, buf: &Bound<'_, PyAny>, offset: isize) -> PyResult<usize> {
        let (py, this) = (slf.py(), slf.get());
        this.reading(py)?;
        let row = Buffer::writable(buf)
            .ok()
            .and_then(|buffer| Some((buffer.item_size()?, buffer)));
        let Some((item, mut buffer)) = row else {
            return RECEIVE_INTO.get(py)?.call1((slf, buf, offset))?.extract();
        };
        let offset = usize::try_from(offset).map_err(|_| PyValueError::new_err("negative offset"))?;
        let length = buffer.bytes().len();
        if offset > length {
            return Err(PyValueError::new_err("offset too large"));
        }
        let Some(incoming) = this.receive(py)? else {
            drop(buffer);
            return this
                .over_descriptor(py, "recv_bytes_into", (buf, offset))?
                .extract();
        };
        // The standard library fills whole items, from the one in which the offset lies.
        let items = |end: usize| offset / item * item..end / item * item;
        let raw = incoming.bytes(py)?;
        if let Raw::Large(taken) = &raw
            && let size = taken.len() - 1
            && size <= length - offset
        {
            let into = &mut buffer.bytes_mut()[items(offset + size)];
            let most = size.min(into.len());
            taken.read_from(1, &mut into[..most]);
            return Ok(size);
        }
        let bytes = into_bytes(raw, py)?;
        let size = bytes.as_bytes().len();
        if size > length - offset {
            return Err(PyErr::from_value(TOO_SHORT.get(py)?.call1((bytes,))?));
        }
        let into = &mut buffer.bytes_mut()[items(offset + size)];
        let most = size.min(into.len());
        into[..most].copy_from_slice(&bytes.as_bytes()[..most]);
        Ok(size)
    }

    /// Whether there is any input available to be read. Blocks until there is, for at most `timeout` seconds (None: without
    /// limit).
    #[pyo3(signature = (timeout = Given(None)), text_signature = "($self, timeout=0.0)")]
    fn poll(&self, py: Python<'_>, timeout: Given<'_>) -> PyResult<bool> {
        let ends = self.reading(py)?;
        let reader = ends.reader()?;
        let end = match &timeout.0 {
            None => Deadline::PASSED,
            Some(timeout) => deadline_of_poll(Some(timeout).filter(|timeout| !timeout.is_none()))?,
        };
        match blocking::go_on_waiting(py, end, |context| reader.poll(context))? {
            Ok(()) => Ok(true),
            Err(Error::Ended(_)) => Ok(false),
            Err(Error::Moved) => {
                let given = timeout.0.as_ref().map(|timeout| (timeout,));
                match given {
                    Some(args) => self.over_descriptor(py, "poll", args),
                    None => self.over_descriptor(py, "poll", ()),
                }?
                .extract()
            }
            Err(error) => Err(failure(error)),
        }
    }

    /// Like `recv()`, under a lock that is released before the object is created.
    fn _interlock_recv<'py>(&self, lock: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = lock.py();
        lock.call_method0(intern!(py, "acquire"))?;
        let received = self.receive(py).and_then(|received| match received {
            Some(incoming) => Ok(Ok(incoming)),
            None => self.over_descriptor(py, "recv_bytes", ()).map(Err),
        });
        lock.call_method0(intern!(py, "release"))?;
        match received? {
            Ok(incoming) => incoming.object(py),
            Err(pickle) => loads(py, pickle),
        }
    }

    // For functions of the standard class.

    #[getter]
    fn _handle(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        match self.closed(py) {
            true => Ok(None),
            false => self.fileno(py).map(Some),
        }
    }

    #[getter]
    fn _readable(&self) -> bool {
        self.readable()
    }

    #[getter]
    fn _writable(&self) -> bool {
        self.writable()
    }
}

/// The handles of an end and of its channel, for both directions.
type Handles = (Option<[SharedHandle; 2]>, Option<[SharedHandle; 2]>);

impl SharedConnection {
    fn begin(&self, py: Python<'_>, ends: Ends) {
        // Relaxed: it stands for itself.
        self.readable.store(ends.reader.is_some(), Ordering::Relaxed);
        // Relaxed: as above.
        self.writable.store(ends.writer.is_some(), Ordering::Relaxed);
        *self.ends.get(py).lock() = Some(Arc::new(ends));
    }

    #[inline]
    fn ends(&self, py: Python<'_>) -> PyResult<Arc<Ends>> {
        let ends = self.ends.get(py).lock().clone();
        ends.ok_or_else(|| PyOSError::new_err("handle is closed"))
    }

    #[inline]
    fn reading(&self, py: Python<'_>) -> PyResult<Arc<Ends>> {
        let ends = self.ends(py)?;
        match self.readable() {
            true => Ok(ends),
            false => Err(PyOSError::new_err("connection is write-only")),
        }
    }

    /// Returns `None` if messages go through the descriptor.
    #[inline]
    fn receive(&self, py: Python<'_>) -> PyResult<Option<Incoming>> {
        let ends = self.reading(py)?;
        let reader = ends.reader()?;
        let receive = |context: &mut WaitContext<'_>| {
            reader.receive_with(context, |message| {
                Incoming::read(py, message).map_err(Refused::Raised)
            })
        };
        match blocking::go_on_waiting(py, Deadline::NEVER, receive)? {
            Ok(incoming) => Ok(Some(incoming)),
            Err(Refused::Engine(Error::Moved)) => Ok(None),
            Err(Refused::Engine(error)) => Err(failure(error)),
            Err(Refused::Raised(raised)) => Err(raised),
        }
    }

    /// Calls a method of the standard library's connection over the descriptor, which stays open meanwhile.
    #[cold]
    fn over_descriptor<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        args: impl PyCallArgs<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ends = self.ends(py)?;
        let facts = (ends.doorbell.descriptor(), self.readable(), self.writable());
        let standard = OVER_DESCRIPTOR.get(py)?.call1(facts)?;
        let outcome = standard.call_method1(method, args);
        // The connection receives nothing more after a message that was too long.
        if standard.getattr(intern!(py, "closed"))?.is_truthy()? {
            self.close(py);
        } else if !standard.getattr(intern!(py, "readable"))?.is_truthy()? {
            // Relaxed: it stands for itself.
            self.readable.store(false, Ordering::Relaxed);
        }
        outcome
    }

    /// Called when a message was longer than the program allows: nothing can be received any more.
    #[cold]
    fn bad_length(&self, py: Python<'_>) -> PyErr {
        match self.writable() {
            // Relaxed: it stands for itself.
            true => self.readable.store(false, Ordering::Relaxed),
            false => self.close(py),
        }
        PyOSError::new_err("bad message length")
    }
}

fn into_bytes(raw: Raw, py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    raw.into_bytes(py, |object| {
        let pickle = DUMPS.get(py)?.call1((object,))?;
        bytes_like(py, Buffer::of(&pickle)?.bytes())
    })
}
