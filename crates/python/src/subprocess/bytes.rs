//! Bytes on their way between pipes and Python objects, without a copy in between.

#![expect(
    unsafe_code,
    reason = "a bytes object into which a detached thread reads, and a buffer from which it writes"
)]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::{ptr, slice};

use interlock_os::exchange::{Sink, Source};
use interlock_os::pages::expect_all;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

unsafe extern "C" {
    /// See <https://docs.python.org/3/c-api/bytes.html#c._PyBytes_Resize>.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> c_int;
}

/// How large the object is at first.
const FIRST: usize = 32 << 10;

/// From this size on the object grows to the double, and up to it to four times its size.
const LARGE: usize = 64 << 20;

/// Objects of this size have large pages of the machine in them: the kernel makes 512 ordinary ones in the time of a few of those.
const HUGE: usize = 4 << 20;

/// A bytes object that is being filled. Nobody else knows the object until it is full.
pub(super) struct Received {
    /// A new object with `capacity` bytes, of which `length` are written. Null after it could not be made larger.
    object: *mut ffi::PyObject,
    start: *mut u8,
    length: usize,
    capacity: usize,
    is_eager: bool,
}

// SAFETY: it owns the object alone. A thread that is not attached writes to the bytes only, and calls nothing of the interpreter.
unsafe impl Send for Received {}

impl Received {
    /// An object that begins with these bytes.
    pub(super) fn new(py: Python<'_>, first: &[u8], is_eager: bool) -> PyResult<Self> {
        let mut received = Received {
            object: ptr::null_mut(),
            start: ptr::null_mut(),
            length: 0,
            capacity: 0,
            is_eager,
        };
        received.begin(py, FIRST.max(first.len() * 2))?;
        // SAFETY: there is room for that many bytes in the new object, of which `first` is no part.
        unsafe { ptr::copy_nonoverlapping(first.as_ptr(), received.start, first.len()) };
        received.length = first.len();
        Ok(received)
    }

    fn begin(&mut self, py: Python<'_>, capacity: usize) -> PyResult<()> {
        // SAFETY: the thread is attached.
        self.object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), capacity.cast_signed()) };
        self.look(py, capacity)?;
        self.length = 0;
        Ok(())
    }

    /// Takes note of where the bytes of the object are now.
    fn look(&mut self, py: Python<'_>, capacity: usize) -> PyResult<()> {
        if self.object.is_null() {
            (self.capacity, self.length) = (0, 0);
            return Err(PyErr::fetch(py));
        }
        // SAFETY: it is a bytes object.
        self.start = unsafe { ffi::PyBytes_AsString(self.object) }.cast();
        self.capacity = capacity;
        Ok(())
    }

    /// Makes the object larger if it is full.
    ///
    /// # Errors
    /// There is no memory. What was received is lost.
    pub(super) fn make_room(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.length < self.capacity {
            return Ok(());
        }
        if self.object.is_null() {
            return self.begin(py, FIRST);
        }
        let capacity = self.capacity * if self.capacity < LARGE { 4 } else { 2 };
        // SAFETY: the object is new, and nobody else has it; on an error the pointer is null afterwards.
        unsafe { _PyBytes_Resize(&raw mut self.object, capacity.cast_signed()) };
        self.look(py, capacity)?;
        if capacity >= HUGE {
            expect_all(self.room());
        }
        Ok(())
    }

    /// What was received since this was called last.
    pub(super) fn take<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if self.length == 0 {
            return Ok(PyBytes::new(py, b""));
        }
        if self.length <= FIRST {
            // The object stays for what comes next.
            // SAFETY: so many bytes of it were written.
            let bytes = unsafe { slice::from_raw_parts(self.start, self.length) };
            self.length = 0;
            return Ok(PyBytes::new(py, bytes));
        }
        let mut object = std::mem::replace(&mut self.object, ptr::null_mut());
        let length = std::mem::take(&mut self.length);
        self.capacity = 0;
        // SAFETY: as in `make_room`.
        unsafe { _PyBytes_Resize(&raw mut object, length.cast_signed()) };
        // SAFETY: it is the object, which this function owns, or null and an exception.
        let bytes = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
        Ok(bytes.cast_into::<PyBytes>()?)
    }
}

impl Sink for Received {
    fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.capacity == self.length {
            return &mut [];
        }
        // SAFETY: the object has `capacity` bytes from `start` on.
        let rest = unsafe { self.start.add(self.length) };
        // SAFETY: so many are left from there on, which nobody else reads or writes.
        unsafe { slice::from_raw_parts_mut(rest.cast(), self.capacity - self.length) }
    }

    fn received(&mut self, count: usize) {
        self.length += count;
    }

    fn is_eager(&self) -> bool {
        self.is_eager
    }
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
    /// The bytes of `data` from `offset` on.
    ///
    /// # Errors
    /// They do not lie one after the other.
    pub(super) fn new(data: &Bound<'_, PyAny>, offset: usize) -> PyResult<Self> {
        let buffer = PyBuffer::get(data)?;
        match buffer.is_c_contiguous() {
            true => Ok(Sent { buffer, offset }),
            false => Err(PyBufferError::new_err("the input is not contiguous")),
        }
    }

    /// How many bytes, from the beginning, have been written.
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
