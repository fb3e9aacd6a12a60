//! Names of Python modules, looked up once.

use pyo3::PyTypeCheck;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// What a name of a Python module stands for, looked up at the first use.
///
/// An import runs Python code, and the interpreter may end the thread in it. PyO3's `PyOnceLock::import` has it run in an
/// initialization of std, whose frames have landing pads: see `panic = "abort"` in ARCHITECTURE.md. So the import comes first
/// here, in a frame of its own, and who comes second throws away what it found.
pub(crate) struct Imported<T = PyAny> {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<T>>,
}

impl<T: PyTypeCheck> Imported<T> {
    pub(crate) const fn new(module: &'static str, name: &'static str) -> Self {
        Imported {
            module,
            name,
            found: PyOnceLock::new(),
        }
    }

    /// The object.
    ///
    /// # Errors
    /// The module or the name is not there, or stands for something else.
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
        self.found.get_or_init(py, || found).bind(py)
    }
}

#[inline(never)]
fn import<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(module)?.getattr(name)
}
