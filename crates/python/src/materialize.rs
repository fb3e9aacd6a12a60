//! Objects that are native until a program looks inside.
//!
//! A native object keeps its state in the engine. The first access to its internals (a private attribute, or a hook set
//! on the object, in its class or in a derived one) materializes it for good. From then on its attributes are those
//! that the standard library's `__init__` creates, and its methods are the standard library's functions, unmodified,
//! over our locks.
//!
//! The check whether an object is native and the operation after it are one step. With a GIL this is so anyway; on a
//! free-threaded build each object's critical section makes it so. Materializing is such a step too, and marks the
//! object while it lasts, so no operation sees a half-materialized object.
//!
//! The bases and attributes of a class can change while it has objects. A native object remembers the version tag that
//! the interpreter had given its class when the class was found untouched. One comparison tells whether the class has
//! to be checked again (see `tp_version_tag` in CPython's Objects/typeobject.c).

use interlock_wait::Wakeups;
use interlock_wait::primitive::global::{AtomicU32, Ordering};
use pyo3::PyClass;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyAttributeError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::blocking;
use crate::raw;
use crate::raw::intern;
use crate::standard_class::Standard;

/// In place of a version tag: the class has not been checked yet. No class has this tag.
const UNKNOWN: u32 = u32::MAX - 1;
/// In place of a version tag: a thread is materializing the object.
const MATERIALIZING: u32 = u32::MAX - 2;
/// In place of a version tag: the object is materialized.
const MATERIALIZED: u32 = u32::MAX;

/// Moves an object's state from the engine into its attributes, in one step: see [`Native::export`].
pub(crate) type Export = fn(&Bound<'_, PyAny>, &Bound<'_, PyDict>) -> PyResult<Exported>;

/// The result of an attempt to move an object's state.
pub(crate) enum Exported {
    /// The state is moved. Run the wake-ups of the threads that waited in the engine once the object is materialized.
    Moved(Vec<Wakeups>),
    /// The attributes do not fit the object's present state, for instance because a thread waits now. Create them
    /// again.
    Outdated,
}

/// The common base of all classes whose objects can be materialized.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct Native {
    /// The version tag of the class when it was found untouched, or `UNKNOWN`, `MATERIALIZING` or `MATERIALIZED`.
    tag: AtomicU32,
    export: Export,
}

impl Native {
    /// Returns the state of a new object of `class`, materialized at once if that class changes or overrides
    /// internals.
    ///
    /// `export` runs while no other thread uses the object. It must neither detach nor run Python code, because either
    /// would let other threads in.
    #[inline]
    pub(crate) fn new(class: &Bound<'_, PyType>, export: Export) -> PyResult<Self> {
        let this = Native {
            tag: AtomicU32::new(UNKNOWN),
            export,
        };
        this.check_class(class)?;
        Ok(this)
    }

    /// Returns whether the object is native, as far as one comparison tells. `false` may also mean that its
    /// class has changed.
    #[inline]
    pub(crate) fn is_native_for(&self, class: *mut ffi::PyTypeObject) -> bool {
        raw::version_tag(class) == self.tag()
    }

    /// Returns whether the object is materialized by now.
    pub(crate) fn is_materialized(&self) -> bool {
        self.tag() == MATERIALIZED
    }

    #[inline]
    fn tag(&self) -> u32 {
        // Acquire pairs with the Release store in `set`: a thread that finds the object materialized finds its
        // attributes.
        self.tag.load(Ordering::Acquire)
    }

    fn set(&self, tag: u32) {
        // Release pairs with the Acquire load in `tag`.
        self.tag.store(tag, Ordering::Release);
    }

    /// Changes the tag from `from` to `to`. Returns whether it was `from`.
    fn change(&self, from: u32, to: u32) -> bool {
        // AcqRel pairs with both sides of `tag` and `set`; relaxed: a change that fails tells nothing.
        self.tag
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Checks that the class of an object that is not known to be materialized is untouched, and remembers its tag.
    /// Returns whether the object is native.
    fn check_class(&self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        let before = self.tag();
        Ok(match Standard::untouched(class)? {
            Some(tag) => {
                // A class without a tag (0) is checked each time.
                self.change(before, if tag == 0 { UNKNOWN } else { tag });
                !matches!(self.tag(), MATERIALIZED | MATERIALIZING)
            }
            None => {
                if before == UNKNOWN {
                    self.change(before, MATERIALIZED);
                }
                false
            }
        })
    }
}

#[pymethods]
impl Native {
    /// Materialize the object, unless it is materialized already.
    fn _interlock_materialize(slf: &Bound<'_, Self>) -> PyResult<()> {
        materialize_any(slf.as_any(), slf.get())
    }

    /// Whether the object is materialized, so that its methods are the standard library's.
    #[getter]
    fn _interlock_is_materialized(slf: &Bound<'_, Self>) -> bool {
        slf.get().is_materialized()
    }

    /// The attributes of the object, which this materializes. This is `__dict__` of the public classes.
    #[getter]
    fn _interlock_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        materialize_any(slf.as_any(), slf.get())?;
        raw::instance_dict(slf)
    }

    #[setter(_interlock_dict)]
    fn set_interlock_dict(slf: &Bound<'_, Self>, attributes: &Bound<'_, PyDict>) -> PyResult<()> {
        materialize_any(slf.as_any(), slf.get())?;
        raw::set_instance_dict(slf, attributes)
    }

    /// Set an attribute. Materializes the object if the standard library's methods use the attribute. This is
    /// `__setattr__` of the public classes.
    fn _interlock_setattr(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyString>,
        value: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if !slf.get().is_materialized() && Standard::uses(&slf.get_type(), name)? {
            materialize_any(slf.as_any(), slf.get())?;
        }
        raw::generic_set_attribute(slf, name, Some(&value))
    }

    /// Delete an attribute. Materializes the object as setting one does. This is `__delattr__` of the public classes.
    fn _interlock_delattr(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> PyResult<()> {
        if !slf.get().is_materialized() && Standard::uses(&slf.get_type(), name)? {
            materialize_any(slf.as_any(), slf.get())?;
        }
        raw::generic_set_attribute(slf, name, None)
    }
}

/// A class whose objects can be materialized.
pub(crate) trait NativeClass: PyClass<Frozen = True, BaseType = Native> + Sync {}

impl<T: PyClass<Frozen = True, BaseType = Native> + Sync> NativeClass for T {}

/// Runs an operation of the engine on an object if it is native. Returns `None` if it is materialized.
///
/// The operation may wait. While the thread sleeps, other threads may use the object and materialize it.
#[inline]
pub(crate) fn native<'a, T: NativeClass, R>(
    slf: &'a Bound<'_, T>,
    operation: impl FnOnce(&'a T) -> R,
) -> PyResult<Option<R>> {
    with_critical_section(slf.as_any(), || {
        let native = slf.as_super().get();
        if native.is_native_for(slf.as_any().get_type_ptr()) || is_native_after_all(slf)? {
            Ok(Some(operation(slf.get())))
        } else {
            Ok(None)
        }
    })
}

/// Returns whether an object is native although its class no longer has the version tag that the object
/// remembers. Materializes it if the class now changes or overrides internals.
#[cold]
fn is_native_after_all<T: NativeClass>(slf: &Bound<'_, T>) -> PyResult<bool> {
    let native = slf.as_super().get();
    if !matches!(native.tag(), MATERIALIZED | MATERIALIZING)
        && native.check_class(&slf.as_any().get_type())?
    {
        return Ok(true);
    }
    materialize_any(slf.as_any(), native)?;
    Ok(false)
}

/// Returns whether a method may do the work of another method itself instead of calling it. It may not if the
/// other method may be overridden in the class or a derived one, or if the object is materialized.
#[inline]
pub(crate) fn goes_own_way<T: NativeClass>(slf: &Bound<'_, T>) -> PyResult<bool> {
    let class = slf.as_any().get_type();
    let is_native = slf.as_super().get().is_native_for(class.as_type_ptr());
    Ok(Standard::is_ours(&class)? && (is_native || is_native_after_all(slf)?))
}

/// Materializes an object, unless it is materialized already.
pub(crate) fn materialize<T: NativeClass>(slf: &Bound<'_, T>) -> PyResult<()> {
    materialize_any(slf.as_any(), slf.as_super().get())
}

/// Marks an unused object as materialized, because it was given an argument that only the standard library can handle.
/// The caller then runs the standard library's `__init__`.
pub(crate) fn begin_materialized<T: NativeClass>(slf: &Bound<'_, T>) {
    slf.as_super().get().set(MATERIALIZED);
}

#[cold]
fn materialize_any(slf: &Bound<'_, PyAny>, native: &Native) -> PyResult<()> {
    let mut threads_wait = false;
    while !native.is_materialized() {
        if native.tag() == MATERIALIZING {
            blocking::give_way(slf.py()); // another thread takes a few microseconds to finish
            continue;
        }
        let standard = Standard::of(&slf.get_type())?.ok_or_else(not_public)?;
        // This runs Python code, so other threads may run. They cannot see the new attributes yet.
        let attributes = standard.get().attributes(slf, threads_wait)?;
        match with_critical_section(slf, || export(slf, native, &attributes))? {
            Exported::Moved(wakeups) => wakeups.into_iter().for_each(Wakeups::run),
            Exported::Outdated => threads_wait = true,
        }
    }
    Ok(())
}

/// Moves an object's state into attributes, and these into the object, unless another thread does so.
///
/// On a free-threaded build, the interpreter suspends the critical section while this waits for a dictionary that
/// another thread uses. So the tag marks the object meanwhile, and no thread takes it for a native one.
fn export(slf: &Bound<'_, PyAny>, native: &Native, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    // A collection could run other code, which could look at the object.
    let _no_collection = raw::NoCollection::begin();
    let before = native.tag();
    if before == MATERIALIZED || before == MATERIALIZING || !native.change(before, MATERIALIZING) {
        return Ok(Exported::Moved(Vec::new()));
    }
    let exported = (native.export)(slf, attributes);
    let filled = match &exported {
        Ok(Exported::Moved(_)) => raw::add_attributes(slf, attributes),
        _ => Ok(()),
    };
    let moved = matches!(exported, Ok(Exported::Moved(_)));
    native.set(if moved { MATERIALIZED } else { before });
    filled.and(exported)
}

/// Calls the standard library's function of this name. The first argument is the materialized object.
#[cold]
pub(crate) fn standard<'py, T: NativeClass>(
    slf: &Bound<'py, T>,
    name: &Bound<'py, PyString>,
    arguments: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    function(slf, name)?.call1(arguments)
}

/// Returns the standard library's function of this name.
pub(crate) fn function<'py, T: NativeClass>(
    slf: &Bound<'py, T>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let standard = Standard::of(&slf.as_any().get_type())?.ok_or_else(not_public)?;
    standard.get().function(name)
}

#[cold]
fn not_public() -> PyErr {
    PyRuntimeError::new_err("only objects of public classes can be materialized")
}

/// An internal attribute: reading it materializes the object. (From then on, lookup finds the attribute itself before
/// this.)
///
/// The garbage collector does not see its references: it belongs to a class that lives as long as the module that
/// defines it.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Internal {
    name: Py<PyString>,
    /// Reads the attribute of a native object, if that need not materialize it.
    read: Option<Py<PyAny>>,
}

#[pymethods]
impl Internal {
    #[new]
    #[pyo3(signature = (name, read = None))]
    fn new(name: Bound<'_, PyString>, read: Option<Py<PyAny>>) -> Self {
        Internal {
            name: name.unbind(),
            read,
        }
    }

    /// Reads the attribute and calls what it is: the interpreter's way of calling it as a method.
    #[pyo3(signature = (object, /, *args, **kwargs))]
    fn __call__<'py>(
        &self,
        object: &Bound<'py, Native>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = raw::generic_attribute(object.as_any(), self.name(object.py()))?;
        found.call(args, kwargs)
    }

    fn __get__<'py>(
        &self,
        object: Option<&Bound<'py, Native>>,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let name = self.name.bind(py);
        let Some(object) = object else {
            // Read from the class, it is the standard library's function of that name, if there is one.
            let function = match owner.cast::<PyType>() {
                Ok(class) => Standard::of(class)?.and_then(|standard| standard.get().function(name).ok()),
                Err(_) => None,
            };
            if let Some(function) = function {
                return Ok(function);
            }
            let owner = owner.getattr("__name__")?;
            let message = format!("type object '{owner}' has no attribute '{name}'");
            return Err(PyAttributeError::new_err(message));
        };
        if let Some(read) = self.read.as_ref().filter(|_| !object.get().is_materialized()) {
            return read.bind(py).call1((object,));
        }
        if !object.get().is_materialized() {
            materialize_any(object.as_any(), object.get())?;
            // Not from its `__dict__`, which the interpreter would have to create. Comes back here if there is
            // none.
            return raw::generic_attribute(object.as_any(), name);
        }
        if let Some(found) = raw::instance_dict(object)?.get_item(name)? {
            return Ok(found);
        }
        // Some objects of the standard library's class have such an attribute in place of the function. This one has
        // not.
        if let Some(function) =
            Standard::of(&object.get_type())?.and_then(|standard| standard.get().function(name).ok())
        {
            return function.call_method1(intern!(py, "__get__"), (object, owner));
        }
        let class = object.get_type().name()?;
        let message = format!("'{class}' object has no attribute '{name}'");
        Err(PyAttributeError::new_err(message))
    }
}

impl Internal {
    pub(crate) fn name<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.name.bind(py)
    }
}
