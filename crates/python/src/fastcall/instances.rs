//! Instances made without the general machinery of instantiation: of any class by its `__new__` alone, and locks where a
//! program calls their class without arguments.

#![expect(unsafe_code, reason = "instances are made by the functions in their classes")]

use interlock_wait::primitive::global::{AtomicUsize, Ordering};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::call::all_arguments;
use crate::lock::{Lock, allocate_lock};

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

/// The offset of the engine's lock in an object.
static OFFSET: AtomicUsize = AtomicUsize::new(0);

/// Puts the fast path of creating a [`Lock`] before the general one. Up to 3.12 the class cannot be called: a function
/// creates locks.
pub(super) fn install_new_lock(py: Python<'_>) -> PyResult<()> {
    if cfg!(not(Py_3_13)) {
        return Ok(());
    }
    let lock = Bound::new(py, allocate_lock())?;
    let offset = (&raw const *lock.get()).addr() - lock.as_ptr().addr();
    // Relaxed: no other thread can call the class yet.
    OFFSET.store(offset, Ordering::Relaxed);
    let class = py.get_type::<Lock>().as_type_ptr();
    // SAFETY: the class is alive, and no call of it has happened yet. Its metaclass, derived from `type`, reads the
    // function from there.
    unsafe { (*class).tp_vectorcall = Some(create_lock) };
    Ok(())
}

/// `threading.Lock()`. The class cannot be subclassed, so `class` is the class itself.
///
/// # Safety
/// The arguments are those of a `vectorcallfunc`, for the class.
unsafe extern "C" fn create_lock(
    class: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: this only reads the number.
    if unsafe { ffi::PyVectorcall_NARGS(nargsf) } == 0 && kwnames.is_null() {
        // SAFETY: it is a class whose objects have one size.
        let lock = unsafe { ffi::PyType_GenericAlloc(class.cast(), 0) };
        if !lock.is_null() {
            // Relaxed: `install` wrote it while the module was imported.
            let offset = OFFSET.load(Ordering::Relaxed);
            // SAFETY: an object has room for the engine's lock there.
            let place = unsafe { lock.byte_add(offset) };
            // SAFETY: as above; no other code has the object yet. The rest, the list of weak references, is zeroed,
            // which is valid.
            unsafe { place.cast::<Lock>().write(allocate_lock()) };
        }
        return lock;
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
