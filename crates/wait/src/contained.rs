//! Calls of a program's code in a step of the engine: wakers and observers.
//!
//! No panic of theirs unwinds through the engine. The thread that makes the call may hold an item, a guard or a lock that it
//! is about to give to its caller, or has just taken from it. So a panic ends here: the panic hook has reported it already.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls a program's code. `None` if it panics.
#[cfg(not(loom))]
pub(crate) fn contained<R>(call: impl FnOnce() -> R) -> Option<R> {
    // Nothing of the engine's is half done: these calls are made between its steps.
    catch_unwind(AssertUnwindSafe(call)).map_err(discard).ok()
}

/// In a model a panic is the model's: it has to come out.
#[cfg(loom)]
pub(crate) fn contained<R>(call: impl FnOnce() -> R) -> Option<R> {
    Some(call())
}

/// Drops the payload of a panic. If that panics again, the second payload stays undropped: it might panic for ever.
pub fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(another);
    }
}
