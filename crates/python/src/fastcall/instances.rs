//! Instances made without the general machinery of instantiation: of any class by its `__new__` alone, and locks
//! and simple queues where a program calls their class without arguments. Also properties of classes that make
//! calls short.

#![expect(unsafe_code, reason = "classes and instances are made in C")]

use std::ptr::null_mut;

#[cfg(Py_GIL_DISABLED)]
use interlock_wait::primitive::global::Ordering;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::call::all_arguments;
use super::made::{Made, Parts};
#[cfg(not(any(Py_3_14, Py_GIL_DISABLED)))]
use super::with_methods;

use crate::once::Once;

/// Creates an instance of a class with its `__new__`, without arguments. Does not call `__init__`.
#[inline]
pub(crate) fn new_instance<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    static NOTHING: Once<Py<PyTuple>> = Once::new();
    let py = class.py();
    let nothing = NOTHING.get_or_make(py, || Ok(PyTuple::empty(py).unbind()))?;
    // SAFETY: the class is alive.
    let new = unsafe { (*class.as_type_ptr()).tp_new };
    let new = new.ok_or_else(|| PyTypeError::new_err("the class can't be instantiated"))?;
    // SAFETY: the arguments are those of a call without any.
    let instance = unsafe { new(class.as_type_ptr(), nothing.as_ptr(), null_mut()) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, instance) }
}

/// Puts the short ways of creating and of freeing an instance before the general ones. (Classes derived from this one do
/// not inherit them.)
pub(super) fn install_short_ways<T: Made>(py: Python<'_>) -> PyResult<()> {
    let object = Bound::new(py, T::new_contents())?;
    let contents: *const T = &raw const *object.try_borrow()?;
    let offset = contents.addr() - object.as_ptr().addr();
    let class = py.get_type::<T>().as_type_ptr();
    // SAFETY: the class is alive.
    let size = unsafe { (*class).tp_basicsize };
    // SAFETY: as above.
    let weak = unsafe { (*class).tp_weaklistoffset };
    // SAFETY: as above.
    let dealloc = unsafe { (*class).tp_dealloc };
    let parts = size_of::<PyObject>() + size_of::<T>() + size_of::<*mut PyObject>();
    let (Some(dealloc), Ok(weak), true) = (dealloc, usize::try_from(weak), size.unsigned_abs() == parts)
    else {
        return Err(PyTypeError::new_err(
            "an object has parts that are not known here",
        ));
    };
    // This cannot fail: it happens once, while the module is imported.
    let _ = T::parts().set(Parts {
        contents: offset,
        weak,
        dealloc,
    });
    // SAFETY: the class is alive, and no call of it has happened yet. Its metaclass, `type` or derived from it, reads the
    // function from there.
    unsafe { (*class).tp_vectorcall = Some(create::<T>) };
    if cfg!(not(Py_GIL_DISABLED)) {
        // SAFETY: as above. Every object that this frees has the parts that were just looked up.
        unsafe { (*class).tp_dealloc = Some(free::<T>) };
    }
    Ok(())
}

/// Calls the class.
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
    if unsafe { ffi::PyVectorcall_NARGS(nargsf) } == 0
        && kwnames.is_null()
        && let Some(parts) = T::parts().get()
    {
        // SAFETY: it is a class whose objects have one size.
        let object = unsafe { ffi::PyObject_GC_New::<PyObject>(class.cast()) };
        if !object.is_null() {
            let contents = object.wrapping_byte_add(parts.contents).cast::<T>();
            let weak = object.wrapping_byte_add(parts.weak).cast::<*mut PyObject>();
            // SAFETY: an object has room for its contents there; no other code has the object yet.
            unsafe { contents.write(T::new_contents()) };
            // SAFETY: as above, for the list of weak references. That is all: `install_short_ways` added it up.
            unsafe { weak.write(null_mut()) };
            // SAFETY: the object is complete, so the collector may see it.
            unsafe { ffi::PyObject_GC_Track(object.cast()) };
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
            null_mut()
        },
        Bound::into_ptr,
    )
}

/// Frees an object without references.
///
/// # Safety
/// It is an instance of the class `T` or of one derived from it, and the thread is attached.
unsafe extern "C" fn free<T: Made>(object: *mut PyObject) {
    let Some(parts) = T::parts().get() else {
        return; // never: the class got this function after its parts
    };
    // SAFETY: the caller is attached.
    let py = unsafe { Python::assume_attached() };
    let contents = object.wrapping_byte_add(parts.contents).cast::<T>();
    // SAFETY: the object still has its parts.
    let weak = unsafe { *object.wrapping_byte_add(parts.weak).cast::<*mut PyObject>() };
    // SAFETY: an object has a type.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: the contents are alive.
    if !weak.is_null() || class != T::type_object_raw(py) || !unsafe { (*contents).is_bare(py) } {
        // SAFETY: the caller answers for the object.
        return unsafe { (parts.dealloc)(object) };
    }
    // SAFETY: nobody refers to the object, and the collector does not know it from here on.
    unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    // SAFETY: nobody uses the contents again.
    unsafe { contents.drop_in_place() };
    // SAFETY: the object was allocated as one that the collector knows.
    unsafe { ffi::PyObject_GC_Del(object.cast()) };
    // SAFETY: an object of a class that is no static one has a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
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

/// Gives a class its own descriptors for C methods that it inherits, because the interpreter's fast path to such a
/// method is only for instances of the very class that the descriptor was created for.
///
/// Raises TypeError for a method of another kind. The methods named before it have their own descriptors then.
#[pyfunction]
#[pyo3(signature = (class, /, *names))]
pub(crate) fn own_methods(class: &Bound<'_, PyType>, names: &Bound<'_, PyTuple>) -> PyResult<()> {
    for name in names {
        let name = name.extract::<String>()?;
        let method = class.getattr(&*name)?;
        let Some(inherited) = descriptor(&method) else {
            return Err(PyTypeError::new_err(format!("{name}() is no method in C")));
        };
        // SAFETY: both are types, and alive.
        let derived = unsafe { ffi::PyType_IsSubtype(class.as_type_ptr(), inherited.d_common.d_type) };
        if derived == 0 {
            return Err(PyTypeError::new_err(format!("{name}() is another class's")));
        }
        // SAFETY: a definition lives as long as its module, which is never unloaded, and its function takes instances
        // of a class that this one is derived from.
        let own = unsafe { new_method(class, inherited.d_method) }?;
        #[cfg(not(any(Py_3_14, Py_GIL_DISABLED)))]
        // SAFETY: as above.
        let own = unsafe { with_methods::for_with(class, own, inherited.d_method) }?;
        class.setattr(&*name, own)?;
    }
    Ok(())
}

/// Creates a method of a class that is never unloaded. From 3.15 on the interpreter does not count its
/// references, which it would do twice in each call.
///
/// # Safety
/// The definition is never freed, and its function takes instances of the class.
pub(super) unsafe fn new_method<'py>(
    class: &Bound<'py, PyType>,
    definition: *mut ffi::PyMethodDef,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the caller answers for the definition.
    let method = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), definition) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    let method = unsafe { Bound::from_owned_ptr_or_err(class.py(), method) }?;
    #[cfg(Py_3_15)]
    // SAFETY: no other code has the object yet.
    unsafe {
        ffi::PyUnstable_SetImmortal(method.as_ptr())
    };
    Ok(method)
}

/// Returns the contents of the descriptor of a C method; `None` for other objects.
fn descriptor<'a>(method: &'a Bound<'_, PyAny>) -> Option<&'a ffi::PyMethodDescrObject> {
    let class = &raw mut ffi::PyMethodDescr_Type;
    // SAFETY: an instance of that type, which cannot be subclassed, has this layout and does not change; the borrow
    // keeps it.
    (method.get_type_ptr() == class).then(|| unsafe { &*method.as_ptr().cast() })
}

/// Sets the metaclass of a class. PyO3 creates its classes with the metaclass `type`.
///
/// Raises TypeError if the metaclass is not derived from the class's type, or its instances have another layout.
#[pyfunction]
#[pyo3(signature = (class, metaclass, /))]
pub(crate) fn set_metaclass(class: &Bound<'_, PyType>, metaclass: &Bound<'_, PyType>) -> PyResult<()> {
    let before = class.get_type();
    let as_before = |size: &str| metaclass.getattr(size)?.eq(before.getattr(size)?);
    if !metaclass.is_subclass(&before)? || !as_before("__basicsize__")? || !as_before("__itemsize__")? {
        let message = "the metaclass is not derived from the class's type, or adds to its layout";
        return Err(PyTypeError::new_err(message));
    }
    let type_of_class = metaclass.clone().into_ptr().cast();
    // SAFETY: the class is alive. The reference that was just given away keeps its new type alive, which only adds
    // methods to the old one and has the same layout. A thread that reads the field at this moment finds one type or
    // the other.
    unsafe { (*class.as_ptr()).ob_type = type_of_class };
    // SAFETY: the class is alive.
    unsafe { ffi::PyType_Modified(class.as_type_ptr()) };
    Ok(())
}

/// Lets the interpreter treat instances of a class of ours as it treats functions in classes. From 3.14 on it then
/// remembers where an object has its own attribute of that name. In return the instances must be callable:
/// `object.name(…)` calls the class's attribute with the object.
pub(super) fn make_method_descriptors(class: &Bound<'_, PyType>) {
    let flags = ffi::Py_TPFLAGS_METHOD_DESCRIPTOR | ffi::Py_TPFLAGS_IMMUTABLETYPE;
    // SAFETY: the class is alive, and no other code has it yet: the module is being imported.
    let of_class = unsafe { &raw mut (*class.as_type_ptr()).tp_flags };
    #[cfg(not(Py_GIL_DISABLED))]
    // SAFETY: as above.
    unsafe {
        *of_class |= flags;
    };
    #[cfg(Py_GIL_DISABLED)]
    // SAFETY: as above. Relaxed: as above.
    unsafe { &*of_class }.fetch_or(flags, Ordering::Relaxed);
}
