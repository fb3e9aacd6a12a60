//! Calls of one function for many items, all of which may borrow what is around a scope.

use std::fmt;

use crate::map_error::MapError;
use crate::mapped::{Calls, Handle, most_ahead};
use crate::scope::Scope;
use crate::scoped_task::ScopedTask;
use crate::task_error::TaskError;

impl<T> Handle for ScopedTask<'_, T> {
    fn cancel(&self) -> bool {
        ScopedTask::cancel(self)
    }
}

/// The results of [`Scope::map`], in the order of the items.
///
/// Each step blocks until the next result has come. Dropping it cancels the calls that no worker has begun with. If
/// a call cannot be submitted, because the pool was shut down, the last result says so.
#[must_use = "it is lazy, and dropping it cancels what no worker has begun with"]
pub struct ScopedMapped<'scope, 'env: 'scope, I: Iterator, F, T> {
    scope: &'scope Scope<'scope, 'env>,
    calls: Calls<I, F, ScopedTask<'scope, T>>,
}

impl<'scope, I, F, T> Iterator for ScopedMapped<'scope, '_, I, F, T>
where
    I: Iterator<Item: Send + 'scope>,
    F: Fn(I::Item) -> T + Send + Sync + 'scope,
    T: Send + 'scope,
{
    type Item = Result<T, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (scope, calls) = (self.scope, &mut self.calls);
        let most = most_ahead(scope.pool());
        while calls.tasks.len() < most && calls.submit(|function, item| scope.submit(move || function(item)))
        {
        }
        match calls.tasks.pop_front() {
            Some(task) => Some(task.result()),
            None => calls.end(),
        }
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
            calls: Calls::new(items.into_iter(), function),
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
            .field("ahead", &self.calls.tasks.len())
            .finish_non_exhaustive()
    }
}
