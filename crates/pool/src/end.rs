//! The end of a task of the Rust pool, and its callbacks.
//!
//! The end of one task may be the beginning of the next. A callback that ends another task does not call the other
//! task's callbacks: it returns them. So a loop calls the callbacks of a chain, and needs no more stack than one of
//! them. It calls them in the order of nested calls.

use interlock_wait::fork;

use crate::outcome::{Due, Outcome, Phase};
use crate::panics::Panics;
use crate::step::step;
use crate::task_error::{Panic, TaskError};

/// Called at the end of a task, by the thread that ended it. Returns the callbacks that this has made due.
pub(crate) type Callback<T> = Box<dyn FnOnce(&End<T>) -> Option<Box<dyn Link>> + Send>;

/// The callbacks of a task that are due. At first there is at least one.
pub(crate) trait Link {
    /// Calls the next callback.
    fn call_next(&mut self) -> Option<Box<dyn Link>>;

    /// Returns whether all were called.
    fn is_over(&self) -> bool;
}

/// The outcome of a task, and the process that it belongs to.
pub(crate) struct End<T> {
    pub(crate) outcome: Outcome<Result<T, Panic>, Callback<T>>,
    generation: u32,
}

impl<T> End<T> {
    pub(crate) fn new() -> Self {
        End {
            outcome: Outcome::new(),
            generation: fork::generation(),
        }
    }

    /// Returns whether the task belongs to the process that this one was forked from, so that it does not end here.
    pub(crate) fn is_foreign(&self) -> bool {
        self.generation != fork::generation()
    }

    pub(crate) fn is_done(&self) -> bool {
        step(|| self.outcome.phase().is_done())
    }

    /// Takes the result out. `None` if the task is not done.
    pub(crate) fn take(&self) -> Option<Result<T, TaskError>> {
        self.take_value().or_else(|| self.why_none().map(Err))
    }

    /// Takes the result out, if there is one.
    #[inline]
    pub(crate) fn take_value(&self) -> Option<Result<T, TaskError>> {
        let value = step(|| self.outcome.take_value());
        value.map(|result| result.map_err(TaskError::Panicked))
    }

    /// Returns why there is no result, if there will never be one.
    #[cold]
    fn why_none(&self) -> Option<TaskError> {
        match step(|| self.outcome.phase()) {
            phase if phase.is_cancelled() => Some(TaskError::Cancelled),
            // The result came after the caller had looked, and the next look finds it; or it was taken.
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
            call(self, callback, &mut panics);
            panics.resume();
        }
    }
}

/// Calls the due callbacks of a task, and all callbacks that these make due.
pub(crate) fn call_all<T>(end: &End<T>, due: Due<Callback<T>>, panics: &mut Panics) {
    for callback in due.callbacks() {
        call(end, callback, panics);
    }
}

/// Calls a callback, and all callbacks that this makes due.
pub(crate) fn call<T>(end: &End<T>, callback: Callback<T>, panics: &mut Panics) {
    let mut open: Vec<_> = panics.catch(|| callback(end)).flatten().into_iter().collect();
    while let Some(mut link) = open.pop() {
        let next = panics.catch(|| link.call_next()).flatten();
        if link.is_over() {
            // This may drop a result that no caller took.
            panics.catch(|| drop(link));
        } else {
            open.push(link);
        }
        open.extend(next);
    }
}
