//! The store of a native queue.

use std::collections::VecDeque;

use interlock_queue::{Fifo, Lifo, Priority, Store, Traverse};
use pyo3::prelude::*;

use super::kind::Kind;
use crate::raw;

/// The items of a native queue. Those of a `PriorityQueue` are integers, which the engine can order by itself. For any
/// other item, whose `__lt__` may run any code, the queue has to be materialized.
pub(crate) enum Items {
    Fifo(Fifo<Py<PyAny>>),
    Lifo(Lifo<Py<PyAny>>),
    Numbers(Priority<i64, Py<PyAny>>),
}

impl Items {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Fifo => Items::Fifo(Fifo::new()),
            Kind::Lifo => Items::Lifo(Lifo::new()),
            Kind::Heap => Items::Numbers(Priority::default()),
        }
    }

    /// Returns the items, in a valid order for the container of such a queue.
    pub(super) fn into_vec(self) -> Vec<Py<PyAny>> {
        match self {
            Items::Fifo(items) => items.into_iter().collect(),
            // Oldest first, as in the list of a `LifoQueue`.
            Items::Lifo(items) => VecDeque::from(items).into(),
            Items::Numbers(mut numbers) => std::iter::from_fn(|| numbers.pop())
                .map(|(_, item)| item)
                .collect(),
        }
    }
}

/// Returns whether an item is an integer that the engine can order.
#[inline]
pub(super) fn is_number(item: &Py<PyAny>) -> bool {
    raw::small_int_item(item).is_some()
}

impl interlock_queue::Sealed for Items {}

impl Store for Items {
    type Item = Py<PyAny>;

    #[inline]
    fn push(&mut self, item: Py<PyAny>) {
        match self {
            Items::Fifo(items) => items.push(item),
            Items::Lifo(items) => items.push(item),
            Items::Numbers(numbers) => {
                // `Queue` refuses any other item before it gets here.
                let number = raw::small_int_item(&item).unwrap_or_default();
                numbers.push((number, item));
            }
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Py<PyAny>> {
        match self {
            Items::Fifo(items) => items.pop(),
            Items::Lifo(items) => items.pop(),
            Items::Numbers(numbers) => numbers.pop().map(|(_, item)| item),
        }
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Items::Fifo(items) => items.len(),
            Items::Lifo(items) => items.len(),
            Items::Numbers(numbers) => numbers.len(),
        }
    }

    fn take(&mut self) -> Self {
        match self {
            Items::Fifo(items) => Items::Fifo(items.take()),
            Items::Lifo(items) => Items::Lifo(items.take()),
            Items::Numbers(numbers) => Items::Numbers(numbers.take()),
        }
    }
}

impl Traverse for Items {
    fn for_each(&self, visit: &mut dyn FnMut(&Py<PyAny>)) {
        match self {
            Items::Fifo(items) => items.for_each(visit),
            Items::Lifo(items) => items.for_each(visit),
            // Integers refer to no other objects.
            Items::Numbers(_) => {}
        }
    }
}
