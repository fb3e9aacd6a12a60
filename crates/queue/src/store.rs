//! The orders in which a queue gives out its items.

use std::collections::VecDeque;

/// An ordered container of items. Its methods run under the queue's lock, so they must not call code of an item,
/// except to compare priorities.
pub trait Store {
    /// The type of an item.
    type Item;

    /// Whether the getters of a queue of such items wake in turn. If not, its items can be reserved. A queue that
    /// did both would mix up the getters on their way, so the compiler rejects the methods of the other kind. For
    /// hosts.
    #[doc(hidden)]
    const WAKES_IN_TURN: bool = false;

    /// Puts an item in.
    fn push(&mut self, item: Self::Item);

    /// Takes the next item out.
    fn pop(&mut self) -> Option<Self::Item>;

    /// Returns how many items there are.
    fn len(&self) -> usize;

    /// Takes all items out at once.
    fn take(&mut self) -> Self;

    /// Returns whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A store whose items can be visited in place.
pub trait Traverse: Store {
    /// Visits each item once.
    fn for_each(&self, visit: &mut dyn FnMut(&Self::Item));
}

/// Items in the order in which they were put in. The last one comes out first if `LIFO`, otherwise the first one.
#[derive(Debug)]
pub struct Deque<T, const LIFO: bool>(VecDeque<T>);

/// First in, first out.
pub type Fifo<T> = Deque<T, false>;

/// Last in, first out.
pub type Lifo<T> = Deque<T, true>;

impl<T, const LIFO: bool> Deque<T, LIFO> {
    /// Creates an empty store.
    pub const fn new() -> Self {
        Deque(VecDeque::new())
    }

    /// Returns how many items fit without a new allocation.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<T, const LIFO: bool> Default for Deque<T, LIFO> {
    fn default() -> Self {
        Self::new()
    }
}

/// An emptied store keeps its allocation if that has room for at most this many items.
pub(crate) const ROOM_KEPT: usize = 1024;

impl<T, const LIFO: bool> Store for Deque<T, LIFO> {
    type Item = T;

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        let item = if LIFO {
            self.0.pop_back()
        } else {
            self.0.pop_front()
        };
        if self.0.is_empty() && self.0.capacity() > ROOM_KEPT {
            self.0 = VecDeque::new();
        }
        item
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl<T, const LIFO: bool> Traverse for Deque<T, LIFO> {
    fn for_each(&self, visit: &mut dyn FnMut(&T)) {
        if LIFO {
            self.0.iter().rev().for_each(visit);
        } else {
            self.0.iter().for_each(visit);
        }
    }
}

impl<T, const LIFO: bool> IntoIterator for Deque<T, LIFO> {
    type Item = T;
    type IntoIter = std::collections::vec_deque::IntoIter<T>;

    /// Returns the items, in the order in which they were put in.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain<S: Store>(mut store: S, items: impl IntoIterator<Item = S::Item>) -> Vec<S::Item> {
        items.into_iter().for_each(|item| store.push(item));
        std::iter::from_fn(|| store.pop()).collect()
    }

    #[test]
    fn each_store_gives_its_order() {
        assert_eq!(drain(Fifo::new(), [1, 2, 3]), [1, 2, 3]);
        assert_eq!(drain(Lifo::new(), [1, 2, 3]), [3, 2, 1]);
    }
}
