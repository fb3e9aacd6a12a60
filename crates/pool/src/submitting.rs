//! Submits a task from an async task, and waits for room without blocking a thread.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use interlock_wait::{Deadline, Place, TaskLine, Turn, Waiter};

use crate::inner::{Inner, Refusal};
use crate::packet::{Call, Packet};
use crate::step::step;
use crate::task::Task;
use crate::task_error::SubmitError;

/// The line for room in a pool.
struct Line<'a>(&'a Arc<Inner>);

impl TaskLine for Line<'_> {
    fn leave(&mut self, waiter: &Arc<Waiter>) {
        step(|| self.0.core().leave_line_for_room(waiter));
    }
}

/// A function that is being submitted, and the place in line of the async task that submits it.
pub(crate) struct Attempts<'a, F> {
    place: Place<Line<'a>>,
    priority: i64,
    /// `None` once the future was ready.
    function: Option<F>,
}

impl<'a, F> Attempts<'a, F> {
    pub(crate) fn new(inner: &'a Arc<Inner>, priority: i64, function: F) -> Self {
        Attempts {
            place: Place::new(Line(inner)),
            priority,
            function: Some(function),
        }
    }

    /// Returns whether the future was ready. After that it stays pending.
    pub(crate) fn is_over(&self) -> bool {
        self.place.is_done()
    }

    pub(crate) fn poll<T>(&mut self, context: &Context<'_>) -> Poll<Result<Task<T>, SubmitError<F>>>
    where
        F: Call<T> + Send + 'static,
        T: Send + 'static,
    {
        let Attempts {
            place,
            priority,
            function,
        } = self;
        let inner = place.line().0;
        if inner.is_own() && !place.is_done() {
            // A worker of the pool does not wait for room, not even if the task was polled elsewhere before.
            *place = Place::new(Line(inner));
        }
        place.poll(context, |line, turn| attempt(line.0, *priority, function, turn))
    }
}

/// Submits the function, or lines up for room.
fn attempt<T, F>(
    inner: &Arc<Inner>,
    priority: i64,
    function: &mut Option<F>,
    turn: Turn<'_>,
) -> Option<Result<Task<T>, SubmitError<F>>>
where
    F: Call<T> + Send + 'static,
    T: Send + 'static,
{
    let deadline = if inner.is_own() {
        Deadline::NEVER
    } else {
        Deadline::PASSED
    };
    loop {
        let packet = Arc::new(Packet::new(function.take()?, inner.home()));
        let refused = inner.submit(priority, packet.clone(), deadline).err();
        match refused.and_then(|refusal| Some((refusal, packet.retract()?))) {
            None => return Some(Ok(Task::of(packet))),
            Some((Refusal::Full, its)) => *function = Some(its),
            Some((refusal, its)) => return Some(Err(refusal.with(its))),
        }
        if step(|| inner.core().line_up_task_for_room(turn)) {
            return None;
        }
    }
}

/// The future of [`ThreadPool::submit_async`](crate::ThreadPool::submit_async). It keeps its place in the line for
/// room until it is ready or dropped.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Submitting<'a, T, F> {
    attempts: Attempts<'a, F>,
    task: PhantomData<fn() -> T>,
}

impl<'a, T, F> Submitting<'a, T, F> {
    pub(crate) fn new(inner: &'a Arc<Inner>, priority: i64, function: F) -> Self {
        Submitting {
            attempts: Attempts::new(inner, priority, function),
            task: PhantomData,
        }
    }

    /// Returns whether the future was ready. After that it stays pending.
    pub fn is_terminated(&self) -> bool {
        self.attempts.is_over()
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
        self.attempts.poll(context)
    }
}

impl<T, F> fmt::Debug for Submitting<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitting")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
