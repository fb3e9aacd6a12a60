//! Instances made without the general machinery of instantiation: of any class by its `__new__` alone, and locks and
//! simple queues where a program calls their class without arguments.

#![expect(unsafe_code, reason = "instances are made by the functions in their classes")]

use interlock_wait::primitive::global::{AtomicUsize, Ordering};
use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::call::all_arguments;
use crate::lock::{Lock, allocate_lock};
use crate::queue::SimpleQueue;

/// Creates an instance of a class with its `__new__`, without arguments. Does not call `__init__`.
#[inline]
pub(crate) fn new_instance<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    static NOTHING: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let py = class.py();
    let nothing = NOTHING.get_or_init(py, || PyTuple::empty(py).unbind());
    // SAFETY: the class is alive.
    let new = unsafe { (*class.as_type_ptr()).tp_new };
    let new = new.ok_or_else(|| PyTypeError::new_err("the class can't be instantiated"))?;
    // SAFETY: the arguments are those of a call without any.
    let instance = unsafe { new(class.as_type_ptr(), nothing.as_ptr(), std::ptr::null_mut()) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, instance) }
}

/// A class whose instances a call of it without arguments makes by a short way.
pub(super) trait Made: PyClass + Into<PyClassInitializer<Self>> {
    /// What a new object holds.
    fn new_contents() -> Self;

    /// The offset of the contents in an object.
    fn offset() -> &'static AtomicUsize;
}

impl Made for Lock {
    #[inline]
    fn new_contents() -> Self {
        allocate_lock()
    }

    fn offset() -> &'static AtomicUsize {
        static OFFSET: AtomicUsize = AtomicUsize::new(0);
        &OFFSET
    }
}

impl Made for SimpleQueue {
    #[inline]
    fn new_contents() -> Self {
        SimpleQueue::without_items()
    }

    fn offset() -> &'static AtomicUsize {
        static OFFSET: AtomicUsize = AtomicUsize::new(0);
        &OFFSET
    }
}

/// Puts the short way of creating an instance before the general one. (Classes derived from this one do not inherit it.)
pub(super) fn install_short_way<T: Made>(py: Python<'_>) -> PyResult<()> {
    let object = Bound::new(py, T::new_contents())?;
    let contents: *const T = &raw const *object.try_borrow()?;
    let offset = contents.addr() - object.as_ptr().addr();
    // Relaxed: no other thread can call the class yet.
    T::offset().store(offset, Ordering::Relaxed);
    let class = py.get_type::<T>().as_type_ptr();
    // SAFETY: the class is alive, and no call of it has happened yet. Its metaclass, `type` or derived from it, reads the
    // function from there.
    unsafe { (*class).tp_vectorcall = Some(create::<T>) };
    Ok(())
}

/// A call of the class.
///
/// # Safety
/// The arguments are those of a `vectorcallfunc`, for the class `T`.
unsafe extern "C" fn create<T: Made>(
    class: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: this only reads the number.
    if unsafe { ffi::PyVectorcall_NARGS(nargsf) } == 0 && kwnames.is_null() {
        // SAFETY: it is a class whose objects have one size.
        let object = unsafe { ffi::PyType_GenericAlloc(class.cast(), 0) };
        if !object.is_null() {
            // Relaxed: `install_short_way` wrote it while the module was imported.
            let offset = T::offset().load(Ordering::Relaxed);
            // SAFETY: an object has room for its contents there.
            let place = unsafe { object.byte_add(offset) };
            // SAFETY: as above; no other code has the object yet, but for the collector, which knows contents that are not
            // written (see `Initialized`). The rest, the list of weak references, is zeroed, which is valid.
            unsafe { place.cast::<T>().write(T::new_contents()) };
        }
        return object;
    }
    // SAFETY: a thread that calls a class is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: these are the arguments of a call of the class.
    let created = unsafe { create_generally(py, class, args, nargsf, kwnames) };
    created.map_or_else(
        |error| {
            error.restore(py);
            std::ptr::null_mut()
        },
        Bound::into_ptr,
    )
}

/// Creates an instance as `type.__call__` does.
///
/// # Safety
/// The arguments are those of a `vectorcallfunc`, for a class.
#[cold]
unsafe fn create_generally<'py>(
    py: Python<'py>,
    class: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: if it is not null, it is an object that the caller holds.
    let names = unsafe { Borrowed::from_ptr_or_opt(py, kwnames) };
    // SAFETY: it is a tuple.
    let names = names.map(|names| unsafe { names.cast_unchecked::<PyTuple>() });
    // SAFETY: this only reads the number.
    let positional = unsafe { ffi::PyVectorcall_NARGS(nargsf) }.unsigned_abs();
    // SAFETY: the caller answers for the arguments.
    let given = unsafe { all_arguments(args, positional, kwnames) };
    // SAFETY: the caller holds the arguments.
    let mut given = given
        .iter()
        .map(|given| unsafe { Borrowed::from_ptr(py, *given) });
    let kwargs = PyDict::new(py);
    let args = PyTuple::new(py, given.by_ref().take(positional).collect::<Vec<_>>())?;
    for (name, value) in names.iter().flat_map(|names| names.iter_borrowed()).zip(given) {
        kwargs.set_item(name, value)?;
    }
    // SAFETY: an object has a type.
    let metaclass = unsafe { ffi::Py_TYPE(class) };
    // SAFETY: it is alive.
    let call = unsafe { (*metaclass).tp_call };
    let call = call.ok_or_else(|| PyTypeError::new_err("the class can't be called"))?;
    // SAFETY: class and arguments are alive.
    let created = unsafe { call(class, args.as_ptr(), kwargs.as_ptr()) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, created) }
}
