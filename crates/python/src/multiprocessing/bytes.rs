//! The bytes of Python objects, and bytes in shared memory: messages, and the storage of `ctypes` objects.

#![expect(
    unsafe_code,
    reason = "the buffer protocol, for which PyO3's API wants a type of the items"
)]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use std::{ptr, slice};

use interlock_shm::{Loan, Storage, Taken};
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyType};

use super::access::Access;
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
    /// The same as for [`of`](Self::of), or the buffer is read-only.
    pub(super) fn writable(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::get(object, ffi::PyBUF_ND | ffi::PyBUF_WRITABLE)
    }

    /// Returns the size of the items of a [`writable`](Self::writable) buffer, if it is a row of items.
    pub(super) fn item_size(&self) -> Option<usize> {
        let size = usize::try_from(self.view.itemsize).ok();
        size.filter(|&size| size > 0 && self.view.ndim == 1)
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

    /// Returns the part of the bytes that the arguments of `send_bytes()` select, or the error in the arguments.
    pub(super) fn part(&self, offset: isize, size: Option<isize>) -> Result<&[u8], &'static str> {
        let offset = usize::try_from(offset).map_err(|_| "offset is negative")?;
        let rest = self.bytes().get(offset..).ok_or("buffer length < offset")?;
        match size.map(usize::try_from) {
            None => Ok(rest),
            Some(Err(_)) => Err("size is negative"),
            Some(Ok(size)) => rest.get(..size).ok_or("buffer length < offset + size"),
        }
    }

    /// Returns whether the exporter allows no writes to the bytes.
    pub(super) fn is_read_only(&self) -> bool {
        self.view.readonly != 0
    }

    /// Returns the bytes of a buffer that is [`writable`](Self::writable).
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
pub(crate) struct MessageView {
    taken: Taken,
    /// How many bytes at its beginning are not part of the pickle.
    skipped: usize,
}

impl MessageView {
    pub(crate) fn new(taken: Taken, skipped: usize) -> Self {
        MessageView { taken, skipped }
    }
}

#[pymethods]
impl MessageView {
    // SAFETY: the interpreter passes a view to be filled, or null.
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.get();
        let address = this.taken.address().filter(|_| this.skipped <= this.taken.len());
        let address = address.ok_or_else(gone)?;
        // SAFETY: so many bytes are there.
        let start = unsafe { address.as_ptr().add(this.skipped) };
        // SAFETY: the object owns the bytes, and nobody writes to them.
        unsafe { fill(slf, view, (start, this.taken.len() - this.skipped), true, flags) }
    }
}

fn gone() -> PyErr {
    PyBufferError::new_err("the message is gone")
}

/// Fills a view of bytes that the object `owner` keeps in place.
///
/// # Safety
/// The bytes are there as long as `owner` lives, and others do not mind if they are written to, unless `is_read_only`. `view` is a view
/// to be filled, or null.
unsafe fn fill(
    owner: &Bound<'_, PyAny>,
    view: *mut ffi::Py_buffer,
    (start, length): (*mut u8, usize),
    is_read_only: bool,
    flags: c_int,
) -> PyResult<()> {
    let (start, length) = (start.cast::<c_void>(), length.cast_signed());
    let is_read_only = c_int::from(is_read_only);
    // SAFETY: the caller vouches for the bytes; the view keeps the owner alive.
    match unsafe { ffi::PyBuffer_FillInfo(view, owner.as_ptr(), start, length, is_read_only, flags) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(owner.py())),
    }
}

/// Bytes that came beside a pickle: the memory of the pickle's objects.
#[pyclass(frozen, module = "interlock._interlock")]
pub(super) struct Lent {
    memory: Memory,
    access: Access,
    /// Whether a view was asked for.
    pub(super) is_viewed: AtomicBool,
}

pub(super) enum Memory {
    /// A part of what is lent.
    Loan(Arc<Loan>, Range<usize>),
    /// No other code has it, so it keeps its length.
    Copy(Py<PyByteArray>),
}

impl Lent {
    pub(super) fn of(memory: Memory, access: Access) -> Self {
        Lent {
            memory,
            access,
            is_viewed: AtomicBool::default(),
        }
    }

    fn bytes(&self, py: Python<'_>) -> Option<(*mut u8, usize)> {
        match &self.memory {
            Memory::Copy(bytes) => Some((bytes.bind(py).data(), bytes.bind(py).len())),
            Memory::Loan(loan, place) => {
                let address = loan.address().filter(|_| place.end <= loan.len())?;
                // SAFETY: the range lies inside of what is lent.
                Some((unsafe { address.as_ptr().add(place.start) }, place.len()))
            }
        }
    }
}

#[pymethods]
impl Lent {
    // SAFETY: the interpreter passes a view to be filled, or null.
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.get();
        let is_read_only = match this.access {
            Access::ReadOnly => true,
            Access::Writable => false,
            // Relaxed: the unpickler and those that get the object from it are one thread, or come after it.
            Access::WritableLater => !this.is_viewed.swap(true, Ordering::Relaxed),
        };
        let bytes = this.bytes(slf.py()).ok_or_else(gone)?;
        // SAFETY: the object has the bytes until it is dropped, for this process alone.
        unsafe { fill(slf, view, bytes, is_read_only, flags) }
    }

    /// Pickles as the object that a pickle with the bytes inside has in its place.
    fn __reduce_ex__<'py>(
        slf: &Bound<'py, Self>,
        _protocol: i32,
    ) -> PyResult<(Bound<'py, PyType>, (Bound<'py, PyAny>,))> {
        let bytes = slf.py().get_type::<PyBytes>().call1((slf,))?;
        Ok((slf.get().access.plain_type(slf.py()), (bytes,)))
    }
}

/// Returns a new bytes object of `length` bytes, all of which `fill` writes.
pub(super) fn filled<'py>(
    py: Python<'py>,
    length: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]),
) -> PyResult<Bound<'py, PyBytes>> {
    // SAFETY: the thread is attached.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), length.cast_signed()) };
    // SAFETY: it is a new object, or null and an exception.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?.cast_into::<PyBytes>()?;
    // SAFETY: it is a bytes object.
    let start = unsafe { ffi::PyBytes_AsString(object.as_ptr()) };
    // SAFETY: the object is new, has so many bytes, and nobody else has it yet.
    fill(unsafe { slice::from_raw_parts_mut(start.cast(), length) });
    Ok(object)
}

/// Like [`filled`], but for a `bytearray`.
pub(super) fn filled_array<'py>(
    py: Python<'py>,
    length: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]),
) -> PyResult<Bound<'py, PyByteArray>> {
    // SAFETY: the thread is attached.
    let object = unsafe { ffi::PyByteArray_FromStringAndSize(ptr::null(), length.cast_signed()) };
    // SAFETY: it is a new object, or null and an exception.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?.cast_into::<PyByteArray>()?;
    let start = object.data();
    // SAFETY: the object is new, has so many bytes, and nobody else has it yet.
    fill(unsafe { slice::from_raw_parts_mut(start.cast(), length) });
    Ok(object)
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

    /// Makes this `length` bytes of the family's memory, all zero.
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
        let start = storage.address().map_err(refused)?;
        // SAFETY: the view keeps the object alive, and that the bytes. They are the program's, as those of a `memoryview` are: it
        // orders the accesses of its threads and processes.
        unsafe { fill(slf, view, (start.as_ptr(), storage.len()), false, flags) }
    }
}
