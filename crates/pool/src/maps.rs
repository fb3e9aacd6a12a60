//! Calls of one function for many items, on the workers of a pool.

use crate::mapped::{MapError, Mapped, MappedUnordered, chunked};
use crate::task_error::TaskError;
use crate::thread_pool::ThreadPool;

impl ThreadPool {
    /// Calls `function` for each item, on the workers. Returns an iterator over the results, in the order of the items.
    ///
    /// It is lazy: it takes items, and submits calls, as its results are taken, some calls for each worker ahead. So `items`
    /// may be endless. Each step blocks until the next result has come.
    ///
    /// ```
    /// let pool = interlock::pool::ThreadPool::new(4);
    /// let squares = pool.map(1_u64.., |number| number * number);
    /// assert!(squares.map(Result::unwrap).take(5).eq([1, 4, 9, 16, 25]));
    /// ```
    pub fn map<I, T, F>(&self, items: I, function: F) -> Mapped<'_, I::IntoIter, F, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Mapped::new(self, items.into_iter(), function)
    }

    /// As [`ThreadPool::map`], but yields the results as they come.
    ///
    /// ```
    /// let pool = interlock::pool::ThreadPool::new(4);
    /// let mut squares: Vec<_> = pool.map_unordered(1..=5, |n| n * n).map(Result::unwrap).collect();
    /// squares.sort();
    /// assert_eq!(squares, [1, 4, 9, 16, 25]);
    /// ```
    pub fn map_unordered<I, T, F>(&self, items: I, function: F) -> MappedUnordered<'_, I::IntoIter, F, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        MappedUnordered::new(self, items.into_iter(), function)
    }

    /// As [`ThreadPool::map`], but one task calls `function` for `size` items, one after the other. For calls that take less
    /// time than a task costs (about a microsecond).
    ///
    /// If a call panics, its result is the error; the others of its task are made all the same. If a task was not run, there
    /// is one error for all its calls.
    ///
    /// ```
    /// let pool = interlock::pool::ThreadPool::new(4);
    /// let squares = pool.map_chunked(1_000, 0..100_000_u64, |number| number * number);
    /// assert_eq!(squares.map(Result::unwrap).sum::<u64>(), 333_328_333_350_000);
    /// ```
    ///
    /// # Panics
    /// `size` is 0.
    pub fn map_chunked<'a, I, T, F>(
        &'a self,
        size: usize,
        items: I,
        function: F,
    ) -> impl Iterator<Item = Result<T, TaskError>> + use<'a, I, T, F>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        assert!(size > 0, "a chunk has at least one item");
        chunked(self, size, items.into_iter(), function)
    }

    /// Calls `function`, which may fail, for each item, on the workers. Blocks until all calls have succeeded, or one has
    /// failed. Returns the results in the order of the items.
    ///
    /// The first error in this order ends it: it takes no more items, cancels the calls that no worker has begun with, and
    /// does not wait for those that run.
    ///
    /// ```
    /// use interlock::pool::{MapError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(4);
    /// let numbers = pool.try_map(["1", "2"], str::parse::<u32>);
    /// assert_eq!(numbers.unwrap(), [1, 2]);
    /// let numbers = pool.try_map(["1", "two", "3"], str::parse::<u32>);
    /// assert!(matches!(numbers, Err(MapError::Failed(_))));
    /// ```
    ///
    /// # Errors
    /// A call failed, or panicked, or could not be submitted.
    pub fn try_map<I, T, E, F>(&self, items: I, function: F) -> Result<Vec<T>, MapError<E>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.map(items, function)
            .map(|result| match result {
                Ok(result) => result.map_err(MapError::Failed),
                Err(error) => Err(MapError::Task(error)),
            })
            .collect()
    }
}
