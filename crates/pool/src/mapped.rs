//! Calls one function for many items, on the workers of a pool, and returns the results.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::iter::{Fuse, from_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlock_queue::{FifoQueue, HostQueue};
use interlock_wait::{WaitContext, fork};

use crate::map_error::MapError;
use crate::panics::Panics;
use crate::step::step;
use crate::task::Task;
use crate::task_error::{Panic, SubmitError, TaskError};
use crate::thread_pool::ThreadPool;

/// For each worker, how many calls are submitted ahead.
const AHEAD: usize = 64;
/// How many are at most, however many workers there may be: a step has to end that submits them.
const MOST_AHEAD: usize = 4096;

/// How many calls of a map are submitted ahead of its reader.
pub(crate) fn most_ahead(pool: &ThreadPool) -> usize {
    pool.limit().saturating_mul(AHEAD).min(MOST_AHEAD)
}

/// A handle for a call of a map, which can cancel it.
pub(crate) trait Handle {
    fn cancel(&self) -> bool;
}

impl<R> Handle for Task<R> {
    fn cancel(&self) -> bool {
        Task::cancel(self)
    }
}

/// The calls of a function for items, submitted as room is made for them, with handles of type `H`. Dropping it cancels
/// the calls that no worker has begun with.
pub(crate) struct Calls<I: Iterator, F, H: Handle> {
    items: Fuse<I>,
    function: Arc<F>,
    /// The tasks whose results have not been taken, and perhaps some others that are done.
    pub(crate) tasks: VecDeque<H>,
    has_ended: bool,
    /// Why no further call can be submitted. The reader gets it at the end.
    refusal: Option<SubmitError<()>>,
}

impl<I: Iterator, F, H: Handle> Calls<I, F, H> {
    pub(crate) fn new(items: I, function: F) -> Self {
        Calls {
            items: items.fuse(),
            function: Arc::new(function),
            tasks: VecDeque::new(),
            has_ended: false,
            refusal: None,
        }
    }

    /// Submits the call for the next item, by `submit`. Returns whether there was one. Blocks as `submit` does.
    pub(crate) fn submit<C>(
        &mut self,
        submit: impl FnOnce(Arc<F>, I::Item) -> Result<H, SubmitError<C>>,
    ) -> bool {
        let item = if self.has_ended { None } else { self.items.next() };
        match item.map(|item| submit(self.function.clone(), item)) {
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

    /// Returns the error of the call that could not be submitted. It is the last result.
    pub(crate) fn end<T>(&mut self) -> Option<Result<T, TaskError>> {
        let refusal = self.refusal.take()?;
        Some(Err(TaskError::NotSubmitted(refusal)))
    }
}

impl<I: Iterator, F, H: Handle> Drop for Calls<I, F, H> {
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

/// The results of [`ThreadPool::map`], in the order of the items.
///
/// Each step blocks until the next result has come. Dropping it cancels the calls that no worker has begun with. If
/// a call cannot be submitted, because the pool was shut down, the last result says so.
#[must_use = "it is lazy, and dropping it cancels what no worker has begun with"]
pub struct Mapped<'a, I: Iterator, F, T> {
    pool: &'a ThreadPool,
    calls: Calls<I, F, Task<T>>,
}

impl<'a, I: Iterator, F, T> Mapped<'a, I, F, T> {
    pub(crate) fn new(pool: &'a ThreadPool, items: I, function: F) -> Self {
        Mapped {
            pool,
            calls: Calls::new(items, function),
        }
    }
}

impl<I, F, T> Iterator for Mapped<'_, I, F, T>
where
    I: Iterator<Item: Send + 'static>,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Item = Result<T, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (pool, calls) = (self.pool, &mut self.calls);
        let most = most_ahead(pool);
        while calls.tasks.len() < most && calls.submit(|function, item| pool.submit(move || function(item))) {
        }
        match self.calls.tasks.pop_front() {
            Some(task) => Some(task.result()),
            None => self.calls.end(),
        }
    }
}

/// The results of [`ThreadPool::map_unordered`], as they come.
///
/// Each step blocks until a result has come. Dropping it cancels the calls that no worker has begun with. If a call
/// cannot be submitted, because the pool was shut down, the last result says so. There is one result for each call:
/// if a wait fails, its error is the result of one of the calls that go on. In the child of a fork, the calls that
/// the parent has not ended are errors.
#[must_use = "it is lazy, and dropping it cancels what no worker has begun with"]
pub struct MappedUnordered<'a, I: Iterator, F, T> {
    pool: &'a ThreadPool,
    calls: Calls<I, F, Task<()>>,
    results: Arc<Results<T>>,
    /// How many calls were submitted. All their numbers are smaller than this.
    submitted: usize,
    /// How many results have yet to be taken.
    coming: usize,
    /// The calls whose results were given up and replaced by errors.
    given_up: BTreeSet<usize>,
    /// The process that submitted the calls; for the calls of an earlier process, see [`Earlier`].
    generation: u32,
    earlier: Earlier,
}

/// The calls of the process that this one was forked from.
#[derive(Default)]
struct Earlier {
    /// All their numbers are smaller than this.
    end: usize,
    /// How many of their results have not been taken.
    coming: usize,
}

impl<'a, I: Iterator, F, T> MappedUnordered<'a, I, F, T> {
    pub(crate) fn new(pool: &'a ThreadPool, items: I, function: F) -> Self {
        MappedUnordered {
            pool,
            calls: Calls::new(items, function),
            results: Arc::new(Results(FifoQueue::new(0))),
            submitted: 0,
            coming: 0,
            given_up: BTreeSet::new(),
            generation: fork::generation(),
            earlier: Earlier::default(),
        }
    }

    /// In the child of a fork, lets the pool give up the tasks that wait in the parent. After that, no more results
    /// of earlier calls come: the parent runs these calls.
    fn notice_fork(&mut self) {
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.pool.inner().core();
            self.earlier = Earlier {
                end: self.submitted,
                coming: self.coming,
            };
        }
    }
}

/// Results with the numbers of their calls.
struct Results<T>(FifoQueue<(usize, Result<T, TaskError>)>);

impl<T> Drop for Results<T> {
    /// Drops all that was not taken, whatever panics.
    fn drop(&mut self) {
        let mut panics = Panics::NONE;
        while let Ok(result) = self.0.try_get() {
            panics.catch(|| drop(result));
        }
        panics.resume();
    }
}

/// Puts the result of a call into the queue, at the latest when it is dropped because the call was cancelled.
struct Sender<T> {
    results: Arc<Results<T>>,
    number: usize,
    generation: u32,
    has_sent: bool,
}

impl<T> Sender<T> {
    fn send(mut self, result: Result<T, TaskError>) {
        self.put(result);
    }

    fn put(&mut self, result: Result<T, TaskError>) {
        self.has_sent = true;
        // The queue is never full and never shut down.
        let _ = step(|| self.results.0.try_put((self.number, result)));
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if !self.has_sent {
            let is_foreign = self.generation != fork::generation();
            self.put(Err(if is_foreign {
                TaskError::Forked
            } else {
                TaskError::Cancelled
            }));
        }
    }
}

impl<I, F, T> MappedUnordered<'_, I, F, T>
where
    I: Iterator<Item: Send + 'static>,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    /// Submits the next call. Returns whether there was one.
    fn submit(&mut self) -> bool {
        let (pool, results, number) = (self.pool, &self.results, self.submitted);
        let has_submitted = self.calls.submit(|function, item| {
            let sender = Sender {
                results: results.clone(),
                number,
                generation: fork::generation(),
                has_sent: false,
            };
            pool.submit(move || {
                // State that a panic left half changed is the program's: its next calls may see it, as with any
                // pool.
                let result = catch_unwind(AssertUnwindSafe(|| function(item)));
                sender.send(result.map_err(|payload| TaskError::Panicked(Panic::new(payload))));
            })
        });
        self.submitted += usize::from(has_submitted);
        self.coming += usize::from(has_submitted);
        has_submitted
    }

    /// Waits for the result of any call. Blocks until one has come.
    ///
    /// # Errors
    /// One of the calls will have no result. It counts as taken, and this is its error.
    fn receive(&mut self) -> Result<(usize, Result<T, TaskError>), TaskError> {
        if let Ok(received) = step(|| self.results.0.try_get()) {
            return Ok(received);
        }
        if self.earlier.coming > 0 {
            self.coming -= 1;
            self.earlier.coming -= 1;
            return Err(TaskError::Forked);
        }
        let tasks = &mut self.calls.tasks;
        while tasks.front().is_some_and(Task::is_done) {
            tasks.pop_front();
        }
        // A worker of this pool might be the only thread that could run the call.
        let received = match tasks.front().map(Task::help) {
            Some(Err(error)) => Err(error),
            // The queue is never shut down, so only an observer ends the wait early.
            Some(Ok(_)) => self.results.0.get().map_err(|_| TaskError::Refused),
            // All have been run or cancelled: the last result is being put in.
            None => self
                .results
                .0
                .get_with(&mut WaitContext::uninterruptible())
                .map_err(|_| TaskError::Cancelled),
        };
        if received.is_err() {
            self.given_up.insert(self.submitted - tasks.len());
            tasks.pop_front();
            self.coming -= 1;
        }
        received
    }
}

impl<I, F, T> Iterator for MappedUnordered<'_, I, F, T>
where
    I: Iterator<Item: Send + 'static>,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Item = Result<T, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.notice_fork();
        while self.coming < most_ahead(self.pool) && self.submit() {}
        while self.coming > 0 {
            let (number, result) = match self.receive() {
                Ok(received) => received,
                Err(error) => return Some(Err(error)),
            };
            // The number of the call that could not be submitted differs from all submitted ones.
            if number == self.submitted || self.given_up.remove(&number) {
                continue;
            }
            self.coming -= 1;
            self.earlier.coming -= usize::from(number < self.earlier.end);
            return Some(result);
        }
        self.calls.end()
    }
}

/// See [`ThreadPool::map_chunked`].
pub(crate) fn chunked<'a, I, T, F>(
    pool: &'a ThreadPool,
    size: usize,
    mut items: I,
    function: F,
) -> impl Iterator<Item = Result<T, TaskError>> + use<'a, I, T, F>
where
    I: Iterator<Item: Send + 'static>,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    let chunks = from_fn(move || {
        let chunk: Vec<_> = items.by_ref().take(size).collect();
        Some(chunk).filter(|chunk| !chunk.is_empty())
    });
    let call = move |item| {
        let result = catch_unwind(AssertUnwindSafe(|| function(item)));
        result.map_err(|payload| TaskError::Panicked(Panic::new(payload)))
    };
    let results = Mapped::new(pool, chunks, move |chunk: Vec<_>| {
        chunk.into_iter().map(&call).collect::<Vec<_>>()
    });
    results.flat_map(|chunk| chunk.unwrap_or_else(|error| vec![Err(error)]))
}

impl ThreadPool {
    /// Calls `function` for each item, on the workers. Returns an iterator over the results, in the order of the items.
    ///
    /// It is lazy: it takes items, and submits calls, as its results are taken, some calls for each worker ahead, 4096 at most.
    /// So `items` may be endless. Each step blocks until the next result has come.
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

    /// Like [`ThreadPool::map`], but yields the results in the order in which they come.
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

    /// Like [`ThreadPool::map`], but one task calls `function` for `size` items, one after the other. Use it for
    /// calls that take less time than the overhead of a task (about a microsecond).
    ///
    /// If a call panics, its result is the error, and the other calls of its task are still made. If a task was not
    /// run, there is one error for all its calls.
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
    /// The first error in this order ends the map: it takes no more items, cancels the calls that no worker has
    /// begun with, and does not wait for running calls.
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
    /// A call failed, panicked, or could not be submitted.
    pub fn try_map<I, T, E, F>(&self, items: I, function: F) -> Result<Vec<T>, MapError<E>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.map(items, function).map(MapError::of).collect()
    }
}

impl<I: Iterator, F, T> fmt::Debug for Mapped<'_, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped")
            .field("ahead", &self.calls.tasks.len())
            .finish_non_exhaustive()
    }
}

impl<I: Iterator, F, T> fmt::Debug for MappedUnordered<'_, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedUnordered")
            .field("ahead", &self.coming)
            .finish_non_exhaustive()
    }
}
