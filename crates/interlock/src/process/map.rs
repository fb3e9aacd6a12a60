//! Calls of one function for many arguments.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;

use serde::de::DeserializeOwned;

use super::error::{SubmitError, TaskError};
use super::task::Task;

/// For each worker, how many calls are submitted ahead of the results that were taken.
const AHEAD: usize = 64;
/// How many are at most, however many workers there may be: a step has to end that submits them.
const MOST_AHEAD: usize = 4096;

/// Why a call of [`ProcessPool::map`](super::ProcessPool::map) has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum MapError {
    /// It was not submitted.
    Submit(SubmitError),
    /// It was submitted, but has no result.
    Task(TaskError),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::Submit(error) => error.fmt(f),
            MapError::Task(error) => error.fmt(f),
        }
    }
}

impl Error for MapError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            MapError::Submit(error) => error.source(),
            MapError::Task(error) => error.source(),
        }
    }
}

/// Submits a call.
type Submit<'a, A, R> = dyn Fn(&A) -> Result<Task<R>, SubmitError> + 'a;

/// The results of [`ProcessPool::map`](super::ProcessPool::map), in the order of the arguments.
///
/// Dropping it gives up the results, and cancels the calls that no worker has taken.
#[must_use = "nothing is submitted before the first result is asked for"]
pub struct Map<'a, A, R, I> {
    submit: Box<Submit<'a, A, R>>,
    arguments: I,
    tasks: VecDeque<Result<Task<R>, MapError>>,
    ahead: usize,
}

impl<'a, A, R, I> Map<'a, A, R, I> {
    pub(super) fn new(submit: Box<Submit<'a, A, R>>, workers: usize, arguments: I) -> Self {
        Map {
            submit,
            arguments,
            tasks: VecDeque::new(),
            ahead: workers.saturating_mul(AHEAD).min(MOST_AHEAD),
        }
    }
}

impl<A, R: DeserializeOwned, I: Iterator<Item = A>> Iterator for Map<'_, A, R, I> {
    type Item = Result<R, MapError>;

    /// Returns the next result. Blocks until it is there.
    fn next(&mut self) -> Option<Self::Item> {
        while self.tasks.len() < self.ahead
            && let Some(argument) = self.arguments.next()
        {
            let task = (self.submit)(&argument);
            self.tasks.push_back(task.map_err(MapError::Submit));
        }
        let task = self.tasks.pop_front()?;
        Some(task.and_then(|task| task.result().map_err(MapError::Task)))
    }
}

impl<A, R, I> Drop for Map<'_, A, R, I> {
    fn drop(&mut self) {
        for task in self.tasks.iter().flatten() {
            task.cancel();
        }
    }
}

impl<A, R, I> fmt::Debug for Map<'_, A, R, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("submitted", &self.tasks.len())
            .finish_non_exhaustive()
    }
}
