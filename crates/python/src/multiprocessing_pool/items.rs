//! Where the items of a map come from.

use interlock_wait::primitive::Arc;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyRange, PyRangeMethods, PySlice, PyTuple};

use super::shared_iterator::SharedIterator;

/// The items of an iterable that has a length.
pub(super) enum Items {
    /// They are there: chunks are cut from the tuple.
    Tuple(Py<PyTuple>),
    /// They can be computed.
    Range(Py<PyRange>, Range),
    /// They are taken as they are wanted: what has its own way to give them out is asked.
    SharedIterator(Arc<SharedIterator>),
}

impl Items {
    /// Those of a list are fixed now.
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
        Items::SharedIterator(Arc::new(SharedIterator::new(iterable.clone().unbind())))
    }

    /// A sequence of those at some places, if they are there or can be computed.
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
    /// The number at a place. The last one lies before the end of the range, which is a small number, too.
    #[inline]
    pub(super) fn item(self, place: usize) -> isize {
        self.start
            .wrapping_add(self.step.wrapping_mul(place.cast_signed()))
    }
}
