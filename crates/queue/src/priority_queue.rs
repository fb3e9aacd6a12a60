//! The queue of priorities for programs.

use crate::joinable::{Queue, constructors};
use crate::priority::Priority;

/// A queue of pairs of a priority and an item, which gives out the smallest priority first, and equal ones in the order in
/// which they were put.
///
/// Priorities are compared under the lock of the queue, so [`Ord`] must not use the queue. If it panics, the panic
/// goes on. An item that was being put is in the queue then, perhaps not in its order; an item that was being taken
/// stays in the queue.
///
/// ```
/// use std::cmp::Reverse;
///
/// use interlock::queue::PriorityQueue;
///
/// let jobs = PriorityQueue::unbounded();
/// for (length, name) in [(3, "soon"), (9, "first"), (3, "later")] {
///     jobs.put((Reverse(length), name)).unwrap();
/// }
/// let names: Vec<_> = jobs.try_iter().map(|(_, name)| name).collect();
/// assert_eq!(names, ["first", "soon", "later"]);
/// ```
pub type PriorityQueue<P, T> = Queue<Priority<P, T>>;

impl<P: Ord, T> Queue<Priority<P, T>> {
    constructors!(Priority::new());
}
