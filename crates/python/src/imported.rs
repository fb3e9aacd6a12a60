//! Names of Python modules, looked up once.

use pyo3::PyTypeCheck;
use pyo3::prelude::*;

use crate::once::Once;

/// The object behind a name of a Python module, looked up at the first use.
///
/// An import runs Python code, and the interpreter may end the thread during it. So it runs in a frame of its own: see
/// `panic = "abort"` in ARCHITECTURE.md. If two threads look the name up at once, the second discards its result.
pub(crate) struct Imported<T = PyAny> {
    module: &'static str,
    name: &'static str,
    found: Once<Py<T>>,
}

impl<T: PyTypeCheck> Imported<T> {
    pub(crate) const fn new(module: &'static str, name: &'static str) -> Self {
        Imported {
            module,
            name,
            found: Once::new(),
        }
    }

    /// Returns the object.
    ///
    /// # Errors
    /// The module or the name does not exist, or the object has another type.
    #[inline]
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, T>> {
        match self.found.get(py) {
            Some(found) => Ok(found.bind(py)),
            None => self.look_up(py),
        }
    }

    #[cold]
    #[inline(never)]
    fn look_up<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, T>> {
        let found = import(py, self.module, self.name)?;
        Ok(self.keep(py, found.cast_into()?.unbind()))
    }

    #[inline(never)]
    fn keep<'py>(&self, py: Python<'py>, found: Py<T>) -> &Bound<'py, T> {
        self.found.keep(py, found).bind(py)
    }
}

#[inline(never)]
fn import<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(module)?.getattr(name)
}
