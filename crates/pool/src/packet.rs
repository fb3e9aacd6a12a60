//! A task of the Rust pool in one allocation, a packet: its function and its outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use interlock_wait::{WordLock, fork};

use crate::chain::{self, Callback, Link, call_all, link};
use crate::inner::{self, Inner, NotHelped};
use crate::outcome::{Due, Outcome, Phase};
use crate::panics::Panics;
use crate::step::step;
use crate::task_error::{Panic, TaskError};
use crate::workers::Running;

/// The outcome of a task, and the process that it belongs to.
pub(crate) struct End<T> {
    pub(crate) outcome: Outcome<Result<T, Panic>, Callback<T>>,
    generation: u32,
}

impl<T> End<T> {
    /// Whether the task belongs to the process that this one was forked from: it does not end here.
    pub(crate) fn is_foreign(&self) -> bool {
        self.generation != fork::generation()
    }

    pub(crate) fn is_done(&self) -> bool {
        step(|| self.outcome.phase().is_done())
    }

    /// Takes the result out. `None` if the task is not done.
    pub(crate) fn take(&self) -> Option<Result<T, TaskError>> {
        match step(|| self.outcome.take_value()) {
            Some(Ok(value)) => Some(Ok(value)),
            Some(Err(panic)) => Some(Err(TaskError::Panicked(panic))),
            None => self.why_none().map(Err),
        }
    }

    /// Why there is no result, if there will never be one.
    #[cold]
    fn why_none(&self) -> Option<TaskError> {
        match step(|| self.outcome.phase()) {
            phase if phase.is_cancelled() => Some(TaskError::Cancelled),
            // It came after the caller looked, and the next look finds it; or it was taken.
            Phase::Finished if step(|| self.outcome.value(|_| ())).is_some() => None,
            Phase::Finished => Some(TaskError::Taken),
            _ if self.is_foreign() => Some(TaskError::Forked),
            _ => None,
        }
    }

    /// Registers a callback, or calls it now if the task is done or belongs to the parent process.
    pub(crate) fn listen(&self, callback: Callback<T>) {
        let refused = if self.is_foreign() {
            Some(callback)
        } else {
            step(|| self.outcome.listen(callback))
                .err()
                .map(|(_, callback)| callback)
        };
        if let Some(callback) = refused {
            let mut panics = Panics::NONE;
            chain::call(self, callback, &mut panics);
            panics.resume();
        }
    }
}

/// The pool that a task was submitted to.
#[derive(Default)]
pub(crate) struct Home {
    /// Its number; 0 for a task that no pool runs.
    pub(crate) pool: u64,
    /// The pool itself, if its submitters wait for room.
    pub(crate) place: Option<Weak<Inner>>,
}

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
            end: End {
                outcome: Outcome::new(),
                generation: fork::generation(),
            },
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

    /// Takes the function out. No other thread wants its lock: only the one that began with the task or cancelled it calls
    /// this.
    fn take_function(&self) -> Option<F> {
        self.function.lock().take()
    }

    /// Cancels the task unless a worker has begun with it: makes room for another one by `leave`, drops the function, and
    /// calls what is due, all of it whatever panics. Returns whether the task is cancelled.
    fn cancel(&self, leave: impl FnOnce()) -> bool {
        match step(|| self.end.outcome.cancel()) {
            Ok(Some(due)) => {
                leave();
                let mut panics = Panics::NONE;
                panics.catch(|| drop(self.take_function()));
                call_all(&self.end, due, &mut panics);
                panics.resume();
                true
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Begins with the task. Returns `false` if it is not to be run. The caller makes this a step.
    fn begin(&self) -> bool {
        !self.end.is_foreign() && self.end.outcome.begin() == Ok(true)
    }

    /// Runs the function of a task that was begun with, by `call`, and gives the outcome its value. In the same step, before
    /// the value, `count` gets whether the function panicked. Returns what is due.
    fn run_with(&self, call: impl FnOnce(F) -> T, count: impl FnOnce(bool)) -> Option<Due<Callback<T>>> {
        let function = self.take_function()?;
        // What a panic left half done went with the function, or is under locks that do not poison.
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

impl<F: 'static, T: 'static> Packet<F, T> {
    /// Runs a continuation, unless it was cancelled, with the result that it waited for. Returns what became due.
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

/// The side of a task that its pool sees.
pub(crate) trait Work: Send + Sync {
    /// Begins with it. Returns `false` if it is not to be run. The caller makes this a step.
    fn begin(&self) -> bool;

    /// Runs it after it was begun with, and counts it by `running`.
    fn run(&self, running: Running<'_>);

    /// Cancels it after it was taken out of the queue.
    fn cancel(&self) -> bool;

    /// Gives it up: it is run in the parent process.
    fn abandon(&self);
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Packet<F, T> {
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
        if let Some(due) = self.run_with(|function| function(), count) {
            let mut panics = Panics::NONE;
            call_all(&self.end, due, &mut panics);
            // They are code of the program that no caller waits for: a waker, or the drop of a value without a handle.
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
}

/// What a worker can do for a task that it waits for.
pub(crate) trait Help: Send + Sync {
    /// Runs the task, if it waits in the queue of the pool whose worker the calling thread is.
    fn help(&self) -> Result<(), NotHelped>;
}

impl<F: Send, T: Send> Help for Packet<F, T> {
    fn help(&self) -> Result<(), NotHelped> {
        inner::help(self.home.pool, |work| std::ptr::addr_eq(Arc::as_ptr(work), self))
    }
}

/// The side of a task that its handle sees.
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
                // It comes back to a thread that has its handle, so nothing is dropped here.
                pool.take_back(|work| std::ptr::addr_eq(Arc::as_ptr(work), self));
            }
        })
    }
}
