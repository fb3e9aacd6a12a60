//! A method with a fast function before it, and how calls are passed on to the general one.

#![expect(
    unsafe_code,
    reason = "the interpreter takes methods as C definitions, and arguments as an array"
)]

use std::ffi::CString;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::call::{all_arguments, receiver};
use super::instances::new_method;
#[cfg(not(any(Py_3_14, Py_GIL_DISABLED)))]
use super::with_methods;
#[cfg(not(Py_GIL_DISABLED))]
use crate::engine::StateLock;
use crate::materialize::Native;
use crate::once::Once;
#[cfg(not(Py_GIL_DISABLED))]
use crate::raw::{self, Attached};
#[cfg(not(Py_GIL_DISABLED))]
use crate::standard_class::Original;
use crate::standard_class::Standard;

/// A fast function, with the calling convention that the interpreter uses for it.
#[derive(Clone, Copy)]
pub(super) enum Function {
    /// For a method without parameters. The interpreter refuses arguments.
    NoArguments(ffi::PyCFunction),
    /// For every other method.
    AnyArguments(ffi::PyCFunctionFastWithKeywords),
}

/// A method that has a fast function before it.
pub(super) struct FastMethod {
    name: &'static str,
    function: Function,
    /// A hook that the standard library's function calls.
    hook: Option<&'static str>,
    /// The method of the class that handles every case.
    general: Once<Py<PyAny>>,
    /// The name, if it is a method of objects that can be materialized.
    materialized_name: Once<Py<PyString>>,
    #[cfg(not(Py_GIL_DISABLED))]
    found: Attached<StateLock<Option<Found>>>,
}

/// The standard library's function for materialized objects, as it was found last.
#[cfg(not(Py_GIL_DISABLED))]
struct Found {
    /// The version tag that the class of the object had then. A change of the standard class changes it too: that class is
    /// a base.
    tag: u32,
    function: Py<PyAny>,
    /// The function and the hook that it calls, if they are the standard library's own.
    originals: Vec<Original>,
}

impl FastMethod {
    pub(super) const fn new(name: &'static str, function: Function) -> Self {
        FastMethod {
            name,
            function,
            hook: None,
            general: Once::new(),
            materialized_name: Once::new(),
            #[cfg(not(Py_GIL_DISABLED))]
            found: Attached::new(StateLock::new(None)),
        }
    }

    /// The same, for a method whose standard function calls this hook.
    pub(super) const fn calling(mut self, hook: &'static str) -> Self {
        self.hook = Some(hook);
        self
    }

    /// Puts the fast function before the class's method, under its name and with its documentation.
    pub(super) fn install(&'static self, class: &Bound<'_, PyType>) -> PyResult<()> {
        let general = class.getattr(self.name)?;
        let method = self.method_of(class, &general)?;
        // The method keeps this name, which stands in error messages, when its class is given another one.
        method.getattr("__qualname__")?;
        if class.is_subclass_of::<Native>()? {
            let name = PyString::intern(class.py(), self.name).unbind();
            self.materialized_name.keep(class.py(), name);
        }
        if self.general.get(class.py()).is_some() {
            return Err(PyRuntimeError::new_err("a fast method is installed once"));
        }
        self.general.keep(class.py(), general.unbind());
        class.setattr(self.name, method)
    }

    /// Returns the fast function as a method of a class, with the documentation of the general method.
    fn method_of<'py>(
        &self,
        class: &Bound<'py, PyType>,
        general: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let doc = documentation(general, self.name)?;
        let (ml_meth, ml_flags) = match self.function {
            Function::NoArguments(function) => (
                ffi::PyMethodDefPointer {
                    PyCFunction: function,
                },
                ffi::METH_NOARGS,
            ),
            Function::AnyArguments(function) => (
                ffi::PyMethodDefPointer {
                    PyCFunctionFastWithKeywords: function,
                },
                ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ),
        };
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: CString::new(self.name)?.into_raw(),
            ml_meth,
            ml_flags,
            ml_doc: doc.into_raw(),
        }));
        // SAFETY: the definition and the strings in it are never freed, and the function has the signature of its
        // flags.
        unsafe { new_method(class, definition) }
    }

    /// Like [`FastMethod::install`], for a method that `with` looks up. Instances of `class` must not refer to other
    /// objects.
    pub(super) fn install_special(&'static self, class: &Bound<'_, PyType>) -> PyResult<()> {
        self.install(class)?;
        #[cfg(not(any(Py_3_14, Py_GIL_DISABLED)))]
        if let Function::AnyArguments(function) = self.function {
            let method = class.getattr(self.name)?;
            let descriptor = with_methods::new_descriptor(class, method, function)?;
            class.setattr(self.name, descriptor)?;
        }
        Ok(())
    }

    /// Returns whether the object is materialized and the standard library's own function runs for it, as far
    /// as the last call of it tells. Then a short way may do what that function does. Always false on a
    /// free-threaded build.
    ///
    /// # Safety
    /// `slf` is an instance of a class derived from [`Native`], held by the caller, who is attached.
    #[inline]
    pub(super) unsafe fn runs_original(&self, slf: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller answers for the class, and holds the object.
        let (py, native) = unsafe { receiver::<Native>(slf) };
        #[cfg(Py_GIL_DISABLED)]
        {
            let _ = (py, native);
            false
        }
        #[cfg(not(Py_GIL_DISABLED))]
        {
            if !native.is_materialized() {
                return false;
            }
            // SAFETY: the caller holds the object.
            let tag = raw::version_tag(unsafe { ffi::Py_TYPE(slf) });
            let found = self.found.get(py).lock();
            let found = found.as_ref().filter(|found| found.tag == tag && tag != 0);
            found.is_some_and(|Found { originals, .. }| {
                // SAFETY: what has a code is a function.
                let is_as_compiled =
                    |(function, code): &Original| unsafe { ffi::PyFunction_GetCode(function.as_ptr()) } == code.as_ptr();
                !originals.is_empty() && originals.iter().all(is_as_compiled)
            })
        }
    }

    /// Returns the standard library's function, if the object is materialized.
    ///
    /// # Safety
    /// `slf` is an instance of a class derived from [`Native`], held by the caller, who is attached.
    unsafe fn standard_if_materialized<'py>(
        &self,
        slf: *mut ffi::PyObject,
        name: &Bound<'py, PyString>,
    ) -> Option<Bound<'py, PyAny>> {
        let py = name.py();
        // SAFETY: the caller answers for the class, and holds the object.
        let (_, native) = unsafe { receiver::<Native>(slf) };
        if !native.is_materialized() {
            return None;
        }
        // SAFETY: the caller holds the object.
        let class = unsafe { Borrowed::from_ptr(py, slf) }.get_type();
        #[cfg(not(Py_GIL_DISABLED))]
        let tag = {
            let tag = raw::version_tag(class.as_type_ptr());
            let found = self.found.get(py).lock();
            if let Some(found) = found.as_ref().filter(|found| found.tag == tag && tag != 0) {
                return Some(found.function.bind(py).clone());
            }
            tag
        };
        let standard = Standard::of(&class).ok()??;
        let function = standard.get().function(name).ok()?;
        #[cfg(not(Py_GIL_DISABLED))]
        {
            let name = self.hook.map(|hook| PyString::intern(py, hook));
            let hook = name.map(|name| standard.get().original_hook(&class, &name));
            let originals = match (standard.get().original(&function), hook) {
                (Some(own), None) => vec![own],
                (Some(own), Some(Some(hook))) => vec![own, hook],
                _ => Vec::new(),
            };
            let found = Found {
                tag,
                originals,
                function: function.clone().unbind(),
            };
            let before = self.found.get(py).lock().replace(found);
            drop(before);
        }
        Some(function)
    }
}

/// Passes a call on to the general method and returns its result. If the object is materialized, calls the standard
/// library's function directly.
///
/// # Safety
/// - The thread is attached to the interpreter.
/// - The arguments are those of a fast function's call.
// The method comes last, so that a fast function passes its own arguments on in the registers in which it got them.
#[cold]
#[inline(never)]
pub(super) unsafe fn pass_on(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut ffi::PyObject,
    method: &'static FastMethod,
) -> *mut ffi::PyObject {
    // SAFETY: the caller is attached.
    let py = unsafe { Python::assume_attached() };
    let Some(general) = method.general.get(py) else {
        PyRuntimeError::new_err("a fast method is called before it is installed").restore(py);
        return std::ptr::null_mut();
    };
    // SAFETY: the receiver is an instance of the method's class. It is `Native` if the class can be materialized.
    let standard = method
        .materialized_name
        .get(py)
        .and_then(|name| unsafe { method.standard_if_materialized(slf, name.bind(py)) });
    let called = standard.as_ref().map_or(general.as_ptr(), Bound::as_ptr);
    let positional = nargs.unsigned_abs();
    // SAFETY: the caller answers for the arguments.
    let given = unsafe { all_arguments(args, positional, kwnames) };
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

/// Returns the documentation of the general method, in the form that a C function has.
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
