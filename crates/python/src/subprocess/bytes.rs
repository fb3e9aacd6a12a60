//! Bytes on their way between pipes and Python objects, without a copy in between.

#![expect(
    unsafe_code,
    reason = "an object into which a detached thread reads, and a buffer from which it writes"
)]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::{ptr, slice};

use interlock_os::exchange::{Sink, Source};
use interlock_os::files::USUAL_PIPE;
use interlock_os::pages::expect_all;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

unsafe extern "C" {
    /// See <https://docs.python.org/3/c-api/bytes.html#c._PyBytes_Resize>.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> c_int;
}

/// The size of the object at first: a full pipe fills it.
const FIRST: usize = USUAL_PIPE;

/// From this size on the object is copied into a large one. Up to here it grows to four times its size.
const MIDDLE: usize = 1 << 20;

/// The size of a large object: it fits into pages of two megabytes, together with its header. The part that is not
/// filled in the end takes no memory. From this size on, the object doubles its size, most of the time in place.
const LARGE: usize = (64 << 20) - 128;

/// An object that is being filled: bytes, or ASCII text. No other code knows the object until it is full.
pub(super) struct Received {
    /// A new object with `capacity` bytes, of which `length` are written. Null after it could not be made larger.
    object: *mut ffi::PyObject,
    start: *mut u8,
    length: usize,
    capacity: usize,
    is_eager: bool,
    /// Whether the object is a str.
    is_text: bool,
    /// Whether bytes have come that are not ASCII, or that belong to other newlines.
    is_odd: bool,
}

// SAFETY: it owns the object alone. A thread that is not attached writes to the bytes only, and calls nothing of the interpreter.
unsafe impl Send for Received {}

impl Received {
    /// Creates an object that begins with these bytes.
    pub(super) fn new(py: Python<'_>, first: &[u8], is_eager: bool, is_text: bool) -> PyResult<Self> {
        let mut received = Received {
            object: ptr::null_mut(),
            start: ptr::null_mut(),
            length: 0,
            capacity: 0,
            is_eager,
            is_text,
            is_odd: false,
        };
        received.begin(py, FIRST.max(first.len() * 2))?;
        received.put(first);
        Ok(received)
    }

    fn begin(&mut self, py: Python<'_>, capacity: usize) -> PyResult<()> {
        let size = capacity.cast_signed();
        self.object = match self.is_text {
            // SAFETY: the thread is attached; 127 stands for ASCII.
            true => unsafe { ffi::PyUnicode_New(size, 127) },
            // SAFETY: the thread is attached.
            false => unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), size) },
        };
        self.length = 0;
        self.look(py, capacity)
    }

    /// Updates the address of the object's bytes.
    fn look(&mut self, py: Python<'_>, capacity: usize) -> PyResult<()> {
        if self.object.is_null() {
            (self.capacity, self.length) = (0, 0);
            return Err(PyErr::fetch(py));
        }
        self.start = match self.is_text {
            // SAFETY: it is a str of ASCII, whose characters are its UTF-8.
            true => unsafe { ffi::PyUnicode_AsUTF8AndSize(self.object, ptr::null_mut()) }
                .cast_mut()
                .cast(),
            // SAFETY: it is a bytes object.
            false => unsafe { ffi::PyBytes_AsString(self.object) }.cast(),
        };
        self.capacity = capacity;
        Ok(())
    }

    /// Writes bytes to a new object, which has room for them.
    fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.capacity - self.length, "there is room");
        // SAFETY: the object has `capacity` bytes from `start` on.
        let rest = unsafe { self.start.add(self.length) };
        // SAFETY: there is room for that many bytes, of which `bytes` are no part.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), rest, bytes.len()) };
        self.received(bytes.len());
    }

    /// Returns the bytes so far.
    fn bytes(&self) -> &[u8] {
        match self.length {
            0 => &[],
            // SAFETY: so many bytes of the object were written.
            length => unsafe { slice::from_raw_parts(self.start, length) },
        }
    }

    /// Enlarges the object if it is full, and converts it to bytes if it can't be text. Returns whether it was
    /// full.
    ///
    /// # Errors
    /// There is no memory. The received bytes may be lost.
    pub(super) fn make_room(&mut self, py: Python<'_>) -> PyResult<bool> {
        if self.is_text && self.is_odd {
            self.become_bytes(py)?;
        }
        if self.length < self.capacity {
            return Ok(false);
        }
        if self.object.is_null() {
            return self.begin(py, FIRST).map(|()| false);
        }
        let full = self.capacity;
        match full {
            ..MIDDLE => self.resize(py, full * 4)?,
            MIDDLE..LARGE if self.moves(py, LARGE) => {}
            _ => self.resize(py, full * 2)?,
        }
        Ok(true)
    }

    /// Converts the received text to bytes.
    fn become_bytes(&mut self, py: Python<'_>) -> PyResult<()> {
        *self = Received::new(py, self.bytes(), self.is_eager, false)?;
        Ok(())
    }

    /// Moves the bytes to a larger object. Returns whether there is memory for that.
    fn moves(&mut self, py: Python<'_>, capacity: usize) -> bool {
        let mut other = Received {
            object: ptr::null_mut(),
            start: ptr::null_mut(),
            ..*self
        };
        if other.begin(py, capacity).is_err() {
            return false;
        }
        expect_all(other.room());
        other.put(self.bytes());
        std::mem::swap(self, &mut other);
        true
    }

    fn resize(&mut self, py: Python<'_>, capacity: usize) -> PyResult<()> {
        let size = capacity.cast_signed();
        if self.is_text {
            // SAFETY: the object is new, and nobody else has it; on an error it stays.
            if unsafe { ffi::PyUnicode_Resize(&raw mut self.object, size) } != 0 {
                return Err(PyErr::fetch(py));
            }
        } else {
            // SAFETY: as above; on an error the pointer is null afterwards.
            unsafe { _PyBytes_Resize(&raw mut self.object, size) };
        }
        self.look(py, capacity)
    }

    /// Returns the bytes that were received since the last call.
    pub(super) fn take<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if self.length <= FIRST || self.is_text {
            // The object stays for the bytes that come next.
            let bytes = PyBytes::new(py, self.bytes());
            self.length = 0;
            return Ok(bytes);
        }
        Ok(self.finish(py)?.cast_into::<PyBytes>()?)
    }

    /// Like [`take`](Self::take), but returns text. `None` if the bytes are few, or are not text.
    pub(super) fn take_text(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyString>>> {
        if self.length <= FIRST || !self.is_text || self.is_odd {
            return Ok(None);
        }
        Ok(Some(self.finish(py)?.cast_into::<PyString>()?.unbind()))
    }

    /// Gives the object away.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.resize(py, self.length)?;
        (self.capacity, self.length) = (0, 0);
        let object = std::mem::replace(&mut self.object, ptr::null_mut());
        // SAFETY: it is the object, which nobody else owns.
        unsafe { Bound::from_owned_ptr_or_err(py, object) }
    }
}

impl Sink for Received {
    fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.capacity == self.length || self.is_text && self.is_odd {
            return &mut [];
        }
        // SAFETY: the object has `capacity` bytes from `start` on.
        let rest = unsafe { self.start.add(self.length) };
        // SAFETY: so many are left from there on, which nobody else reads or writes.
        unsafe { slice::from_raw_parts_mut(rest.cast(), self.capacity - self.length) }
    }

    fn received(&mut self, count: usize) {
        let before = self.length;
        self.length += count;
        if self.is_text {
            self.is_odd |= !is_plain(&self.bytes()[before..]);
        }
    }

    fn is_eager(&self) -> bool {
        self.is_eager
    }
}

/// Returns whether these bytes are ASCII, and none is a carriage return. Written like this, it checks many bytes at
/// once.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|chunk| {
        let odd = |found: u8, &byte: &u8| found | byte & 0x80 | u8::from(byte == b'\r');
        chunk.iter().fold(0, odd) == 0
    })
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.object.is_null() {
            // SAFETY: an exchange ends on attached threads only, and the object is owned.
            unsafe { ffi::Py_DECREF(self.object) }
        }
    }
}

/// The bytes of an object on their way into a pipe.
pub(super) struct Sent {
    buffer: PyBuffer<u8>,
    offset: usize,
}

impl Sent {
    /// Returns the bytes of `data` from `offset` on.
    ///
    /// # Errors
    /// The bytes are not contiguous.
    pub(super) fn new(data: &Bound<'_, PyAny>, offset: usize) -> PyResult<Self> {
        let buffer = PyBuffer::get(data)?;
        match buffer.is_c_contiguous() {
            true => Ok(Sent { buffer, offset }),
            false => Err(PyBufferError::new_err("the input is not contiguous")),
        }
    }

    /// Returns how many bytes, from the beginning, have been written.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }
}

impl Source for Sent {
    fn rest(&self) -> &[u8] {
        let length = self.buffer.len_bytes();
        if self.offset >= length {
            return &[];
        }
        let start = self.buffer.buf_ptr().cast::<u8>();
        // SAFETY: the exporter keeps `length` bytes there until the buffer is released.
        let rest = unsafe { start.add(self.offset) };
        // SAFETY: so many are left from there on. Another thread that changes them meanwhile, as with `os.write()`, changes what
        // is sent.
        unsafe { slice::from_raw_parts(rest, length - self.offset) }
    }

    fn sent(&mut self, count: usize) {
        self.offset += count;
    }
}
