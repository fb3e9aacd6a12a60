//! Access to classes, attributes, the compiler and the interpreter's lock, for which PyO3 has no API, or a slower one.

#![expect(unsafe_code, reason = "what only the C API has, or has faster")]

use std::ffi::{CString, c_int};
use std::ptr::null_mut;

use interlock_wait::primitive::global::{AtomicU32, AtomicUsize, Ordering};
#[cfg(not(Py_GIL_DISABLED))]
use interlock_wait::{HostLock, HostWord, RawLock};
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString, PyType};

// SAFETY: this is the function's declaration in CPython's Include/cpython/object.h, in all supported versions.
unsafe extern "C" {
    /// Returns the attribute of a class, found through the interpreter's cache. A borrowed reference, or null
    /// without an exception.
    fn _PyType_Lookup(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// Returns the version tag of a class. Each change of the class or of one of its bases changes it; 0 if the
/// class has none.
#[inline]
pub(crate) fn version_tag(class: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: callers pass the class of an object that they hold, or one that they hold.
    let tag = unsafe { &raw mut (*class).tp_version_tag };
    // SAFETY: the field is aligned and lives as long as the class, and other threads write it in one piece.
    let tag = unsafe { AtomicU32::from_ptr(tag) };
    // Relaxed: a change of the class during a call on its objects may take effect before or after that call.
    tag.load(Ordering::Relaxed)
}

/// Returns the attribute of a class under a name, whether its own or inherited.
pub(crate) fn lookup<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: both are alive, and the thread is attached.
    let found = unsafe { _PyType_Lookup(class.as_type_ptr(), name.as_ptr()) };
    // SAFETY: null, or a reference that the class holds at this moment.
    unsafe { Bound::from_borrowed_ptr_or_opt(class.py(), found) }
}

/// Returns the `__dict__` of an object whose class is a Python class.
pub(crate) fn instance_dict<'py>(object: &Bound<'py, impl Sized>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: the object is alive, and the thread is attached.
    let dict = unsafe { ffi::PyObject_GenericGetDict(object.as_ptr(), null_mut()) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    let dict = unsafe { Bound::from_owned_ptr_or_err(object.py(), dict) }?;
    Ok(dict.cast_into()?)
}

/// Gives an object attributes, without a `__dict__` if the interpreter needs none, and past descriptors of the class.
pub(crate) fn add_attributes(object: &Bound<'_, PyAny>, attributes: &Bound<'_, PyDict>) -> PyResult<()> {
    let class = object.get_type();
    for (name, value) in attributes {
        let name = name.cast::<PyString>()?;
        // SAFETY: the attribute of the class is alive, and its type with it.
        let sets = |found: Bound<'_, PyAny>| unsafe { (*found.get_type_ptr()).tp_descr_set }.is_some();
        if lookup(&class, name).is_some_and(sets) {
            instance_dict(object)?.set_item(name, value)?;
        } else {
            generic_set_attribute(object, name, Some(&value))?;
        }
    }
    Ok(())
}

/// Replaces the `__dict__` of an object.
pub(crate) fn set_instance_dict(
    object: &Bound<'_, impl Sized>,
    attributes: &Bound<'_, PyDict>,
) -> PyResult<()> {
    // SAFETY: both are alive, and the thread is attached.
    let done = unsafe { ffi::PyObject_GenericSetDict(object.as_ptr(), attributes.as_ptr(), null_mut()) };
    check(object.py(), done)
}

/// Reads an attribute as `object.__getattribute__` does.
pub(crate) fn generic_attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'_, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are alive, and the thread is attached.
    let found = unsafe { ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr()) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), found) }
}

/// Sets an attribute as `object.__setattr__` does, or deletes it if there is no value.
pub(crate) fn generic_set_attribute(
    object: &Bound<'_, impl Sized>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(null_mut(), Bound::as_ptr);
    // SAFETY: all are alive, and the thread is attached; without a value the attribute is deleted.
    let done = unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value) };
    check(object.py(), done)
}

fn check(py: Python<'_>, done: c_int) -> PyResult<()> {
    if done == 0 { Ok(()) } else { Err(PyErr::fetch(py)) }
}

/// Raises an exception of this class, with these words if any, as C code does: the object is made when it is needed.
#[inline]
pub(crate) fn raise(class: &Bound<'_, PyType>, words: Option<&Bound<'_, PyString>>) {
    // SAFETY: class and words are alive, and the thread is attached, as the borrow shows.
    unsafe { ffi::PyErr_SetObject(class.as_ptr(), words.map_or(null_mut(), Bound::as_ptr)) };
}

/// Compiles a program, a `str` or `bytes`, as `compile(source, filename, "exec", dont_inherit=True)` does. The first call
/// of that function in a process takes 3 ms: it makes the classes of `ast`, to see whether the source is one of these.
///
/// Returns None where that function has to say what is wrong: null bytes, surrogates, other types.
#[pyfunction]
#[pyo3(signature = (source, filename, /))]
pub(crate) fn compile_program<'py>(
    source: &Bound<'py, PyAny>,
    filename: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    // From CPython's Include/cpython/compile.h; the same in all supported versions.
    const SOURCE_IS_UTF8: c_int = 0x0100;
    const IGNORE_COOKIE: c_int = 0x0800;
    let (text, cookie) = if let Ok(source) = source.cast::<PyBytes>() {
        (CString::new(source.as_bytes()), 0)
    } else if let Some(source) = source.cast::<PyString>().ok().and_then(|text| text.to_str().ok()) {
        (CString::new(source), IGNORE_COOKIE)
    } else {
        return Ok(None);
    };
    let Ok(text) = text else { return Ok(None) };
    let mut flags = ffi::PyCompilerFlags {
        cf_flags: SOURCE_IS_UTF8 | cookie,
        cf_feature_version: source.py().version_info().minor.into(),
    };
    let (code, name, start) = (text.as_ptr(), filename.as_ptr(), ffi::Py_file_input);
    // SAFETY: text, name and flags are alive during the call, and the thread is attached.
    let code = unsafe { ffi::Py_CompileStringObject(code, name, start, &raw mut flags, -1) };
    // SAFETY: the call returned a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(source.py(), code) }.map(Some)
}

/// A name of an attribute or a method, interned at the first use.
///
/// PyO3's `intern!` detaches from the interpreter at its first use. Other threads could come between two steps that
/// must be one, and the interpreter could end a daemon thread there, in frames of std that cannot be unwound.
pub(crate) struct Name {
    text: &'static str,
    /// The address of the string, which is never freed; 0 before the first use.
    object: AtomicUsize,
}

impl Name {
    pub(crate) const fn new(text: &'static str) -> Self {
        Name {
            text,
            object: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        // Acquire pairs with the Release store in `intern`: the string is whole.
        if self.object.load(Ordering::Acquire) == 0 {
            self.intern(py);
        }
        let object: *const Py<PyString> = self.object.as_ptr().cast_const().cast();
        // SAFETY: it is not 0, so it is the address of a string that is never freed. An owned reference has the same
        // form: it is a pointer and nothing else. All threads that intern the string store the same address.
        unsafe { &*object }.bind(py)
    }

    #[cold]
    fn intern(&self, py: Python<'_>) {
        let object = PyString::intern(py, self.text).into_ptr();
        // Release pairs with the Acquire load in `get`.
        self.object.store(object.addr(), Ordering::Release);
    }
}

/// A [`Name`] in place, like PyO3's macro of the same name.
macro_rules! intern {
    ($py:expr, $text:expr) => {{
        static NAME: $crate::raw::Name = $crate::raw::Name::new($text);
        NAME.get($py)
    }};
}
pub(crate) use intern;

/// While this lives, the calling thread starts no garbage collection, which might run user code.
pub(crate) struct NoCollection {
    was_enabled: bool,
}

impl NoCollection {
    pub(crate) fn begin() -> Self {
        // SAFETY: the thread is attached: it is materializing an object.
        let was_enabled = unsafe { ffi::PyGC_Disable() } != 0;
        NoCollection { was_enabled }
    }
}

impl Drop for NoCollection {
    fn drop(&mut self) {
        if self.was_enabled {
            // SAFETY: as in `begin`.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}

/// Returns the value of an exact `int` that is not too large, on an attached thread. Runs no user code.
#[inline]
pub(crate) fn small_int(object: &Bound<'_, PyAny>) -> Option<i64> {
    if !object.is_exact_instance_of::<PyInt>() {
        return None;
    }
    let mut overflow = 0;
    // SAFETY: the thread is attached, and the object is an integer.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(value)
}

/// Returns the same for an item of a queue.
#[inline]
pub(crate) fn small_int_item(item: &Py<PyAny>) -> Option<i64> {
    // SAFETY: engine code runs attached: the thread that puts an item, or takes one out, is in a method call.
    small_int(item.bind(unsafe { Python::assume_attached() }))
}

/// The raw lock of the engine's state on a build with a GIL: the interpreter's own. It is not `Sync`: see [`Attached`].
#[cfg(not(Py_GIL_DISABLED))]
pub(crate) struct InterpreterLock(HostLock);

// SAFETY: it does what `HostLock` does, and attached threads exclude each other.
#[cfg(not(Py_GIL_DISABLED))]
unsafe impl RawLock for InterpreterLock {
    type Word = HostWord;
    const RUN_AT_ONCE: bool = false;
    const NEW: Self = InterpreterLock(HostLock::new());

    #[inline]
    fn lock(&self) {
        self.0.lock();
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.0.try_lock()
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.unlock();
    }

    /// Returns whether the calling thread is attached. (Not `PyGILState_Check`, which always says so once
    /// there was a subinterpreter.)
    fn covers_this_thread() -> bool {
        // SAFETY: this asks for the thread state of the calling thread, if it has one, and may be called by any thread.
        let own = unsafe { ffi::PyGILState_GetThisThreadState() };
        // SAFETY: this asks for the thread state that is attached, and may be called by any thread.
        !own.is_null() && own == unsafe { ffi::compat::PyThreadState_GetUnchecked() }
    }
}

/// A value for attached threads, such as a primitive whose state is under the interpreter's lock. Any thread may hold
/// it; using it takes a proof of attachment.
///
/// A thread that detaches leaves its `&T` behind: what a closure takes into `Python::detach` has to be `Send`, and `&T`
/// is not, unless `T` is `Sync`. (A wrapper that claims to be `Send` gets around that, as around PyO3's token.)
#[derive(Default)]
pub(crate) struct Attached<T>(T);

// SAFETY: only attached threads get at the value, which on this build means threads with the interpreter's lock. It
// orders their steps, so sharing moves the value between threads, for which `T: Send` is enough.
#[cfg(not(Py_GIL_DISABLED))]
unsafe impl<T: Send> Sync for Attached<T> {}

impl<T> Attached<T> {
    pub(crate) const fn new(value: T) -> Self {
        Attached(value)
    }

    /// Returns the value, for as long as the thread is attached.
    #[inline(always)]
    pub(crate) fn get<'a>(&'a self, _: Python<'a>) -> &'a T {
        &self.0
    }

    /// Returns the value, for the garbage collector, which visits on an attached thread.
    pub(crate) fn get_in_traverse<'a>(&'a self, _: &'a PyVisit<'_>) -> &'a T {
        &self.0
    }
}
