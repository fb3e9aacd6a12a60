//! The order of priorities.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::store::{ROOM_KEPT, Store};

/// The smallest priority first; first in, first out among equal ones. An item is a priority and a payload. Only priorities
/// are compared, under the queue's lock.
#[derive(Debug)]
pub struct Priority<P, T> {
    heap: BinaryHeap<Ranked<P, T>>,
    pushed: u64,
}

#[derive(Debug)]
struct Ranked<P, T> {
    rank: Reverse<(P, u64)>,
    payload: T,
}

impl<P: Ord, T> PartialEq for Ranked<P, T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<P: Ord, T> Eq for Ranked<P, T> {}

impl<P: Ord, T> PartialOrd for Ranked<P, T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<P: Ord, T> Ord for Ranked<P, T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl<P: Ord, T> Priority<P, T> {
    /// An empty store.
    pub const fn new() -> Self {
        Priority {
            heap: BinaryHeap::new(),
            pushed: 0,
        }
    }
}

impl<P: Ord, T> Default for Priority<P, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Ord, T> Store for Priority<P, T> {
    type Item = (P, T);

    fn push(&mut self, (priority, payload): (P, T)) {
        self.pushed += 1;
        self.heap.push(Ranked {
            rank: Reverse((priority, self.pushed)),
            payload,
        });
    }

    fn pop(&mut self) -> Option<(P, T)> {
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

impl<P: Ord, T> IntoIterator for Priority<P, T> {
    type Item = (P, T);
    type IntoIter = std::vec::IntoIter<(P, T)>;

    /// The items, the smallest priority first.
    fn into_iter(mut self) -> Self::IntoIter {
        let items: Vec<_> = std::iter::from_fn(|| self.pop()).collect();
        items.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_priority_comes_out_first_and_equal_ones_in_order() {
        let mut store = Priority::new();
        for item in [(2, 'a'), (1, 'b'), (2, 'c'), (-1, 'd')] {
            store.push(item);
        }
        assert!(store.into_iter().eq([(-1, 'd'), (1, 'b'), (2, 'a'), (2, 'c')]));
    }
}
