//! The results of one function for many arguments, in their order.

use std::collections::VecDeque;

use crate::panics::Panics;
use crate::task::Task;
use crate::task_error::TaskError;

/// The results of [`ThreadPool::map`](crate::ThreadPool::map), in the order of the arguments. Each step blocks until the
/// next result has come.
///
/// Dropping it cancels what no worker has begun with.
#[derive(Debug)]
#[must_use = "dropping it cancels what no worker has begun with"]
pub struct Mapped<T: Send + 'static> {
    tasks: VecDeque<Task<T>>,
}

impl<T: Send + 'static> Mapped<T> {
    pub(crate) fn new() -> Self {
        Mapped {
            tasks: VecDeque::new(),
        }
    }

    pub(crate) fn push(&mut self, task: Task<T>) {
        self.tasks.push_back(task);
    }
}

impl<T: Send + 'static> Iterator for Mapped<T> {
    type Item = Result<T, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.tasks.pop_front().map(Task::result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.tasks.len(), Some(self.tasks.len()))
    }
}

impl<T: Send + 'static> ExactSizeIterator for Mapped<T> {}

impl<T: Send + 'static> Drop for Mapped<T> {
    fn drop(&mut self) {
        let mut panics = Panics::NONE;
        for task in self.tasks.drain(..) {
            panics.catch(|| task.cancel());
            panics.catch(|| drop(task));
        }
        panics.resume();
    }
}
