//! Collects the panics of a program's code at the end of a task: of callbacks, wakers, and dropped values.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The first panic of several calls, all of which are made even if others panic.
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    pub(crate) const NONE: Self = Panics(None);

    /// Makes a call. Returns `None` if it panics.
    pub(crate) fn catch<R>(&mut self, call: impl FnOnce() -> R) -> Option<R> {
        // State that a panic left half changed is dropped with the call, or is under locks that do not poison.
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(result) => Some(result),
            Err(payload) if self.0.is_none() => {
                self.0 = Some(payload);
                None
            }
            Err(payload) => {
                discard(payload);
                None
            }
        }
    }

    /// Resumes the first panic, if there was one. Not on a thread that is panicking already: that would abort the
    /// process.
    pub(crate) fn resume(self) {
        match self.0 {
            Some(payload) if std::thread::panicking() => discard(payload),
            Some(payload) => resume_unwind(payload),
            None => {}
        }
    }

    /// Drops the first panic.
    pub(crate) fn discard(self) {
        self.0.into_iter().for_each(discard);
    }
}

/// Drops the payload of a panic. If that panics again, the second payload is not dropped, because it might panic
/// for ever.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(another);
    }
}
