//! The order in which a pool's tasks are taken.

use std::collections::{BTreeMap, VecDeque};

use interlock_queue::Store;

/// The priority of a task that is submitted without one.
pub const DEFAULT_PRIORITY: i64 = 0;

/// Tasks with a priority: the smallest number first, and first in, first out among equals.
///
/// Nearly all tasks have the default priority, so they have a queue of their own.
pub(crate) struct PriorityBuckets<W> {
    ordinary: VecDeque<W>,
    others: BTreeMap<i64, VecDeque<W>>,
    in_others: usize,
}

impl<W> Default for PriorityBuckets<W> {
    fn default() -> Self {
        PriorityBuckets {
            ordinary: VecDeque::new(),
            others: BTreeMap::new(),
            in_others: 0,
        }
    }
}

/// An emptied queue keeps its allocation if it has room for at most this many tasks.
const ROOM_KEPT: usize = 1024;

impl<W> PriorityBuckets<W> {
    #[cold]
    fn push_other(&mut self, priority: i64, work: W) {
        self.others.entry(priority).or_default().push_back(work);
        self.in_others += 1;
    }

    /// Takes from the first of the other buckets, if it comes before the ordinary bucket, or if that is empty.
    #[cold]
    fn pop_other(&mut self) -> Option<(i64, W)> {
        let mut bucket = self.others.first_entry()?;
        let priority = *bucket.key();
        if priority > DEFAULT_PRIORITY && !self.ordinary.is_empty() {
            return None;
        }
        let work = bucket.get_mut().pop_front();
        if bucket.get().is_empty() {
            bucket.remove();
        }
        self.in_others -= 1;
        work.map(|work| (priority, work))
    }
}

impl<W> interlock_queue::Sealed for PriorityBuckets<W> {}

impl<W> Store for PriorityBuckets<W> {
    type Item = (i64, W);

    const WAKES_IN_TURN: bool = true;

    #[inline]
    fn push(&mut self, (priority, work): (i64, W)) {
        if priority == DEFAULT_PRIORITY {
            self.ordinary.push_back(work);
        } else {
            self.push_other(priority, work);
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<(i64, W)> {
        if self.in_others > 0 {
            let other = self.pop_other();
            if other.is_some() {
                return other;
            }
        }
        let work = self.ordinary.pop_front()?;
        if self.ordinary.is_empty() && self.ordinary.capacity() > ROOM_KEPT {
            self.ordinary = VecDeque::new();
        }
        Some((DEFAULT_PRIORITY, work))
    }

    #[inline]
    fn len(&self) -> usize {
        self.ordinary.len() + self.in_others
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl<W> PriorityBuckets<W> {
    /// Takes out the first task found for which `matches` is true.
    pub(crate) fn remove(&mut self, mut matches: impl FnMut(&W) -> bool) -> Option<W> {
        if let Some(place) = place(&self.ordinary, &mut matches) {
            return self.ordinary.remove(place);
        }
        let found = self
            .others
            .iter()
            .find_map(|(&priority, bucket)| place(bucket, &mut matches).map(|place| (priority, place)));
        let (priority, place) = found?;
        let bucket = self.others.get_mut(&priority)?;
        let work = bucket.remove(place);
        if bucket.is_empty() {
            self.others.remove(&priority);
        }
        self.in_others -= 1;
        work
    }

    /// Returns the tasks, in the order in which they would be taken.
    pub(crate) fn into_works(mut self) -> impl Iterator<Item = W> {
        std::iter::from_fn(move || self.pop().map(|(_, work)| work))
    }
}

/// Returns the place of a task for which `matches` is true. Searches from both ends: most tasks that are
/// removed are close to one.
fn place<W>(bucket: &VecDeque<W>, mut matches: impl FnMut(&W) -> bool) -> Option<usize> {
    let last = bucket.len().checked_sub(1)?;
    (0..=last / 2)
        .flat_map(|place| [place, last - place])
        .find(|&place| bucket.get(place).is_some_and(&mut matches))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_number_comes_first_and_equals_in_turn() {
        let mut buckets = PriorityBuckets::default();
        for item in [(0, 'a'), (5, 'b'), (-1, 'c'), (0, 'd'), (-1, 'e'), (5, 'f')] {
            buckets.push(item);
        }
        assert_eq!(buckets.len(), 6);
        assert_eq!(buckets.into_works().collect::<String>(), "ceadbf");
    }

    #[test]
    fn a_task_that_is_taken_out_of_any_lane_leaves_the_others_in_their_order() {
        let mut buckets = PriorityBuckets::default();
        for item in [(0, 'a'), (5, 'b'), (-1, 'c'), (0, 'd'), (5, 'e')] {
            buckets.push(item);
        }
        for wanted in ['d', 'c', 'b'] {
            assert_eq!(buckets.remove(|&work| work == wanted), Some(wanted));
            assert_eq!(buckets.remove(|&work| work == wanted), None);
        }
        assert_eq!(buckets.len(), 2);
        assert_eq!(buckets.into_works().collect::<String>(), "ae");
    }

    #[test]
    fn a_task_is_found_wherever_it_lies_and_both_ends_are_looked_at_first() {
        for len in 1..7_i64 {
            for wanted in 0..len {
                let mut buckets = PriorityBuckets::default();
                (0..len).for_each(|number| buckets.push((0, number)));
                let mut looked_at = Vec::new();
                let found = buckets.remove(|&work| {
                    looked_at.push(work);
                    work == wanted
                });
                assert_eq!(found, Some(wanted));
                assert!(looked_at.iter().all(|&work| {
                    let to_the_nearer_end = |number: i64| number.min(len - 1 - number);
                    to_the_nearer_end(work) <= to_the_nearer_end(wanted)
                }));
                let others: Vec<_> = (0..len).filter(|&number| number != wanted).collect();
                assert_eq!(buckets.into_works().collect::<Vec<_>>(), others);
            }
        }
    }

    #[test]
    fn many_tasks_come_as_a_stable_sort_puts_them() {
        let mut buckets = PriorityBuckets::default();
        let mut expected: Vec<_> = (0..5000_i64)
            .map(|number| (number * 7919 % 11 - 5, number))
            .collect();
        expected.iter().for_each(|&item| buckets.push(item));
        expected.sort_by_key(|&(priority, _)| priority);
        assert_eq!(buckets.len(), expected.len());
        let taken: Vec<_> = std::iter::from_fn(|| buckets.pop()).collect();
        assert_eq!(taken, expected);
        assert_eq!(buckets.len(), 0);
    }
}
