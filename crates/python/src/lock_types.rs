//! The standard library's types that our locks pass for.
//!
//! Programs compare the type of a lock with `_thread.LockType`, `_thread.RLock` or the type of a lock that was created
//! earlier. So `__class__` of our locks is the standard type, and `isinstance()` consults that. The other direction is
//! in `interlock._standard_types`.

use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyClass, PyTypeInfo};

use crate::once::Once;

/// A type of the standard module `_thread`.
pub(crate) struct StandardType {
    name: &'static str,
    class: Once<Py<PyType>>,
}

/// The type of the standard library's `threading.Lock()`.
pub(crate) static LOCK: StandardType = StandardType::new("LockType");

/// The type of the standard library's `threading.RLock()`.
pub(crate) static RLOCK: StandardType = StandardType::new("RLock");

impl StandardType {
    const fn new(name: &'static str) -> Self {
        StandardType {
            name,
            class: Once::new(),
        }
    }

    /// Returns the type. First called while our module is imported, because other code may replace these
    /// names later.
    pub(crate) fn class<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyType>> {
        let import = || Ok(py.import("_thread")?.getattr(self.name)?.cast_into()?.unbind());
        Ok(self.class.get_or_make(py, import)?.bind(py))
    }

    /// `__class__` of one of our objects: the standard type, or the class that a program derived from ours.
    pub(crate) fn class_of<'py, T: PyClass + PyTypeInfo>(
        &self,
        slf: &Bound<'py, T>,
    ) -> PyResult<Bound<'py, PyType>> {
        let class = slf.as_any().get_type();
        if class.is(slf.py().get_type::<T>()) {
            return self.class(slf.py()).cloned();
        }
        Ok(class)
    }
}

/// Sets `__class__` the way `object` does.
pub(crate) fn set_class(slf: &Bound<'_, PyAny>, class: &Bound<'_, PyAny>) -> PyResult<()> {
    let object = slf.py().get_type::<PyAny>();
    let attribute = object.getattr("__dict__")?.get_item("__class__")?;
    attribute.call_method1("__set__", (slf, class)).map(drop)
}

/// Looks the types up while our module is imported.
pub(crate) fn remember(py: Python<'_>) -> PyResult<()> {
    LOCK.class(py)?;
    RLOCK.class(py).map(drop)
}
