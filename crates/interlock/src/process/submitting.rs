//! Submits a task from an async task, and waits for room without blocking a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use interlock_pool::process::{RoomWait, Unplaced};
use interlock_wait::{Deadline, WaitContext};

use super::error::SubmitError;
use super::host::Engine;
use super::task::Task;
use super::wakes::{Slot, Wakes};

/// The future of [`ProcessPool::submit_async`](super::ProcessPool::submit_async). It keeps its place in the
/// line for room until it is ready or dropped.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Submitting<'a, R> {
    engine: &'a Arc<Engine>,
    /// `None` once the future is ready.
    task: Option<Result<Task<R>, SubmitError>>,
    place: Option<Place>,
}

/// A place in line.
struct Place {
    wait: RoomWait<Wakes>,
    slot: Slot,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Taken out first: otherwise, leaving the line drops the waker's guard, which would wake the task
        // needlessly.
        let waker = self.slot.lock().take();
        drop(waker);
    }
}

impl<'a, R> Submitting<'a, R> {
    pub(super) fn new(engine: &'a Arc<Engine>, task: Result<Task<R>, SubmitError>) -> Self {
        Submitting {
            engine,
            task: Some(task),
            place: None,
        }
    }
}

impl<R> Unpin for Submitting<'_, R> {}

impl<R> Future for Submitting<'_, R> {
    type Output = Result<Task<R>, SubmitError>;

    /// Works with any executor. Returns `Pending` if it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let task = match this.task.take() {
            Some(Ok(task)) => task,
            Some(Err(error)) => return Poll::Ready(Err(error)),
            None => return Poll::Pending,
        };
        loop {
            if let Some(place) = &this.place
                && !this.engine.is_of_parent()
            {
                let before = place.slot.lock().replace(context.waker().clone());
                drop(before);
                // Checked after the waker was stored: otherwise a notification could come in between.
                if !place.wait.is_notified() {
                    this.task = Some(Ok(task));
                    return Poll::Pending;
                }
            }
            let submitted = (this.engine).submit(task.call(), &mut WaitContext::until(Deadline::PASSED));
            // A notification that was not used passes to the next in line.
            this.place = None;
            match submitted {
                Ok(()) => return Poll::Ready(Ok(task)),
                Err(Unplaced::Full) => {}
                Err(refusal) => return Poll::Ready(Err(refusal.into())),
            }
            let slot = Slot::default();
            let wait = this.engine.wait_for_room(Wakes(slot.clone()));
            this.place = wait.map(|wait| Place { wait, slot });
        }
    }
}

impl<R> fmt::Debug for Submitting<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitting")
            .field("is_in_line", &self.place.is_some())
            .finish_non_exhaustive()
    }
}
