//! Calls of one function for many items, all of which may borrow what is around a scope.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Fuse;
use std::sync::Arc;

use crate::map_error::MapError;
use crate::mapped::most_ahead;
use crate::panics::Panics;
use crate::scope::Scope;
use crate::scoped_task::ScopedTask;
use crate::task_error::{SubmitError, TaskError};

/// The results of [`Scope::map`], in the order of the items.
///
/// Each step blocks until the next result has come. Dropping it cancels the calls that no worker has begun with. If
/// a call cannot be submitted, because the pool was shut down, the last result says so.
#[must_use = "it is lazy, and dropping it cancels what no worker has begun with"]
pub struct ScopedMapped<'scope, 'env: 'scope, I: Iterator, F, T> {
    scope: &'scope Scope<'scope, 'env>,
    items: Fuse<I>,
    function: Arc<F>,
    tasks: VecDeque<ScopedTask<'scope, T>>,
    has_ended: bool,
    /// Why no further call can be submitted. The reader gets it at the end.
    refusal: Option<SubmitError<()>>,
}

impl<'scope, I, F, T> ScopedMapped<'scope, '_, I, F, T>
where
    I: Iterator<Item: Send + 'scope>,
    F: Fn(I::Item) -> T + Send + Sync + 'scope,
    T: Send + 'scope,
{
    /// Submits the call for the next item. Returns whether there was one. Blocks as `submit` does.
    fn submit(&mut self) -> bool {
        let item = if self.has_ended { None } else { self.items.next() };
        let function = &self.function;
        let submitted = item.map(|item| {
            let function = function.clone();
            self.scope.submit(move || function(item))
        });
        match submitted {
            Some(Ok(task)) => {
                self.tasks.push_back(task);
                return true;
            }
            Some(Err(error)) => self.refusal = Some(error.map(drop)),
            None => {}
        }
        self.has_ended = true;
        false
    }
}

impl<'scope, I, F, T> Iterator for ScopedMapped<'scope, '_, I, F, T>
where
    I: Iterator<Item: Send + 'scope>,
    F: Fn(I::Item) -> T + Send + Sync + 'scope,
    T: Send + 'scope,
{
    type Item = Result<T, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let most = most_ahead(self.scope.pool());
        while self.tasks.len() < most && self.submit() {}
        match self.tasks.pop_front() {
            Some(task) => Some(task.result()),
            None => Some(Err(TaskError::NotSubmitted(self.refusal.take()?))),
        }
    }
}

impl<I: Iterator, F, T> Drop for ScopedMapped<'_, '_, I, F, T> {
    /// Cancels all tasks, even if something panics.
    fn drop(&mut self) {
        let mut panics = Panics::NONE;
        for task in self.tasks.drain(..) {
            panics.catch(|| task.cancel());
            panics.catch(|| drop(task));
        }
        panics.resume();
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Calls `function` for each item, on the workers. Returns an iterator over the results, in the order of the items.
    /// The items, the function and the results may borrow everything that outlives the scope.
    ///
    /// It is as lazy as [`ThreadPool::map`](crate::ThreadPool::map). Each step blocks until the next result has come.
    ///
    /// If it is dropped before its end, the scope panics at its end if a call panics whose result was not taken: see
    /// [`ThreadPool::scope`](crate::ThreadPool::scope).
    ///
    /// ```
    /// let pool = interlock::pool::ThreadPool::new(4);
    /// let (text, stop) = (String::from("a bee and a wasp"), String::from("a"));
    /// let lengths: Vec<_> = pool.scope(|scope| {
    ///     let words = text.split(' ').filter(|word| *word != stop);
    ///     scope.map(words, |word| (word, word.len())).map(Result::unwrap).collect()
    /// });
    /// assert_eq!(lengths, [("bee", 3), ("and", 3), ("wasp", 4)]);
    /// ```
    pub fn map<I, T, F>(&'scope self, items: I, function: F) -> ScopedMapped<'scope, 'env, I::IntoIter, F, T>
    where
        I: IntoIterator<Item: Send + 'scope>,
        F: Fn(I::Item) -> T + Send + Sync + 'scope,
        T: Send + 'scope,
    {
        ScopedMapped {
            scope: self,
            items: items.into_iter().fuse(),
            function: Arc::new(function),
            tasks: VecDeque::new(),
            has_ended: false,
            refusal: None,
        }
    }

    /// Calls `function`, which may fail, for each item, on the workers. Blocks until all calls have succeeded, or one has
    /// failed. Returns the results in the order of the items.
    ///
    /// The first error in this order ends the map: it takes no more items, and cancels the calls that no worker has
    /// begun with. The scope waits for the running ones at its end.
    ///
    /// ```
    /// use interlock::pool::{MapError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(4);
    /// let lines = String::from("1\n2\nthree\n4");
    /// let numbers = pool.scope(|scope| scope.try_map(lines.lines(), str::parse::<u32>));
    /// assert!(matches!(numbers, Err(MapError::Failed(_))));
    /// ```
    ///
    /// # Errors
    /// A call failed, panicked, or could not be submitted.
    pub fn try_map<I, T, E, F>(&'scope self, items: I, function: F) -> Result<Vec<T>, MapError<E>>
    where
        I: IntoIterator<Item: Send + 'scope>,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'scope,
        T: Send + 'scope,
        E: Send + 'scope,
    {
        self.map(items, function).map(MapError::of).collect()
    }
}

impl<I: Iterator, F, T> fmt::Debug for ScopedMapped<'_, '_, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedMapped")
            .field("ahead", &self.tasks.len())
            .finish_non_exhaustive()
    }
}
