//! A task of the Rust pool in one allocation, a packet: its function and its outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use interlock_wait::WordLock;

use crate::end::{Callback, End, Link, call_all};
use crate::help::Help;
use crate::inner::{Home, Work};
use crate::outcome::{Due, Phase};
use crate::panics::Panics;
use crate::step::step;
use crate::task_error::Panic;
use crate::worker_life::Running;

/// A task in one allocation: its function and its outcome.
pub(crate) struct Packet<F, T> {
    /// The thread that runs or cancels the task takes it out.
    function: WordLock<Option<F>>,
    end: End<T>,
    home: Home,
}

impl<F, T> Packet<F, T> {
    pub(crate) fn new(function: F, home: Home) -> Self {
        Packet {
            function: WordLock::new(Some(function)),
            end: End::new(),
            home,
        }
    }

    pub(crate) fn end(&self) -> &End<T> {
        &self.end
    }

    /// Takes the function back, for a task without a handle. `None` if a worker has begun with the task.
    pub(crate) fn retract(&self) -> Option<F> {
        match step(|| self.end.outcome.cancel()) {
            Ok(Some(_)) => self.take_function(),
            _ => None,
        }
    }

    /// Takes the function out. No other thread wants its lock: only the thread that began with the task or
    /// cancelled it calls this.
    fn take_function(&self) -> Option<F> {
        self.function.lock().take()
    }

    /// Cancels the task unless a worker has begun with it: calls `leave` to make room for another task, drops the
    /// function, and calls the due callbacks. It does all of this even if something panics. Returns whether the
    /// task is cancelled.
    fn cancel(&self, leave: impl FnOnce()) -> bool {
        match step(|| self.end.outcome.cancel()) {
            Ok(Some(due)) => {
                let mut panics = Panics::NONE;
                panics.catch(leave);
                panics.catch(|| drop(self.take_function()));
                call_all(&self.end, due, &mut panics);
                panics.resume();
                true
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Begins with the task. Returns `false` if it should not be run. The caller wraps this in a step.
    fn begin(&self) -> bool {
        !self.end.is_foreign() && self.end.outcome.begin() == Ok(true)
    }

    /// Runs the function of a task after `begin`, by `call`, and sets the value of the outcome. In the same step,
    /// before it sets the value, calls `count` with whether the function panicked. Returns the due callbacks.
    fn run_with(&self, call: impl FnOnce(F) -> T, count: impl FnOnce(bool)) -> Option<Due<Callback<T>>> {
        let function = self.take_function()?;
        // State that a panic left half changed was dropped with the function, or is under locks that do not poison.
        let result = catch_unwind(AssertUnwindSafe(|| call(function))).map_err(Panic::new);
        let finished = step(|| {
            count(result.is_err());
            self.end.outcome.finish(result)
        });
        finished.ok()
    }

    /// Gives up a task of the parent process. Returns its callbacks.
    fn give_up(&self, panics: &mut Panics) -> Due<Callback<T>> {
        panics.catch(|| drop(self.take_function()));
        let (value, due) = step(|| self.end.outcome.clear());
        panics.catch(|| drop(value));
        due
    }
}

struct Callbacks<F, T, I> {
    packet: Arc<Packet<F, T>>,
    next: Option<Callback<T>>,
    others: I,
}

impl<F, T, I: Iterator<Item = Callback<T>>> Link for Callbacks<F, T, I> {
    fn call_next(&mut self) -> Option<Box<dyn Link>> {
        let next = std::mem::replace(&mut self.next, self.others.next());
        next.and_then(|callback| callback(self.packet.end()))
    }

    fn is_over(&self) -> bool {
        self.next.is_none()
    }
}

/// Returns the callbacks that are due for the task of `packet`. `None` if there are none.
pub(crate) fn link<F: 'static, T: 'static>(
    packet: Arc<Packet<F, T>>,
    due: Due<Callback<T>>,
) -> Option<Box<dyn Link>> {
    let mut others = due.callbacks();
    let next = Some(others.next()?);
    Some(Box::new(Callbacks { packet, next, others }))
}

impl<F: 'static, T: 'static> Packet<F, T> {
    /// Runs a continuation, unless it was cancelled, with the result that it waited for. Returns the callbacks that
    /// became due.
    pub(crate) fn go_on<A>(self: Arc<Self>, argument: A) -> Option<Box<dyn Link>>
    where
        F: FnOnce(A) -> T,
    {
        let due = if step(|| self.begin()) {
            self.run_with(|function| function(argument), |_| {})
        } else if self.end.is_foreign() {
            let mut panics = Panics::NONE;
            let due = self.give_up(&mut panics);
            panics.discard();
            Some(due)
        } else {
            None
        };
        link(self, due?)
    }
}

/// The function that a task of a pool calls.
pub(crate) trait Call<T> {
    fn call(self) -> T;
}

impl<F: FnOnce() -> T, T> Call<T> for F {
    fn call(self) -> T {
        self()
    }
}

impl<F: Call<T> + Send, T: Send> Work for Packet<F, T> {
    fn begin(&self) -> bool {
        Packet::begin(self)
    }

    fn run(&self, running: Running<'_>) {
        let count = |failed| {
            if self.end.is_foreign() {
                running.forget();
            } else if failed {
                running.fail();
            } else {
                running.succeed();
            }
        };
        let due = self.run_with(F::call, count);
        if let Some(due) = due.filter(|due| !due.is_empty()) {
            let mut panics = Panics::NONE;
            call_all(&self.end, due, &mut panics);
            // These panics come from code of the program for which no caller waits: a waker, or the drop of a value
            // without a handle.
            panics.discard();
        }
    }

    fn cancel(&self) -> bool {
        Packet::cancel(self, || {})
    }

    fn abandon(&self) {
        let mut panics = Panics::NONE;
        let due = self.give_up(&mut panics);
        call_all(&self.end, due, &mut panics);
        panics.discard();
    }

    fn lose(&self) {
        let mut panics = Panics::NONE;
        if panics.catch(|| Packet::cancel(self, || {})) == Some(false) && !self.end.is_foreign() {
            panics.catch(|| drop(self.take_function()));
            let why = Panic::new(Box::new("the task was lost: a step of its worker has panicked"));
            if let Ok(due) = step(|| self.end.outcome.finish(Err(why))) {
                call_all(&self.end, due, &mut panics);
            }
        }
        panics.discard();
    }

    fn pool(&self) -> u32 {
        self.home.pool
    }
}

impl<F: Send, T: Send> Help for Packet<F, T> {
    fn pool(&self) -> u32 {
        self.home.pool
    }

    fn is_pending(&self) -> bool {
        !self.end.is_foreign() && step(|| self.end.outcome.phase()) == Phase::Pending
    }

    fn is(&self, work: &Arc<dyn Work>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(work), self)
    }
}

/// The interface of a task for its handle.
pub(crate) trait Ends<T>: Help {
    fn end(&self) -> &End<T>;

    /// See [`Task::cancel`](crate::Task::cancel).
    fn cancel(&self) -> bool;
}

impl<F: Send, T: Send> Ends<T> for Packet<F, T> {
    fn end(&self) -> &End<T> {
        &self.end
    }

    fn cancel(&self) -> bool {
        Packet::cancel(self, || {
            if let Some(pool) = self.home.place.as_ref().and_then(Weak::upgrade) {
                // It comes back to a thread that holds its handle, so nothing is dropped here.
                pool.take_back(|work| std::ptr::addr_eq(Arc::as_ptr(work), self));
            }
        })
    }
}
