//! Objects that are closed until somebody looks inside.
//!
//! A closed object keeps its state in the engine. From the first look at it (a private attribute, a hook that is set on the
//! object, in its class or in a derived one) the object is open, for good: its attributes are those that the standard library's
//! own `__init__` makes, and its methods are the standard library's functions, unmodified, over our locks.
//!
//! The check for it and the operation after it are one step. With a GIL they are so by themselves; on a free-threaded build
//! each object's critical section makes them one. Opening is such a step too, and says so while it goes on: no operation meets
//! a half-open object.
//!
//! What a class is derived from and what was set in it can change under the feet of its objects. A closed object remembers
//! the version tag that the interpreter had given its class when the class was found untouched: one comparison tells whether
//! it has to be looked at again (see `tp_version_tag` in CPython's Objects/typeobject.c).

use interlock_wait::Wakeups;
use interlock_wait::primitive::global::{AtomicU32, Ordering};
use pyo3::PyClass;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyAttributeError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyDict, PyString, PyType};

use crate::blocking;
use crate::raw;
use crate::raw::intern;
use crate::standard::Standard;

/// In place of a version tag: the class was not looked at yet. No class has this tag.
const UNKNOWN: u32 = u32::MAX - 1;
/// In place of a version tag: a thread is about to open the object.
const MATERIALIZING: u32 = u32::MAX - 2;
/// In place of a version tag: the object is open.
const MATERIALIZED: u32 = u32::MAX;

/// Moves what the engine holds of an object into its attributes, in one step: see [`Native::export`].
pub(crate) type Export = fn(&Bound<'_, PyAny>, &Bound<'_, PyDict>) -> PyResult<Exported>;

/// What came of an attempt to move an object's state.
pub(crate) enum Exported {
    /// It is moved; those who waited in the engine are to be woken when the object is open.
    Moved(Vec<Wakeups>),
    /// The attributes were made for another state of the object, such as one in which nobody waited: they are to be made anew.
    Outdated,
}

/// What is common to all classes whose objects can be opened.
#[pyclass(frozen, subclass, module = "interlock._interlock")]
pub(crate) struct Native {
    /// The version tag of the class when it was found untouched, or `UNKNOWN`, `MATERIALIZING` or `MATERIALIZED`.
    tag: AtomicU32,
    export: Export,
}

impl Native {
    /// For an object of a class; open at once if that class has insides of its own.
    ///
    /// `export` is called once, while no other thread is at the object. It must neither detach nor run Python code: both would
    /// let others look.
    #[inline]
    pub(crate) fn new(class: &Bound<'_, PyType>, export: Export) -> PyResult<Self> {
        let this = Native {
            tag: AtomicU32::new(UNKNOWN),
            export,
        };
        this.look_at(class)?;
        Ok(this)
    }

    /// Whether the object is closed, as far as one comparison tells: `false` may also mean that its class has changed.
    #[inline]
    pub(crate) fn is_native_for(&self, class: *mut ffi::PyTypeObject) -> bool {
        raw::version_tag(class) == self.tag()
    }

    /// Whether the object is open by now.
    pub(crate) fn is_materialized(&self) -> bool {
        self.tag() == MATERIALIZED
    }

    #[inline]
    fn tag(&self) -> u32 {
        // Acquire pairs with the Release store in `set`: who finds the object open finds its attributes.
        self.tag.load(Ordering::Acquire)
    }

    fn set(&self, tag: u32) {
        // Release pairs with the Acquire load in `tag`.
        self.tag.store(tag, Ordering::Release);
    }

    /// Goes from one tag to another; whether it was that one.
    fn change(&self, from: u32, to: u32) -> bool {
        // AcqRel pairs with both sides of `tag` and `set`; relaxed: a change that fails tells nothing.
        self.tag
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Looks whether the class of an object that is closed, as far as is known, is untouched, and remembers it; whether it is.
    fn look_at(&self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        let before = self.tag();
        Ok(match Standard::untouched(class)? {
            Some(tag) => {
                // A class without a tag (0) is looked at each time.
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
    /// Open the object, unless it is open.
    fn _interlock_materialize(slf: &Bound<'_, Self>) -> PyResult<()> {
        materialize_any(slf.as_any(), slf.get())
    }

    /// Whether the object is open: whether its methods are the standard library's.
    #[getter]
    fn _interlock_is_materialized(slf: &Bound<'_, Self>) -> bool {
        slf.get().is_materialized()
    }

    /// The attributes of the object, which is opened: `__dict__` of the classes that programs see.
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

    /// Set an attribute; one that the standard library's methods use opens the object: `__setattr__` of the classes that
    /// programs see.
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

    /// Delete an attribute: `__delattr__`.
    fn _interlock_delattr(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> PyResult<()> {
        if !slf.get().is_materialized() && Standard::uses(&slf.get_type(), name)? {
            materialize_any(slf.as_any(), slf.get())?;
        }
        raw::generic_set_attribute(slf, name, None)
    }
}

/// A class whose objects can be opened.
pub(crate) trait NativeClass: PyClass<Frozen = True, BaseType = Native> + Sync {}

impl<T: PyClass<Frozen = True, BaseType = Native> + Sync> NativeClass for T {}

/// Runs an operation of the engine on an object if it is closed; `None` if it is open.
///
/// The operation may wait: while the thread sleeps, others may operate on the object, and open it.
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

/// Whether an object is closed whose class has another version tag than the object remembers. It is opened if the class has
/// got insides of its own.
#[cold]
fn is_native_after_all<T: NativeClass>(slf: &Bound<'_, T>) -> PyResult<bool> {
    let native = slf.as_super().get();
    if !matches!(native.tag(), MATERIALIZED | MATERIALIZING) && native.look_at(&slf.as_any().get_type())? {
        return Ok(true);
    }
    materialize_any(slf.as_any(), native)?;
    Ok(false)
}

/// Whether a method of an object may do the work of another method by itself: not if the class, or a derived one, has got
/// another method of that name, nor if the object is open.
#[inline]
pub(crate) fn goes_own_way<T: NativeClass>(slf: &Bound<'_, T>) -> PyResult<bool> {
    let class = slf.as_any().get_type();
    let is_closed = slf.as_super().get().is_native_for(class.as_type_ptr());
    Ok(Standard::is_ours(&class)? && (is_closed || is_native_after_all(slf)?))
}

/// NativeClass an object, unless it is open.
pub(crate) fn materialize<T: NativeClass>(slf: &Bound<'_, T>) -> PyResult<()> {
    materialize_any(slf.as_any(), slf.as_super().get())
}

/// Says that an object is open which was given something for which only the standard library has a way, before it did
/// anything; its `__init__` is the standard library's then.
pub(crate) fn begin_materialized<T: NativeClass>(slf: &Bound<'_, T>) {
    slf.as_super().get().set(MATERIALIZED);
}

#[cold]
fn materialize_any(slf: &Bound<'_, PyAny>, native: &Native) -> PyResult<()> {
    let mut somebody_waits = false;
    while !native.is_materialized() {
        if native.tag() == MATERIALIZING {
            blocking::give_way(slf.py()); // it takes another thread some microseconds
            continue;
        }
        let standard = Standard::of(&slf.get_type())?.ok_or_else(hidden)?;
        // Python code, so others may run; what it makes is nobody's yet.
        let attributes = standard.get().attributes(slf, somebody_waits)?;
        match with_critical_section(slf, || export(slf, native, &attributes))? {
            Exported::Moved(wakeups) => wakeups.into_iter().for_each(Wakeups::run),
            Exported::Outdated => somebody_waits = true,
        }
    }
    Ok(())
}

/// Moves an object's state into attributes, and these into the object, unless another thread does that.
///
/// On a free-threaded build the critical section is left while this waits for a dictionary that another thread looks at. So the
/// tag says what is going on: meanwhile nobody takes the object for a closed one.
fn export(slf: &Bound<'_, PyAny>, native: &Native, attributes: &Bound<'_, PyDict>) -> PyResult<Exported> {
    // Other code could run, and look, in a collection.
    let _no_collection = raw::NoCollection::begin();
    let before = native.tag();
    if before == MATERIALIZED || before == MATERIALIZING || !native.change(before, MATERIALIZING) {
        return Ok(Exported::Moved(Vec::new()));
    }
    let exported = (native.export)(slf, attributes);
    let filled = match &exported {
        Ok(Exported::Moved(_)) => {
            raw::instance_dict(slf).and_then(|inside| inside.update(attributes.as_mapping()))
        }
        _ => Ok(()),
    };
    let moved = matches!(exported, Ok(Exported::Moved(_)));
    native.set(if moved { MATERIALIZED } else { before });
    filled.and(exported)
}

/// Calls the standard library's function of this name; the first argument is the open object.
#[cold]
pub(crate) fn standard<'py, T: NativeClass>(
    slf: &Bound<'py, T>,
    name: &Bound<'py, PyString>,
    arguments: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    function(slf, name)?.call1(arguments)
}

/// The standard library's function of this name.
pub(crate) fn function<'py, T: NativeClass>(
    slf: &Bound<'py, T>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let standard = Standard::of(&slf.as_any().get_type())?.ok_or_else(hidden)?;
    standard.get().function(name)
}

#[cold]
fn hidden() -> PyErr {
    PyRuntimeError::new_err("only objects of public classes can be opened")
}

/// An attribute that is inside: a look at it opens the object. (The attribute itself is then found before this.)
///
/// The garbage collector is not told of what it has: it belongs to a class that lives as long as the module that defines it.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Internal {
    name: Py<PyString>,
    /// Gives the attribute of a closed object, if that is no reason to open it.
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

    fn __get__<'py>(
        &self,
        object: Option<&Bound<'py, Native>>,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let name = self.name.bind(py);
        let Some(object) = object else {
            // Of the class it is what the standard library's class has under that name, if it has anything.
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
        materialize_any(object.as_any(), object.get())?;
        if let Some(found) = raw::instance_dict(object)?.get_item(name)? {
            return Ok(found);
        }
        // What the standard library has in some objects of the class only, instead of the function of that name.
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
