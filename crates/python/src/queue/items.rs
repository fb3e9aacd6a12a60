//! What a closed queue keeps its items in.

#![expect(unsafe_code, reason = "an integer is read where the interpreter keeps it")]

use interlock_queue::{Either, Priority, Store, Traverse};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use super::kind::Kind;

/// The items of a closed queue. Those of a `PriorityQueue` are integers, which the engine can put in order by itself;
/// to keep anything else, whose `__lt__` may do anything, the queue has to be opened.
pub(crate) enum Items {
    Line(Either<Py<PyAny>>),
    Numbers(Priority<Py<PyAny>>),
}

impl Items {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Fifo => Items::Line(Either::fifo()),
            Kind::Lifo => Items::Line(Either::lifo()),
            Kind::Heap => Items::Numbers(Priority::default()),
        }
    }

    /// The items, in an order in which a container of the queue's kind may hold them.
    pub(super) fn into_vec(self) -> Vec<Py<PyAny>> {
        match self {
            Items::Line(line) => line.into_iter().collect(),
            Items::Numbers(mut numbers) => std::iter::from_fn(|| numbers.pop())
                .map(|(_, item)| item)
                .collect(),
        }
    }
}

/// Whether an item is an integer that the engine can put in order.
#[inline]
pub(super) fn is_number(item: &Py<PyAny>) -> bool {
    // SAFETY: whoever puts an item is in a method call, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    number(item.bind(py)).is_some()
}

/// The value of an object that is an integer, not of a derived class, and not too large. Runs no code of anybody's.
#[inline]
fn number(item: &Bound<'_, PyAny>) -> Option<i64> {
    let int = item.cast_exact::<PyInt>().ok()?;
    let mut overflow = 0;
    // SAFETY: the thread is attached, and the object is an integer.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(int.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(value)
}

impl Store for Items {
    type Item = Py<PyAny>;

    #[inline]
    fn push(&mut self, item: Py<PyAny>) {
        match self {
            Items::Line(line) => line.push(item),
            Items::Numbers(numbers) => {
                // SAFETY: engine code runs attached, and whoever puts an item is in a method call.
                let py = unsafe { Python::assume_attached() };
                // The queue refuses what is no such number before it comes here.
                let number = number(item.bind(py)).unwrap_or_default();
                numbers.push((number, item));
            }
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Py<PyAny>> {
        match self {
            Items::Line(line) => line.pop(),
            Items::Numbers(numbers) => numbers.pop().map(|(_, item)| item),
        }
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Items::Line(line) => line.len(),
            Items::Numbers(numbers) => numbers.len(),
        }
    }

    fn take(&mut self) -> Self {
        match self {
            Items::Line(line) => Items::Line(line.take()),
            Items::Numbers(numbers) => Items::Numbers(numbers.take()),
        }
    }
}

impl Traverse for Items {
    fn for_each(&self, visit: &mut dyn FnMut(&Py<PyAny>)) {
        match self {
            Items::Line(line) => line.for_each(visit),
            // Integers refer to nothing.
            Items::Numbers(_) => {}
        }
    }
}
