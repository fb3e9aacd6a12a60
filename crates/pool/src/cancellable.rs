//! Submits functions that check whether they should stop.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use interlock_wait::Deadline;

use crate::cancel_token::CancelToken;
use crate::packet::Call;
use crate::priority_buckets::DEFAULT_PRIORITY;
use crate::submitting::Attempts;
use crate::task::Task;
use crate::task_error::SubmitError;
use crate::thread_pool::{At, ThreadPool};

/// A function, and the token that it checks.
struct Cancellable<F> {
    function: F,
    token: CancelToken,
}

impl<F: FnOnce(&CancelToken) -> T, T> Call<T> for Cancellable<F> {
    fn call(self) -> T {
        (self.function)(&self.token)
    }
}

/// Converts the result of a submit: adds the token to the task, or returns the function.
fn submitted<T: Send + 'static, F>(
    result: Result<Task<T>, SubmitError<Cancellable<F>>>,
    token: CancelToken,
) -> Result<Task<T>, SubmitError<F>> {
    result
        .map(|task| task.with_token(token))
        .map_err(|error| error.map(|call| call.function))
}

impl ThreadPool {
    /// Submits `function`, which can check whether it should stop: [`Task::cancel`] cancels the token of a running
    /// task. Blocks as [`ThreadPool::submit`] does.
    ///
    /// ```
    /// use interlock::pool::{CancelToken, ThreadPool};
    /// use interlock::sync::Event;
    ///
    /// static BEGUN: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let count = |token: &CancelToken| {
    ///     BEGUN.set();
    ///     (0_u64..).take_while(|_| !token.is_cancelled()).count()
    /// };
    /// let counts = pool.submit_cancellable(count).unwrap();
    /// BEGUN.wait();
    /// assert!(!counts.cancel(), "it runs, so it is not cancelled: it is asked to stop");
    /// assert!(counts.result().is_ok());
    /// ```
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit`].
    pub fn submit_cancellable<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).submit_cancellable(function)
    }

    /// Like [`ThreadPool::submit_cancellable`], but fails if there is no room. Never blocks.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::try_submit`].
    pub fn try_submit_cancellable<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).try_submit_cancellable(function)
    }

    /// Like [`ThreadPool::submit_cancellable`], but blocks for `timeout` at most.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_cancellable_timeout<T, F>(
        &self,
        timeout: Duration,
        function: F,
    ) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        (self.at(DEFAULT_PRIORITY)).submit_cancellable_timeout(timeout, function)
    }

    /// Like [`ThreadPool::submit_cancellable`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_cancellable_deadline<T, F>(
        &self,
        deadline: Instant,
        function: F,
    ) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        (self.at(DEFAULT_PRIORITY)).submit_cancellable_deadline(deadline, function)
    }

    /// Like [`ThreadPool::submit_cancellable`], from an async task: see [`ThreadPool::submit_async`].
    pub fn submit_cancellable_async<T, F>(&self, function: F) -> SubmittingCancellable<'_, T, F>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.at(DEFAULT_PRIORITY).submit_cancellable_async(function)
    }
}

impl<'a> At<'a> {
    /// Like [`ThreadPool::submit_cancellable`].
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit`].
    pub fn submit_cancellable<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_cancellable_until(Deadline::NEVER, function)
    }

    /// Like [`ThreadPool::try_submit_cancellable`]. Never blocks.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::try_submit`].
    pub fn try_submit_cancellable<T, F>(&self, function: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_cancellable_until(Deadline::PASSED, function)
    }

    /// Like [`ThreadPool::submit_cancellable_timeout`].
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_cancellable_timeout<T, F>(
        &self,
        timeout: Duration,
        function: F,
    ) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_cancellable_until(Deadline::after(timeout), function)
    }

    /// Like [`ThreadPool::submit_cancellable_deadline`].
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_cancellable_deadline<T, F>(
        &self,
        deadline: Instant,
        function: F,
    ) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_cancellable_until(deadline.into(), function)
    }

    /// Like [`ThreadPool::submit_cancellable_async`].
    pub fn submit_cancellable_async<T, F>(&self, function: F) -> SubmittingCancellable<'a, T, F>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let token = CancelToken::new();
        let its = token.clone();
        let call = Cancellable { function, token: its };
        SubmittingCancellable {
            attempts: Attempts::new(self.inner(), self.priority, call),
            token,
            task: PhantomData,
        }
    }

    fn submit_cancellable_until<T, F>(
        &self,
        deadline: Deadline,
        function: F,
    ) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let token = CancelToken::new();
        let its = token.clone();
        let result = self.submit_until(deadline, Cancellable { function, token: its });
        submitted(result, token)
    }
}

/// The future of [`ThreadPool::submit_cancellable_async`]. It keeps its place in the line for room until it is
/// ready or dropped.
#[must_use = "a future does nothing unless it is awaited"]
pub struct SubmittingCancellable<'a, T, F> {
    attempts: Attempts<'a, Cancellable<F>>,
    token: CancelToken,
    task: PhantomData<fn() -> T>,
}

impl<T, F> SubmittingCancellable<'_, T, F> {
    /// Returns whether the future was ready. After that it stays pending.
    pub fn is_terminated(&self) -> bool {
        self.attempts.is_over()
    }
}

impl<T, F> Unpin for SubmittingCancellable<'_, T, F> {}

impl<T, F> Future for SubmittingCancellable<'_, T, F>
where
    F: FnOnce(&CancelToken) -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<Task<T>, SubmitError<F>>;

    /// Stays pending after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = self.attempts.poll(context);
        result.map(|result| submitted(result, self.token.clone()))
    }
}

impl<T, F> fmt::Debug for SubmittingCancellable<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmittingCancellable")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
