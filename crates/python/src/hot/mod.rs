//! The methods that programs call millions of times a second, without the general machinery of a method call.
//!
//! Each class has its methods from PyO3; they handle every argument and every error. For the few in [`methods`], this module puts a second function before the first: a plain C function for the common case
//! (nothing to wait for; no argument, or one that is plain), which hands every other case on to the first, arguments and all. Both
//! call the same engine; a hot function decides nothing that the first would decide differently.

#![expect(unsafe_code, reason = "hot functions are plain C functions")]

mod asked;
mod binding;
mod making;
pub(crate) mod methods;
mod special;

use std::ffi::CString;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};
use pyo3::{PyClass, PyTypeInfo};

use special::Function;

use crate::openable::Openable;
use crate::standard::Standard;

/// A method with a hot function before it.
struct Hot {
    name: &'static str,
    function: Function,
    /// The method of the class that handles every case.
    general: PyOnceLock<Py<PyAny>>,
    /// Its name, if it is a method of objects that can be opened.
    opens: PyOnceLock<Py<PyString>>,
}

impl Hot {
    const fn new(name: &'static str, function: Function) -> Self {
        Hot {
            name,
            function,
            general: PyOnceLock::new(),
            opens: PyOnceLock::new(),
        }
    }

    /// Puts the hot function before the class's method, under its name and with its documentation.
    fn install(&'static self, class: &Bound<'_, PyType>) -> PyResult<()> {
        let general = class.getattr(self.name)?;
        let method = self.method_of(class, &general)?;
        if class.is_subclass_of::<Openable>()? {
            let _ = self
                .opens
                .set(class.py(), PyString::intern(class.py(), self.name).unbind());
        }
        self.general
            .set(class.py(), general.unbind())
            .map_err(|_| PyRuntimeError::new_err("a hot method is installed once"))?;
        class.setattr(self.name, method)
    }

    /// The hot function as a method of a class, with the documentation of one that does the same.
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
        // SAFETY: the definition and the strings in it are never freed, and the function has the signature of its flags.
        let method = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), definition) };
        // SAFETY: the call returned a new reference, or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(class.py(), method) }
    }

    /// As [`Hot::install`], for a method that `with` looks up in instances of `class`, which refer to no other object.
    fn install_special(&'static self, class: &Bound<'_, PyType>) -> PyResult<()> {
        self.install(class)?;
        // From 3.14 on, a `with` needs no bound methods; without an interpreter lock, a free list would cost more than it saves.
        if cfg!(any(Py_3_14, Py_GIL_DISABLED)) {
            return Ok(());
        }
        let method = class.getattr(self.name)?;
        class.setattr(self.name, binding::descriptor(class, method, self.function)?)
    }

    /// The answer of the general method to the same call, or at once that of the standard library's function if the object
    /// is open.
    ///
    /// # Safety
    /// - The thread is attached to the interpreter.
    /// - The arguments are those of a hot function's call.
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
            PyRuntimeError::new_err("a hot method is called before it is installed").restore(py);
            return std::ptr::null_mut();
        };
        // SAFETY: the method is called for an instance of its class; those of a class that opens are `Openable`.
        let standard = self
            .opens
            .get(py)
            .and_then(|name| unsafe { standard_if_open(slf, name.bind(py)) });
        let called = standard.as_ref().map_or(general.as_ptr(), Bound::as_ptr);
        let positional = nargs.unsigned_abs();
        // SAFETY: the caller answers for the arguments.
        let given = unsafe { asked::all_arguments(args, positional, kwnames) };
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

/// Gives a class descriptors of its own for methods in C that it inherits: the interpreter's short way to such a method is
/// for instances of the very class that its descriptor was made for.
///
/// Raises TypeError for a method of another kind; those named before it are the class's own then.
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
        // SAFETY: a definition lives as long as its module, which is never unloaded, and its function takes instances of
        // a class that this one is derived from.
        let own = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), inherited.d_method) };
        // SAFETY: the call returned a new reference, or null with an exception set.
        let own = unsafe { Bound::from_owned_ptr_or_err(class.py(), own) }?;
        class.setattr(&*name, own)?;
    }
    Ok(())
}

/// What is in a descriptor of a method in C.
fn descriptor<'a>(method: &'a Bound<'_, PyAny>) -> Option<&'a ffi::PyMethodDescrObject> {
    let class = &raw mut ffi::PyMethodDescr_Type;
    // SAFETY: an instance of that type, which none can be derived from, has this layout and does not change; the borrow keeps it.
    (method.get_type_ptr() == class).then(|| unsafe { &*method.as_ptr().cast() })
}

/// What the general method says about itself, in the form in which a C function says it.
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

/// Whether an object that can be opened is closed, as far as one comparison tells. Never on a free-threaded build: there the
/// check and what follows it are one step only for methods that take the object's critical section.
///
/// # Safety
/// `slf` is an instance of a class derived from [`Openable`].
#[inline(always)]
unsafe fn is_surely_closed(slf: *mut ffi::PyObject) -> bool {
    if cfg!(Py_GIL_DISABLED) {
        return false;
    }
    // SAFETY: the caller answers for the class, and holds the object.
    let openable = unsafe { receiver::<Openable>(slf) };
    // SAFETY: as above.
    openable.is_closed_for(unsafe { ffi::Py_TYPE(slf) })
}

/// The standard library's function of this name, if the object is open.
///
/// # Safety
/// `slf` is an instance of a class derived from [`Openable`], held by the caller, who is attached.
unsafe fn standard_if_open<'py>(
    slf: *mut ffi::PyObject,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the caller answers for the class, and holds the object.
    if !unsafe { receiver::<Openable>(slf) }.is_open() {
        return None;
    }
    // SAFETY: the caller holds the object.
    let object = unsafe { Borrowed::from_ptr(name.py(), slf) };
    let standard = Standard::of(&object.get_type()).ok()??;
    standard.get().function(name).ok()
}

/// A new instance of a class, made by its `__new__` without arguments; its `__init__` is not called.
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

/// Lets the engine rely on the interpreter's lock, where there is one. To be called while the module is imported.
pub(crate) fn rely_on_interpreter_lock() {
    if !cfg!(Py_GIL_DISABLED) {
        // SAFETY: engine code of this module runs attached, which on this build means with the interpreter's lock, and
        // that lock orders what threads do one after the other; the module is being imported, so nothing is in use.
        // (Threads between two runs, which are not attached, use what `interlock_pool` has for itself.)
        unsafe { interlock_wait::host_excludes_threads() };
    }
}
