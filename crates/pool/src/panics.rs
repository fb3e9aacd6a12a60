//! Collects the panics of a program's code that a pool calls: of callbacks, wakers, observers, and dropped values.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub use interlock_wait::{contained, discard};

/// The first panic of several calls, all of which are made even if others panic.
#[derive(Default)]
pub struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    /// No panic so far.
    pub const NONE: Self = Panics(None);

    /// Makes a call. Returns `None` if it panics.
    pub fn catch<R>(&mut self, call: impl FnOnce() -> R) -> Option<R> {
        // State that a panic left half changed is dropped with the call, or is under locks that do not poison.
        catch_unwind(AssertUnwindSafe(call))
            .map_err(|payload| self.add(payload))
            .ok()
    }

    /// Adds a panic that the caller has caught.
    pub fn add(&mut self, payload: Box<dyn Any + Send>) {
        match self.0 {
            None => self.0 = Some(payload),
            Some(_) => discard(payload),
        }
    }

    /// Resumes the first panic, if there was one. Not on a thread that is panicking already: that would abort the
    /// process.
    pub fn resume(self) {
        match self.0 {
            Some(payload) if std::thread::panicking() => discard(payload),
            Some(payload) => resume_unwind(payload),
            None => {}
        }
    }

    /// The result of the call that the caller is about: the first panic is resumed, if there was one. The result is dropped before,
    /// as it might panic itself.
    #[cfg(not(loom))]
    pub(crate) fn returned<R>(mut self, result: Option<R>) -> R {
        match (result, self.0.is_some()) {
            (Some(result), false) => result,
            (result, _) => {
                self.catch(|| drop(result));
                resume_unwind(self.0.unwrap_or_else(|| Box::new("a call without a result")))
            }
        }
    }

    /// Drops the first panic.
    pub fn discard(self) {
        self.0.into_iter().for_each(discard);
    }
}

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panics").field(&self.0.is_some()).finish()
    }
}
