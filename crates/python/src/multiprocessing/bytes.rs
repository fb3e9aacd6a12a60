//! Bytes of Python objects, and bytes in shared memory as such: messages, and the storage of `ctypes` objects.

#![expect(
    unsafe_code,
    reason = "the buffer protocol, for which PyO3's API wants a type of the items"
)]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::slice;

use interlock_shm::{Storage, Taken};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::family::{Family, SharedHandle, open};
use super::shared::{Shared, refused};

/// The bytes of an object with a contiguous buffer, as long as this lives.
pub(super) struct Buffer<'py> {
    view: Box<ffi::Py_buffer>,
    _py: Python<'py>,
}

impl<'py> Buffer<'py> {
    /// # Errors
    /// The object has no such buffer.
    pub(super) fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::get(object, ffi::PyBUF_SIMPLE)
    }

    /// # Errors
    /// As [`of`](Self::of), or it is read-only.
    pub(super) fn writable(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::get(object, ffi::PyBUF_SIMPLE | ffi::PyBUF_WRITABLE)
    }

    fn get(object: &Bound<'py, PyAny>, flags: c_int) -> PyResult<Self> {
        let mut view = Box::new(MaybeUninit::<ffi::Py_buffer>::uninit());
        // SAFETY: the object is alive, the thread is attached, and the pointer is to memory for a view.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), flags) } {
            0 => Ok(Buffer {
                // SAFETY: the call has initialized it.
                view: unsafe { view.assume_init() },
                _py: object.py(),
            }),
            _ => Err(PyErr::fetch(object.py())),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self.view.len {
            0 => &[],
            // SAFETY: the exporter keeps so many bytes there until the view is released. Another thread that changes them
            // meanwhile, as with `os.write()`, changes what is sent.
            length => unsafe { slice::from_raw_parts(self.view.buf.cast(), length.cast_unsigned()) },
        }
    }

    /// The bytes of a buffer that is [`writable`](Self::writable).
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self.view.len {
            length if length > 0 && self.view.readonly == 0 => {
                // SAFETY: as in `bytes`; and the exporter lets others write to them.
                unsafe { slice::from_raw_parts_mut(self.view.buf.cast(), length.cast_unsigned()) }
            }
            _ => &mut [],
        }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        // SAFETY: the view was got from the exporter, and is released once, by an attached thread.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.view) }
    }
}

/// A large message in shared memory, from which a pickle is loaded. It has a read-only buffer.
#[pyclass(frozen, module = "interlock._interlock")]
pub(super) struct MessageView {
    taken: Taken,
    /// How many bytes at its beginning are not part of the pickle.
    skipped: usize,
}

impl MessageView {
    pub(super) fn new(taken: Taken, skipped: usize) -> Self {
        MessageView { taken, skipped }
    }
}

#[pymethods]
impl MessageView {
    // SAFETY: the interpreter passes a view to be filled, or null.
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.get();
        let address = this.taken.address().filter(|_| this.skipped <= this.taken.len());
        let Some(address) = address else {
            return Err(PyBufferError::new_err("the message is gone"));
        };
        // SAFETY: so many bytes are there.
        let start = unsafe { address.as_ptr().add(this.skipped) }.cast::<c_void>();
        let length = (this.taken.len() - this.skipped).cast_signed();
        // SAFETY: the object owns the bytes, and the view keeps it alive; nobody writes to them, and the view is read-only.
        let outcome = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 1, flags) };
        match outcome {
            0 => Ok(()),
            _ => Err(PyErr::fetch(slf.py())),
        }
    }
}

/// Bytes in shared memory, for a `ctypes` object. It has a buffer.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct SharedStorage {
    pub(super) storage: Shared<Storage>,
}

#[pymethods]
impl SharedStorage {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedStorage {
            storage: Shared::new(),
        }
    }

    /// Makes this so many bytes of the family's memory, all zero.
    fn _interlock_begin(&self, family: &Family, length: usize) -> PyResult<()> {
        self.storage
            .begin(Storage::new(&family.arena, length).map_err(refused)?)
    }

    /// Makes this the object of that number.
    fn _interlock_open(&self, family: &Family, number: u32) -> PyResult<()> {
        self.storage.begin(open(family, number, Storage::open)?)
    }

    /// Its handle, for other processes.
    fn _interlock_handle(&self) -> PyResult<SharedHandle> {
        let object = self.storage.get()?.object().clone();
        Ok(SharedHandle { object })
    }

    // SAFETY: the interpreter passes a view to be filled, or null.
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let storage = slf.get().storage.get()?;
        let Some(start) = storage.address() else {
            return Err(PyBufferError::new_err("the storage is gone"));
        };
        let (start, length) = (start.as_ptr().cast::<c_void>(), storage.len().cast_signed());
        // SAFETY: the view keeps the object alive, and that the bytes. They are the program's, as those of a `memoryview` are: it
        // orders the accesses of its threads and processes.
        match unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 0, flags) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(slf.py())),
        }
    }
}
