//! The wrappers that `multiprocessing.Value` and `Array` return: `ctypes` objects with a lock.

use std::ffi::c_long;

use pyo3::exceptions::PyAttributeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyFloatMethods, PyString, PyTuple};
use pyo3::{IntoPyObjectExt, PyTraverseError};

use super::bytes::SharedStorage;
use super::lock::SharedLock;
use super::shared::Shared;
use crate::raw::{intern, small_int};

/// The lock of a wrapper.
enum Guard {
    /// One of our locks, whose methods no program has replaced.
    Own(Py<SharedLock>),
    /// Any other lock.
    Other(Py<PyAny>),
}

struct Parts {
    object: Py<PyAny>,
    guard: Guard,
}

/// The engine's part of the wrappers that `multiprocessing.Value` and `Array` return.
#[pyclass(frozen, subclass, name = "SynchronizedBase", module = "interlock._interlock")]
pub(crate) struct SharedValue {
    parts: Shared<Parts>,
}

#[pymethods]
impl SharedValue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        SharedValue { parts: Shared::new() }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(parts) = self.parts.get() else {
            return Ok(());
        };
        visit.call(&parts.object)?;
        match &parts.guard {
            Guard::Own(lock) => visit.call(lock),
            Guard::Other(lock) => visit.call(lock),
        }
    }

    /// Makes this the wrapper of a `ctypes` object. `is_own` says whether the lock is one of ours.
    fn _interlock_begin(&self, object: Py<PyAny>, lock: &Bound<'_, PyAny>, is_own: bool) -> PyResult<()> {
        let guard = match is_own {
            true => Guard::Own(lock.cast::<SharedLock>()?.clone().unbind()),
            false => Guard::Other(lock.clone().unbind()),
        };
        self.parts.begin(Parts { object, guard })
    }

    /// Return the `ctypes` object, which has no lock. Never blocks.
    pub(crate) fn get_obj(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.parts.get()?.object.clone_ref(py))
    }

    /// Return the lock. Never blocks.
    #[inline]
    pub(crate) fn get_lock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(match &self.parts.get()?.guard {
            Guard::Own(lock) => lock.clone_ref(py).into_any(),
            Guard::Other(lock) => lock.clone_ref(py),
        })
    }

    #[getter]
    fn _obj(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get_obj(py)
    }

    #[getter]
    fn _lock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get_lock(py)
    }

    /// Acquire the lock, with the arguments that its own method takes.
    #[pyo3(signature = (*args, **kwargs))]
    fn acquire<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let lock = self.get_lock(py)?.into_bound(py);
        lock.call_method(intern!(py, "acquire"), args, kwargs)
    }

    /// Release the lock.
    pub(crate) fn release<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.parts.get()?.guard {
            Guard::Own(lock) => lock.get().release().map(|()| py.None().into_bound(py)),
            Guard::Other(lock) => lock.bind(py).call_method0(intern!(py, "release")),
        }
    }

    /// Acquire the lock: blocks until it is free or its owner has died.
    pub(crate) fn __enter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.parts.get()?.guard {
            Guard::Own(lock) => lock.get().enter(py)?.into_bound_py_any(py),
            Guard::Other(lock) => lock.bind(py).call_method0(intern!(py, "__enter__")),
        }
    }

    /// Release the lock.
    #[pyo3(signature = (*exception))]
    fn __exit__<'py>(&self, exception: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = exception.py();
        match &self.parts.get()?.guard {
            Guard::Own(lock) => lock.get().exit().map(|()| py.None().into_bound(py)),
            Guard::Other(lock) => lock.bind(py).call_method1(intern!(py, "__exit__"), exception),
        }
    }
}

impl SharedValue {
    /// Returns the lock, if it is one of ours.
    #[inline]
    pub(crate) fn own_lock(&self) -> Option<&SharedLock> {
        match &self.parts.get().ok()?.guard {
            Guard::Own(lock) => Some(lock.get()),
            Guard::Other(_) => None,
        }
    }

    /// Calls `access` with the `ctypes` object, under the lock.
    #[inline]
    fn guarded<'py, R>(
        &self,
        py: Python<'py>,
        access: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<R>,
    ) -> PyResult<R> {
        let parts = self.parts.get()?;
        let object = parts.object.bind(py);
        let (result, released) = match &parts.guard {
            Guard::Own(lock) => {
                let lock = lock.get();
                lock.enter(py)?;
                (access(object), lock.exit())
            }
            Guard::Other(lock) => {
                let lock = lock.bind(py);
                lock.call_method0(intern!(py, "acquire"))?;
                let result = access(object);
                (result, lock.call_method0(intern!(py, "release")).map(drop))
            }
        };
        released.and(result)
    }
}

/// An attribute of the wrappers that reads and writes the same attribute of the `ctypes` object under the lock.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct SharedAttribute {
    name: Py<PyString>,
}

#[pymethods]
impl SharedAttribute {
    #[new]
    fn new(py: Python<'_>, name: &str) -> Self {
        let name = PyString::intern(py, name).unbind();
        SharedAttribute { name }
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: &Bound<'py, PyAny>,
        _class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if instance.is_none() {
            return Ok(slf.clone().into_any());
        }
        let (py, name) = (slf.py(), &slf.get().name);
        let value = instance.cast::<SharedValue>()?.get();
        value.guarded(py, |object| object.getattr(name))
    }

    fn __set__(&self, instance: &Bound<'_, SharedValue>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        (instance.get()).guarded(instance.py(), |object| object.setattr(&self.name, value))
    }

    fn __delete__(&self, instance: &Bound<'_, SharedValue>) -> PyResult<()> {
        let (class, name) = (instance.get_type().name()?, &self.name);
        Err(PyAttributeError::new_err(format!(
            "property '{name}' of '{class}' object has no deleter"
        )))
    }
}

/// The kind of a C number.
#[derive(Clone, Copy)]
enum Kind {
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Kind {
    /// Returns the kind of the `ctypes` type with this code.
    fn of(code: char) -> Option<Self> {
        let is_long = size_of::<c_long>() == 8;
        Some(match code {
            'i' => Kind::I32,
            'I' => Kind::U32,
            'l' if is_long => Kind::I64,
            'L' if is_long => Kind::U64,
            'q' => Kind::I64,
            'Q' => Kind::U64,
            'f' => Kind::F32,
            'd' => Kind::F64,
            _ => return None,
        })
    }
}

/// The place of a simple `ctypes` object's number.
struct Number {
    kind: Kind,
    storage: Py<SharedStorage>,
}

impl Number {
    /// Returns the number, if the storage is there.
    #[inline]
    fn load<'py>(&self, py: Python<'py>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let storage = self.storage.get().storage.get().ok()?;
        Some(match self.kind {
            Kind::I32 => storage.load32()?.cast_signed().into_bound_py_any(py),
            Kind::U32 => storage.load32()?.into_bound_py_any(py),
            Kind::I64 => storage.load64()?.cast_signed().into_bound_py_any(py),
            Kind::U64 => storage.load64()?.into_bound_py_any(py),
            Kind::F32 => f32::from_bits(storage.load32()?).into_bound_py_any(py),
            Kind::F64 => f64::from_bits(storage.load64()?).into_bound_py_any(py),
        })
    }

    /// Writes an ordinary number, as `ctypes` does. Returns `false` for any other value, which `ctypes` has to
    /// handle.
    #[inline]
    fn store(&self, value: &Bound<'_, PyAny>) -> bool {
        let Ok(storage) = self.storage.get().storage.get() else {
            return false;
        };
        match self.kind {
            // Keeps as many of the low bits as fit.
            Kind::I32 | Kind::U32 => small_int(value).is_some_and(|number| storage.store32(number as u32)),
            Kind::I64 | Kind::U64 => {
                small_int(value).is_some_and(|number| storage.store64(number.cast_unsigned()))
            }
            Kind::F32 => float(value).is_some_and(|number| storage.store32((number as f32).to_bits())),
            Kind::F64 => float(value).is_some_and(|number| storage.store64(number.to_bits())),
        }
    }
}

/// Returns the value of an exact `float` or of a small `int`, rounded as the interpreter rounds.
fn float(object: &Bound<'_, PyAny>) -> Option<f64> {
    match object.cast_exact::<PyFloat>() {
        Ok(number) => Some(number.value()),
        Err(_) => small_int(object).map(|number| number as f64),
    }
}

/// The engine's part of the wrappers of simple `ctypes` objects.
#[pyclass(frozen, subclass, extends = SharedValue, module = "interlock._interlock")]
pub(crate) struct SharedNumber {
    number: Shared<Number>,
}

#[pymethods]
impl SharedNumber {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyAny>>) -> PyClassInitializer<Self> {
        let number = Shared::new();
        PyClassInitializer::from(SharedValue::new(args, kwargs)).add_subclass(SharedNumber { number })
    }

    /// Tells that the object lies in this storage, and is of the type with this code.
    fn _interlock_number(&self, storage: Py<SharedStorage>, code: char) -> PyResult<()> {
        match Kind::of(code) {
            Some(kind) => self.number.begin(Number { kind, storage }),
            None => Ok(()),
        }
    }

    /// The object's value, read and written under the lock.
    #[getter]
    fn value<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        (slf.as_super().get()).guarded(py, |object| {
            let number = slf.get().number.get().ok().and_then(|number| number.load(py));
            number.unwrap_or_else(|| object.getattr(intern!(py, "value")))
        })
    }

    #[setter]
    fn set_value(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        (slf.as_super().get()).guarded(py, |object| {
            match (slf.get().number.get()).is_ok_and(|number| number.store(value)) {
                true => Ok(()),
                false => object.setattr(intern!(py, "value"), value),
            }
        })
    }
}

/// The engine's part of the wrappers of arrays.
#[pyclass(frozen, subclass, extends = SharedValue, module = "interlock._interlock")]
pub(crate) struct SharedArray;

#[pymethods]
impl SharedArray {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyAny>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(SharedValue::new(args, kwargs)).add_subclass(SharedArray)
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let parts = slf.as_super().get().parts.get()?;
        parts.object.bind(slf.py()).len()
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        (slf.as_super().get()).guarded(slf.py(), |object| object.get_item(index))
    }

    fn __setitem__(
        slf: &Bound<'_, Self>,
        index: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        (slf.as_super().get()).guarded(slf.py(), |object| object.set_item(index, value))
    }

    fn __delitem__(_slf: &Bound<'_, Self>, _index: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyAttributeError::new_err("__delitem__"))
    }
}
