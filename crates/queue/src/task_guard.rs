//! An item whose task counts as done when its getter is done with it.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::queue::Queue as Raw;
use crate::store::Store;

/// An item of a queue. Its task counts as done when this guard is dropped, even by a panic. See `get_task` of a
/// [`Queue`](crate::face::Queue).
#[must_use = "the task counts as done as soon as this is dropped"]
pub struct TaskGuard<'a, S: Store> {
    // Dropped in this order: the task is done after the item is gone, even if the item panics.
    item: S::Item,
    done: Done<'a, S>,
}

struct Done<'a, S: Store>(&'a Raw<S>);

impl<S: Store> Drop for Done<'_, S> {
    fn drop(&mut self) {
        // This fails only if other code has called task_done() for this item.
        let _ = self.0.task_done();
    }
}

impl<'a, S: Store> TaskGuard<'a, S> {
    pub(crate) fn new(queue: &'a Raw<S>, item: S::Item) -> Self {
        TaskGuard {
            item,
            done: Done(queue),
        }
    }

    /// Consumes the guard, and returns the item. Its task counts as done at once.
    pub fn into_inner(guard: Self) -> S::Item {
        let TaskGuard { item, done } = guard;
        drop(done);
        item
    }
}

impl<S: Store> Deref for TaskGuard<'_, S> {
    type Target = S::Item;

    fn deref(&self) -> &S::Item {
        &self.item
    }
}

impl<S: Store> DerefMut for TaskGuard<'_, S> {
    fn deref_mut(&mut self) -> &mut S::Item {
        &mut self.item
    }
}

impl<S: Store<Item: fmt::Debug>> fmt::Debug for TaskGuard<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.item.fmt(f)
    }
}
