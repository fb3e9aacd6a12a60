//! The order in which a queue gives its items out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A container of items with an order. Its methods run under the queue's lock, so they must not look at an item.
pub trait Store {
    /// What is stored.
    type Item;

    /// Puts an item in.
    fn push(&mut self, item: Self::Item);

    /// Takes the next item out.
    fn pop(&mut self) -> Option<Self::Item>;

    /// How many items there are.
    fn len(&self) -> usize;

    /// Takes all items out at once.
    fn take(&mut self) -> Self;

    /// Whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A store whose items can be visited where they lie.
pub trait Traverse: Store {
    /// Visits each item once.
    fn for_each(&self, visit: &mut dyn FnMut(&Self::Item));
}

/// First in, first out.
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Fifo(VecDeque::new())
    }
}

impl<T> Fifo<T> {
    /// How many items there is room for without taking more memory.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

/// A store that emptied keeps the room of at most this many items.
const ROOM_KEPT: usize = 1024;

impl<T> Store for Fifo<T> {
    type Item = T;

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        let item = self.0.pop_front();
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

impl<T> Traverse for Fifo<T> {
    fn for_each(&self, visit: &mut dyn FnMut(&T)) {
        self.0.iter().for_each(visit);
    }
}

/// Last in, first out.
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Lifo(Vec::new())
    }
}

impl<T> Store for Lifo<T> {
    type Item = T;

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        let item = self.0.pop();
        if self.0.is_empty() && self.0.capacity() > ROOM_KEPT {
            self.0 = Vec::new();
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

impl<T> Traverse for Lifo<T> {
    fn for_each(&self, visit: &mut dyn FnMut(&T)) {
        self.0.iter().rev().for_each(visit);
    }
}

/// First in, first out, or last in, first out, as chosen when it is made.
#[derive(Debug)]
pub struct Either<T> {
    items: VecDeque<T>,
    last_first: bool,
}

impl<T> Either<T> {
    /// An empty store, first in, first out.
    pub const fn fifo() -> Self {
        Either {
            items: VecDeque::new(),
            last_first: false,
        }
    }

    /// An empty store, last in, first out.
    pub const fn lifo() -> Self {
        Either {
            items: VecDeque::new(),
            last_first: true,
        }
    }
}

impl<T> Store for Either<T> {
    type Item = T;

    #[inline]
    fn push(&mut self, item: T) {
        self.items.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        let item = if self.last_first {
            self.items.pop_back()
        } else {
            self.items.pop_front()
        };
        if self.items.is_empty() && self.items.capacity() > ROOM_KEPT {
            self.items = VecDeque::new();
        }
        item
    }

    #[inline]
    fn len(&self) -> usize {
        self.items.len()
    }

    fn take(&mut self) -> Self {
        Either {
            items: std::mem::take(&mut self.items),
            last_first: self.last_first,
        }
    }
}

impl<T> Traverse for Either<T> {
    fn for_each(&self, visit: &mut dyn FnMut(&T)) {
        self.items.iter().for_each(visit);
    }
}

impl<T> IntoIterator for Either<T> {
    type Item = T;
    type IntoIter = std::collections::vec_deque::IntoIter<T>;

    /// The items, in the order in which they were put in.
    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// The smallest number first; first in, first out among equal numbers. An item is a number and a payload, and only the
/// number is compared.
#[derive(Debug)]
pub struct Priority<T> {
    heap: BinaryHeap<Ranked<T>>,
    pushed: u64,
}

#[derive(Debug)]
struct Ranked<T> {
    rank: Reverse<(i64, u64)>,
    payload: T,
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl<T> Default for Priority<T> {
    fn default() -> Self {
        Priority {
            heap: BinaryHeap::new(),
            pushed: 0,
        }
    }
}

impl<T> Store for Priority<T> {
    type Item = (i64, T);

    fn push(&mut self, (priority, payload): (i64, T)) {
        self.pushed += 1;
        self.heap.push(Ranked {
            rank: Reverse((priority, self.pushed)),
            payload,
        });
    }

    fn pop(&mut self) -> Option<(i64, T)> {
        let Ranked {
            rank: Reverse((priority, _)),
            payload,
        } = self.heap.pop()?;
        if self.heap.is_empty() && self.heap.capacity() > ROOM_KEPT {
            self.heap = BinaryHeap::new();
        }
        Some((priority, payload))
    }

    fn len(&self) -> usize {
        self.heap.len()
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
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
    fn each_store_has_its_order() {
        for (in_turn, last_first) in [
            (
                drain(Fifo::default(), [1, 2, 3]),
                drain(Lifo::default(), [1, 2, 3]),
            ),
            (drain(Either::fifo(), [1, 2, 3]), drain(Either::lifo(), [1, 2, 3])),
        ] {
            assert_eq!(in_turn, [1, 2, 3]);
            assert_eq!(last_first, [3, 2, 1]);
        }
        let items = [(2, 'a'), (1, 'b'), (2, 'c'), (-1, 'd')];
        assert_eq!(
            drain(Priority::default(), items),
            [(-1, 'd'), (1, 'b'), (2, 'a'), (2, 'c')]
        );
    }
}
