//! The order of priorities.

use crate::store::{ROOM_KEPT, Sealed, Store};

/// The smallest priority first; first in, first out among equal ones. An item is a priority and a payload. Only
/// priorities are compared, under the queue's lock. A step compares before it moves anything, so a comparison that
/// panics neither loses nor drops an item.
#[derive(Debug)]
pub struct Priority<P, T> {
    /// A binary heap: no item comes before its parent.
    heap: Vec<Ranked<P, T>>,
    pushed: u64,
}

#[derive(Debug)]
struct Ranked<P, T> {
    rank: (P, u64),
    payload: T,
}

impl<P: Ord, T> Ranked<P, T> {
    fn is_before(&self, other: &Self) -> bool {
        self.rank.cmp(&other.rank).is_lt()
    }
}

fn parent(at: usize) -> usize {
    (at - 1) / 2
}

impl<P: Ord, T> Priority<P, T> {
    /// Creates an empty store.
    pub const fn new() -> Self {
        Priority {
            heap: Vec::new(),
            pushed: 0,
        }
    }

    /// Returns the place where the last item belongs if the first one is removed.
    fn place_of_last(&self, last: usize) -> usize {
        let heap = &self.heap;
        let mut at = 0;
        // Down to the bottom: most items that were last belong there.
        while 2 * at + 2 < last {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            at = if heap[right].is_before(&heap[left]) {
                right
            } else {
                left
            };
        }
        if 2 * at + 1 < last {
            at = 2 * at + 1;
        }
        while at > 0 && heap[last].is_before(&heap[at]) {
            at = parent(at);
        }
        at
    }
}

impl<P: Ord, T> Default for Priority<P, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Ord, T> Sealed for Priority<P, T> {}

impl<P: Ord, T> Store for Priority<P, T> {
    type Item = (P, T);

    fn push(&mut self, (priority, payload): (P, T)) {
        self.pushed += 1;
        let last = self.heap.len();
        // Pushed first: if a comparison panics, the item is in the queue.
        self.heap.push(Ranked {
            rank: (priority, self.pushed),
            payload,
        });
        let mut place = last;
        while place > 0 && self.heap[last].is_before(&self.heap[parent(place)]) {
            place = parent(place);
        }
        let mut at = last;
        while at > place {
            self.heap.swap(at, parent(at));
            at = parent(at);
        }
    }

    fn pop(&mut self) -> Option<(P, T)> {
        let last = self.heap.len().checked_sub(1)?;
        // From its place upwards, each item moves to its parent's place, and the first one comes to the end.
        let mut at = self.place_of_last(last);
        self.heap.swap(at, last);
        while at > 0 {
            at = parent(at);
            self.heap.swap(at, last);
        }
        let Ranked {
            rank: (priority, _),
            payload,
        } = self.heap.pop()?;
        if self.heap.is_empty() && self.heap.capacity() > ROOM_KEPT {
            self.heap = Vec::new();
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

    /// Returns an iterator over the items, the smallest priority first.
    fn into_iter(mut self) -> Self::IntoIter {
        self.heap.sort_by(|one, other| one.rank.cmp(&other.rank));
        let items = self.heap.into_iter().map(|item| (item.rank.0, item.payload));
        items.collect::<Vec<_>>().into_iter()
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

    #[test]
    fn items_of_any_number_come_out_in_order() {
        let mut number = 1_u32;
        for length in 0..200 {
            let mut store = Priority::new();
            let mut expected = Vec::new();
            for at in 0..length {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let item = (number >> 24 & 0x1f, at);
                store.push(item);
                expected.push(item);
                if number & 0x4000_0000 != 0 && expected.len() > 3 {
                    let first = expected.iter().copied().min().unwrap();
                    expected.retain(|&it| it != first);
                    assert_eq!(store.pop(), Some(first));
                }
            }
            expected.sort_unstable();
            let popped: Vec<_> = std::iter::from_fn(|| store.pop()).collect();
            assert_eq!(popped, expected);
        }
    }
}
