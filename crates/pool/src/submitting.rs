//! Submitting a task from an async task, which waits for room without blocking a thread.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use interlock_wait::{Deadline, Waiter};

use crate::inner::{Inner, Refusal};
use crate::packet::Packet;
use crate::step::step;
use crate::task::Task;
use crate::task_error::SubmitError;

/// The future of [`ThreadPool::submit_async`](crate::ThreadPool::submit_async). It keeps its place in the line of those that
/// wait for room until it is dropped.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Submitting<'a, T, F> {
    inner: &'a Arc<Inner>,
    priority: i64,
    function: Option<F>,
    /// The place in line.
    waiter: Option<Arc<Waiter>>,
    task: PhantomData<fn() -> T>,
}

impl<'a, T, F> Submitting<'a, T, F> {
    pub(crate) fn new(inner: &'a Arc<Inner>, priority: i64, function: F) -> Self {
        Submitting {
            inner,
            priority,
            function: Some(function),
            waiter: None,
            task: PhantomData,
        }
    }

    /// Leaves the line. A notification goes on to the next in it.
    fn leave(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            step(|| self.inner.core().leave_line_for_room(&waiter));
        }
    }
}

impl<T, F> Unpin for Submitting<'_, T, F> {}

impl<T, F> Future for Submitting<'_, T, F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<Task<T>, SubmitError<F>>;

    /// Stays pending after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(mut function) = this.function.take() else {
            return Poll::Pending;
        };
        // A worker of the pool does not wait for room.
        let deadline = if this.inner.is_own() {
            Deadline::NEVER
        } else {
            Deadline::PASSED
        };
        loop {
            let packet = Arc::new(Packet::new(function, this.inner.home()));
            let refused = this.inner.submit(this.priority, packet.clone(), deadline).err();
            let Some((refusal, its)) = refused.and_then(|refusal| Some((refusal, packet.retract()?))) else {
                this.leave();
                return Poll::Ready(Ok(Task::of(packet)));
            };
            if !matches!(refusal, Refusal::Full) {
                this.leave();
                return Poll::Ready(Err(refusal.with(its)));
            }
            function = its;
            this.leave();
            let waiter = Waiter::task(context.waker().clone());
            if step(|| this.inner.core().line_up_for_room(&waiter)) {
                this.waiter = Some(waiter);
                this.function = Some(function);
                return Poll::Pending;
            }
        }
    }
}

impl<T, F> Drop for Submitting<'_, T, F> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T, F> fmt::Debug for Submitting<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitting").finish_non_exhaustive()
    }
}
