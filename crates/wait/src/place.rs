//! The place of a task in a line: the core of all futures.

use std::fmt;
use std::task::{Context, Poll};

use crate::primitive::Arc;
use crate::wait_queue::WaitQueue;
use crate::waiter::Waiter;

/// A line in which a task can wait.
pub trait TaskLine {
    /// Takes the waiter of a task that gives up out of the line. If it was notified, passes the notification to the
    /// next in line.
    fn leave(&mut self, waiter: &Arc<Waiter>);
}

/// A task's place in a line, from its first poll until it has its result. Dropping it leaves the line.
pub struct Place<L: TaskLine> {
    line: L,
    waiter: Option<Arc<Waiter>>,
    done: bool,
}

/// One attempt of a task to get its result.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The waiter with which the task lines up if there is no result. The first attempt has none.
    waiter: Option<&'a Arc<Waiter>>,
    was_notified: bool,
}

impl Turn<'_> {
    /// Returns whether the task was in line until it was notified.
    pub fn was_notified(self) -> bool {
        self.was_notified
    }

    /// Returns whether this is a mere look, without a waiter, because that costs an allocation. The next attempt
    /// has one.
    pub fn is_a_look(self) -> bool {
        self.waiter.is_none()
    }

    /// Puts the task at the end of the line, in the step in which there was no result. Does nothing in a mere look.
    pub fn line_up(self, line: &mut WaitQueue) {
        if let Some(waiter) = self.waiter {
            line.push_back(waiter.clone());
        }
    }

    /// Like [`Turn::line_up`], but puts a task that was notified in vain at the head of the line.
    pub fn line_up_again(self, line: &mut WaitQueue) {
        match self.waiter {
            Some(waiter) if self.was_notified => line.push_front(waiter.clone()),
            _ => self.line_up(line),
        }
    }
}

impl<L: TaskLine> Place<L> {
    /// Creates a place in `line` for a task that was not polled yet.
    pub fn new(line: L) -> Self {
        Place {
            line,
            waiter: None,
            done: false,
        }
    }

    /// Returns the line.
    pub fn line(&self) -> &L {
        &self.line
    }

    /// Returns whether the task has got its result. After that, polls stay pending.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Polls the task: makes an attempt, unless the task is in line and was not notified. `attempt` returns the
    /// result, or lines the task up in the same step. It may be called twice: see [`Turn::is_a_look`].
    pub fn poll<R>(
        &mut self,
        context: &Context<'_>,
        mut attempt: impl FnMut(&mut L, Turn<'_>) -> Option<R>,
    ) -> Poll<R> {
        if self.done {
            return Poll::Pending;
        }
        let mut was_notified = false;
        if let Some(waiter) = &self.waiter {
            // In this order: if the check below misses a notifier, that notifier takes the waker later, and finds
            // this one.
            waiter.set_waker(context.waker());
            was_notified = waiter.is_notified();
            if !was_notified && waiter.is_of_this_process() {
                return Poll::Pending;
            }
        }
        // Dropped at the end, under no lock: its waker is user code.
        let _before = self.waiter.take();
        // Set before the attempt: if the attempt panics, in the comparison of two priorities, it is the last one.
        self.done = true;
        let look = Turn {
            waiter: None,
            was_notified,
        };
        if let Some(result) = attempt(&mut self.line, look) {
            return Poll::Ready(result);
        }
        let waiter = Waiter::task(context.waker().clone());
        let turn = Turn {
            waiter: Some(&waiter),
            was_notified,
        };
        if let Some(result) = attempt(&mut self.line, turn) {
            return Poll::Ready(result);
        }
        self.done = false;
        self.waiter = Some(waiter);
        Poll::Pending
    }
}

impl<L: TaskLine> Drop for Place<L> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.line.leave(&waiter);
        }
    }
}

impl<L: TaskLine> fmt::Debug for Place<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("is_done", &self.done)
            .finish_non_exhaustive()
    }
}
