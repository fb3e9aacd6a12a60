//! Attributes of a module that belong to another module.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString};

/// An attribute of one module, read and written in another: the class of the first has it under that name. A program
/// reads such attributes each time it names them, so this looks into the namespace of the other module at once.
///
/// The garbage collector does not see its references: the class belongs to a module that is never unloaded.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Mirrored {
    module: Py<PyModule>,
    namespace: Py<PyDict>,
    name: Py<PyString>,
}

#[pymethods]
impl Mirrored {
    #[new]
    fn new(module: &Bound<'_, PyModule>, name: Bound<'_, PyString>) -> Self {
        Mirrored {
            module: module.clone().unbind(),
            namespace: module.dict().unbind(),
            name: name.unbind(),
        }
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        object: Option<&Bound<'py, PyAny>>,
        _owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if object.is_none() {
            return Ok(slf.clone().into_any());
        }
        let name = this.name.bind(py);
        match this.namespace.bind(py).get_item(name)? {
            Some(found) => Ok(found),
            // It was deleted: the module itself decides how it answers to that name.
            None => this.module.bind(py).getattr(name),
        }
    }

    /// Makes the descriptor one that an attribute of the instance does not hide.
    fn __set__(&self, object: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.module
            .bind(object.py())
            .setattr(self.name.bind(object.py()), value)
    }
}
