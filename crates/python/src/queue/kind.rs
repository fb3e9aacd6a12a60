//! The order in which a queue gives out its items.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The order of a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fifo,
    Lifo,
    Heap,
}

impl Kind {
    pub(super) fn of_class(class: &Bound<'_, PyType>) -> PyResult<Self> {
        match class.getattr_opt("_order")? {
            None => Ok(Kind::Fifo),
            Some(order) => match order.extract::<&str>()? {
                "fifo" => Ok(Kind::Fifo),
                "lifo" => Ok(Kind::Lifo),
                "heap" => Ok(Kind::Heap),
                other => Err(PyValueError::new_err(format!(
                    "no such order of a queue: {other:?}"
                ))),
            },
        }
    }
}
