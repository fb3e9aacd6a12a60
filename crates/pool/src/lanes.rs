//! The order in which a pool's tasks are taken.

use std::collections::{BTreeMap, VecDeque};

use interlock_queue::Store;

/// The priority of a task of which nothing else is said.
pub const DEFAULT_PRIORITY: i64 = 0;

/// Tasks with a priority: the smallest number first, and first in, first out among equals.
///
/// Nearly all tasks have the default priority, so these stand in a line of their own.
pub(crate) struct Lanes<W> {
    ordinary: VecDeque<W>,
    others: BTreeMap<i64, VecDeque<W>>,
    in_others: usize,
}

impl<W> Default for Lanes<W> {
    fn default() -> Self {
        Lanes {
            ordinary: VecDeque::new(),
            others: BTreeMap::new(),
            in_others: 0,
        }
    }
}

/// A line that emptied keeps the room of at most this many tasks.
const ROOM_KEPT: usize = 1024;

impl<W> Lanes<W> {
    #[cold]
    fn push_other(&mut self, priority: i64, work: W) {
        self.others.entry(priority).or_default().push_back(work);
        self.in_others += 1;
    }

    /// The first of the other lanes, if it comes before the ordinary one or that is empty.
    #[cold]
    fn pop_other(&mut self) -> Option<(i64, W)> {
        let mut lane = self.others.first_entry()?;
        let priority = *lane.key();
        if priority > DEFAULT_PRIORITY && !self.ordinary.is_empty() {
            return None;
        }
        let work = lane.get_mut().pop_front();
        if lane.get().is_empty() {
            lane.remove();
        }
        self.in_others -= 1;
        work.map(|work| (priority, work))
    }
}

impl<W> Store for Lanes<W> {
    type Item = (i64, W);

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

impl<W> Lanes<W> {
    /// Takes out the task that is the one, wherever it lies.
    pub(crate) fn remove(&mut self, mut is_it: impl FnMut(&W) -> bool) -> Option<W> {
        if let Some(place) = place(&self.ordinary, &mut is_it) {
            return self.ordinary.remove(place);
        }
        let found = self
            .others
            .iter()
            .find_map(|(&priority, lane)| place(lane, &mut is_it).map(|place| (priority, place)));
        let (priority, place) = found?;
        let lane = self.others.get_mut(&priority)?;
        let work = lane.remove(place);
        if lane.is_empty() {
            self.others.remove(&priority);
        }
        self.in_others -= 1;
        work
    }

    /// The tasks, in the order in which they would be taken.
    pub(crate) fn into_works(mut self) -> impl Iterator<Item = W> {
        std::iter::from_fn(move || self.pop().map(|(_, work)| work))
    }

    /// Visits each task where it lies.
    pub(crate) fn for_each(&self, visit: &mut dyn FnMut(&W)) {
        self.ordinary.iter().for_each(&mut *visit);
        self.others.values().flatten().for_each(visit);
    }
}

/// Where the task lies that is the one. Both ends come first: most are among the first or the last.
fn place<W>(lane: &VecDeque<W>, mut is_it: impl FnMut(&W) -> bool) -> Option<usize> {
    let last = lane.len().checked_sub(1)?;
    (0..=last / 2)
        .flat_map(|place| [place, last - place])
        .find(|&place| lane.get(place).is_some_and(&mut is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_number_comes_first_and_equals_in_turn() {
        let mut lanes = Lanes::default();
        for item in [(0, 'a'), (5, 'b'), (-1, 'c'), (0, 'd'), (-1, 'e'), (5, 'f')] {
            lanes.push(item);
        }
        assert_eq!(lanes.len(), 6);
        assert_eq!(lanes.into_works().collect::<String>(), "ceadbf");
    }

    #[test]
    fn a_task_that_is_taken_out_of_any_lane_leaves_the_others_in_their_order() {
        let mut lanes = Lanes::default();
        for item in [(0, 'a'), (5, 'b'), (-1, 'c'), (0, 'd'), (5, 'e')] {
            lanes.push(item);
        }
        for wanted in ['d', 'c', 'b'] {
            assert_eq!(lanes.remove(|&work| work == wanted), Some(wanted));
            assert_eq!(lanes.remove(|&work| work == wanted), None);
        }
        assert_eq!(lanes.len(), 2);
        assert_eq!(lanes.into_works().collect::<String>(), "ae");
    }

    #[test]
    fn a_task_is_found_wherever_it_lies_and_both_ends_are_looked_at_first() {
        for len in 1..7_i64 {
            for wanted in 0..len {
                let mut lanes = Lanes::default();
                (0..len).for_each(|number| lanes.push((0, number)));
                let mut looked_at = Vec::new();
                let found = lanes.remove(|&work| {
                    looked_at.push(work);
                    work == wanted
                });
                assert_eq!(found, Some(wanted));
                assert!(looked_at.iter().all(|&work| {
                    let to_the_nearer_end = |number: i64| number.min(len - 1 - number);
                    to_the_nearer_end(work) <= to_the_nearer_end(wanted)
                }));
                let others: Vec<_> = (0..len).filter(|&number| number != wanted).collect();
                assert_eq!(lanes.into_works().collect::<Vec<_>>(), others);
            }
        }
    }

    #[test]
    fn many_tasks_come_as_a_stable_sort_puts_them() {
        let mut lanes = Lanes::default();
        let mut expected: Vec<_> = (0..5000_i64)
            .map(|number| (number * 7919 % 11 - 5, number))
            .collect();
        expected.iter().for_each(|&item| lanes.push(item));
        expected.sort_by_key(|&(priority, _)| priority);
        assert_eq!(lanes.len(), expected.len());
        let taken: Vec<_> = std::iter::from_fn(|| lanes.pop()).collect();
        assert_eq!(taken, expected);
        assert_eq!(lanes.len(), 0);
    }
}
