//! Calls of a program's code in a step of the engine: wakers and observers.
//!
//! No panic of theirs unwinds through the engine. The thread that makes the call may hold an item, a guard or a lock that it
//! is about to give to its caller, or has just taken from it. So a panic ends here: the panic hook has reported it already.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls a program's code, and lets no panic out of it. Returns `None` if there was one: the panic hook has reported it.
#[cfg(not(loom))]
pub fn contained<R>(call: impl FnOnce() -> R) -> Option<R> {
    // What a panic leaves half changed is dropped with the call, or is under locks that do not poison.
    catch_unwind(AssertUnwindSafe(call)).map_err(discard).ok()
}

/// In a model a panic is the model's: it has to come out.
#[cfg(loom)]
pub fn contained<R>(call: impl FnOnce() -> R) -> Option<R> {
    Some(call())
}

/// Drops the payload of a panic. If that panics again, the second payload stays undropped: it might panic for ever.
pub fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(another);
    }
}
