//! Fast functions for methods that programs call millions of times a second, without the general machinery of a method
//! call.
//!
//! Each class has its methods from PyO3, which handle every argument and every error. For the few methods in
//! [`methods`], this module puts a fast function before the PyO3 method: a plain C function for the common case
//! (nothing to wait for; no argument, or a plain one). It passes every other case on to the method, with all arguments.
//! Both call the same engine, and a fast function never decides anything differently from the method.

#![expect(unsafe_code, reason = "fast functions are plain C functions")]

mod arguments;
pub(crate) mod install;
mod methods;
mod new_lock;
#[cfg(not(any(Py_3_14, Py_GIL_DISABLED)))]
mod with_methods;

use std::ffi::CString;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};
use pyo3::{PyClass, PyTypeInfo};

use crate::materialize::Native;
use crate::standard::Standard;

/// A method that has a fast function before it.
struct FastMethod {
    name: &'static str,
    function: ffi::PyCFunctionFastWithKeywords,
    /// The method of the class that handles every case.
    general: PyOnceLock<Py<PyAny>>,
    /// The name, if it is a method of objects that can be materialized.
    materialized_name: PyOnceLock<Py<PyString>>,
}

impl FastMethod {
    const fn new(name: &'static str, function: ffi::PyCFunctionFastWithKeywords) -> Self {
        FastMethod {
            name,
            function,
            general: PyOnceLock::new(),
            materialized_name: PyOnceLock::new(),
        }
    }

    /// Puts the fast function before the class's method, under its name and with its documentation.
    fn install(&'static self, class: &Bound<'_, PyType>) -> PyResult<()> {
        let general = class.getattr(self.name)?;
        let method = self.method_of(class, &general)?;
        if class.is_subclass_of::<Native>()? {
            let _ = self
                .materialized_name
                .set(class.py(), PyString::intern(class.py(), self.name).unbind());
        }
        self.general
            .set(class.py(), general.unbind())
            .map_err(|_| PyRuntimeError::new_err("a fast method is installed once"))?;
        class.setattr(self.name, method)
    }

    /// The fast function as a method of a class, with the documentation of the general method.
    fn method_of<'py>(
        &self,
        class: &Bound<'py, PyType>,
        general: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let doc = documentation(general, self.name)?;
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: CString::new(self.name)?.into_raw(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFastWithKeywords: self.function,
            },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.into_raw(),
        }));
        // SAFETY: the definition and the strings in it are never freed, and the function has the signature of its
        // flags.
        let method = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), definition) };
        // SAFETY: the call returned a new reference, or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(class.py(), method) }
    }

    /// Like [`FastMethod::install`], for a method that `with` looks up. Instances of `class` must not refer to other
    /// objects.
    fn install_special(&'static self, class: &Bound<'_, PyType>) -> PyResult<()> {
        self.install(class)?;
        #[cfg(not(any(Py_3_14, Py_GIL_DISABLED)))]
        {
            let method = class.getattr(self.name)?;
            let descriptor = with_methods::new_descriptor(class, method, self.function)?;
            class.setattr(self.name, descriptor)?;
        }
        Ok(())
    }

    /// Passes a call on to the general method and returns its result. If the object is materialized, calls the standard
    /// library's function directly.
    ///
    /// # Safety
    /// - The thread is attached to the interpreter.
    /// - The arguments are those of a fast function's call.
    #[cold]
    unsafe fn pass_on(
        &self,
        slf: *mut ffi::PyObject,
        args: *const *mut ffi::PyObject,
        nargs: ffi::Py_ssize_t,
        kwnames: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        // SAFETY: the caller is attached.
        let py = unsafe { Python::assume_attached() };
        let Some(general) = self.general.get(py) else {
            PyRuntimeError::new_err("a fast method is called before it is installed").restore(py);
            return std::ptr::null_mut();
        };
        // SAFETY: the receiver is an instance of the method's class. It is `Native` if the class can be materialized.
        let standard = self
            .materialized_name
            .get(py)
            .and_then(|name| unsafe { standard_if_materialized(slf, name.bind(py)) });
        let called = standard.as_ref().map_or(general.as_ptr(), Bound::as_ptr);
        let positional = nargs.unsigned_abs();
        // SAFETY: the caller answers for the arguments.
        let given = unsafe { arguments::all_arguments(args, positional, kwnames) };
        let (mut few, mut many) = ([std::ptr::null_mut(); 5], Vec::new());
        let all = match few.get_mut(..=given.len()) {
            Some(room) => room,
            None => {
                many.resize(1 + given.len(), std::ptr::null_mut());
                many.as_mut_slice()
            }
        };
        all[0] = slf;
        all[1..].copy_from_slice(given);
        // SAFETY: `all` holds the receiver and the arguments, all alive during the call.
        unsafe { ffi::PyObject_Vectorcall(called, all.as_ptr(), 1 + positional, kwnames) }
    }
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
        let own = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), inherited.d_method) };
        // SAFETY: the call returned a new reference, or null with an exception set.
        let own = unsafe { Bound::from_owned_ptr_or_err(class.py(), own) }?;
        class.setattr(&*name, own)?;
    }
    Ok(())
}

/// The contents of the descriptor of a C method; `None` for other objects.
fn descriptor<'a>(method: &'a Bound<'_, PyAny>) -> Option<&'a ffi::PyMethodDescrObject> {
    let class = &raw mut ffi::PyMethodDescr_Type;
    // SAFETY: an instance of that type, which cannot be subclassed, has this layout and does not change; the borrow
    // keeps it.
    (method.get_type_ptr() == class).then(|| unsafe { &*method.as_ptr().cast() })
}

/// The documentation of the general method, in the form that a C function has.
fn documentation(general: &Bound<'_, PyAny>, name: &str) -> PyResult<CString> {
    let signature: Option<String> = general.getattr("__text_signature__")?.extract()?;
    let doc: Option<String> = general.getattr("__doc__")?.extract()?;
    let (signature, doc) = (signature.unwrap_or_default(), doc.unwrap_or_default());
    Ok(CString::new(if signature.is_empty() {
        doc
    } else {
        format!("{name}{signature}\n--\n\n{doc}")
    })?)
}

/// The engine's side of a receiver.
///
/// # Safety
/// - `slf` is an instance of `T` or of a class derived from it; a method descriptor checks that before it calls.
/// - The reference is used only while the caller of the method holds the receiver.
unsafe fn receiver<'a, T: PyClass<Frozen = True> + PyTypeInfo + Sync>(slf: *mut ffi::PyObject) -> &'a T {
    // SAFETY: a thread that calls a method is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the caller answers for how long the receiver lives.
    let slf = unsafe { Borrowed::from_ptr(py, slf) };
    // SAFETY: the caller answers for the type.
    let slf = unsafe { slf.cast_unchecked::<T>() };
    let this: *const T = slf.get();
    // SAFETY: the receiver outlives the use of the reference, and a frozen class is never borrowed mutably.
    unsafe { &*this }
}

/// Whether an object that can be materialized is native, as far as one comparison tells. Always false on a
/// free-threaded build: there, the check and the operation after it are one step only in methods that take the object's
/// critical section.
///
/// # Safety
/// `slf` is an instance of a class derived from [`Native`].
#[inline(always)]
unsafe fn is_surely_native(slf: *mut ffi::PyObject) -> bool {
    if cfg!(Py_GIL_DISABLED) {
        return false;
    }
    // SAFETY: the caller answers for the class, and holds the object.
    let native = unsafe { receiver::<Native>(slf) };
    // SAFETY: as above.
    native.is_native_for(unsafe { ffi::Py_TYPE(slf) })
}

/// The standard library's function of this name, if the object is materialized.
///
/// # Safety
/// `slf` is an instance of a class derived from [`Native`], held by the caller, who is attached.
unsafe fn standard_if_materialized<'py>(
    slf: *mut ffi::PyObject,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the caller answers for the class, and holds the object.
    if !unsafe { receiver::<Native>(slf) }.is_materialized() {
        return None;
    }
    // SAFETY: the caller holds the object.
    let object = unsafe { Borrowed::from_ptr(name.py(), slf) };
    let standard = Standard::of(&object.get_type()).ok()??;
    standard.get().function(name).ok()
}

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

/// A new reference to None.
#[inline]
fn none() -> *mut ffi::PyObject {
    // SAFETY: a thread that calls a method is attached.
    let none = unsafe { ffi::Py_None() };
    // SAFETY: None is always there.
    unsafe { ffi::Py_NewRef(none) }
}

/// A new reference to True.
#[inline]
fn yes() -> *mut ffi::PyObject {
    // SAFETY: a thread that calls a method is attached.
    let yes = unsafe { ffi::Py_True() };
    // SAFETY: True is always there.
    unsafe { ffi::Py_NewRef(yes) }
}

/// A new reference to False.
#[inline]
fn no() -> *mut ffi::PyObject {
    // SAFETY: a thread that calls a method is attached.
    let no = unsafe { ffi::Py_False() };
    // SAFETY: False is always there.
    unsafe { ffi::Py_NewRef(no) }
}
