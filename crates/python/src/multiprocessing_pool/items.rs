//! The items of a map.

use interlock_wait::primitive::Arc;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyRange, PyRangeMethods, PySlice, PyTuple};

use super::shared_iterator::SharedIterator;
use crate::raw::Attached;

/// The items of an iterable that has a length.
pub(super) enum Items {
    /// A tuple, from which chunks are sliced.
    Tuple(Py<PyTuple>),
    /// A range, from which items are computed.
    Range(Py<PyRange>, Range),
    /// Any other iterable, from which workers take items as they need them.
    SharedIterator(Arc<Attached<SharedIterator>>),
}

impl Items {
    /// Returns the items of `iterable`. Those of a list are copied now.
    pub(super) fn of(iterable: &Bound<'_, PyAny>) -> Self {
        if let Ok(list) = iterable.cast_exact::<PyList>() {
            return Items::Tuple(list.to_tuple().unbind());
        }
        if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
            return Items::Tuple(tuple.clone().unbind());
        }
        if let Ok(range) = iterable.cast_exact::<PyRange>()
            && let (Ok(start), Ok(_), Ok(step)) = (range.start(), range.stop(), range.step())
        {
            return Items::Range(range.clone().unbind(), Range { start, step });
        }
        let iterator = SharedIterator::new(iterable.clone().unbind());
        Items::SharedIterator(Arc::new(Attached::new(iterator)))
    }

    /// Returns a sequence of the items at some places. `None` for a shared iterator.
    pub(super) fn chunk<'py>(
        &self,
        py: Python<'py>,
        places: &std::ops::Range<usize>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (start, end) = (places.start.cast_signed(), places.end.cast_signed());
        match self {
            Items::Tuple(items) => Ok(Some(
                items.bind(py).get_slice(places.start, places.end).into_any(),
            )),
            Items::Range(range, _) => range.bind(py).get_item(PySlice::new(py, start, end, 1)).map(Some),
            Items::SharedIterator(_) => Ok(None),
        }
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Items::Tuple(items) => Items::Tuple(items.clone_ref(py)),
            Items::Range(range, numbers) => Items::Range(range.clone_ref(py), *numbers),
            Items::SharedIterator(pulled) => Items::SharedIterator(pulled.clone()),
        }
    }
}

/// A range of small numbers.
#[derive(Clone, Copy)]
pub(super) struct Range {
    start: isize,
    step: isize,
}

impl Range {
    /// Returns the number at a place. It cannot overflow for valid places: the end of the range is a small
    /// number too.
    #[inline]
    pub(super) fn item(self, place: usize) -> isize {
        self.start
            .wrapping_add(self.step.wrapping_mul(place.cast_signed()))
    }
}
