//! The orders in which a queue gives out its items.

use std::collections::VecDeque;

/// Marks the types that may be a [`Store`]: those of this crate, and those of hosts and pools, which keep the rules.
/// The face does not export it, so a program cannot implement it.
pub trait Sealed {}

/// An ordered container of items: [`Fifo`], [`Lifo`] or [`Priority`](crate::Priority).
///
/// Its methods run under the queue's lock, so they must not call code of an item, except to compare priorities. A
/// program cannot implement this trait. Its own store might call such code, or return a wrong length:
///
/// ```compile_fail,E0277
/// struct Nothing;
///
/// impl interlock::queue::Store for Nothing {
///     type Item = ();
///     fn push(&mut self, _: ()) {}
///     fn pop(&mut self) -> Option<()> { None }
///     fn len(&self) -> usize { 1 }
///     fn take(&mut self) -> Self { Nothing }
/// }
/// ```
pub trait Store: Sealed {
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

impl<T, const LIFO: bool> Sealed for Deque<T, LIFO> {}

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

    /// Returns the items, in the order in which gets would take them out: of a [`Lifo`], the last item first.
    fn into_iter(mut self) -> Self::IntoIter {
        if LIFO {
            self.0.make_contiguous().reverse();
        }
        self.0.into_iter()
    }
}

/// The items, in the order in which they were put in.
impl<T, const LIFO: bool> From<Deque<T, LIFO>> for VecDeque<T> {
    fn from(items: Deque<T, LIFO>) -> Self {
        items.0
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

    #[test]
    fn a_store_is_taken_apart_in_its_order_or_in_that_of_the_puts() {
        let (mut fifo, mut lifo) = (Fifo::new(), Lifo::new());
        for item in 1..4 {
            fifo.push(item);
            lifo.push(item);
        }
        assert!(fifo.into_iter().eq([1, 2, 3]) && lifo.into_iter().eq([3, 2, 1]));
        let mut lifo = Lifo::new();
        lifo.push(1);
        lifo.push(2);
        assert_eq!(VecDeque::from(lifo), [1, 2]);
    }
}
