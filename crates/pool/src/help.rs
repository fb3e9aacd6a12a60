//! Lets a worker that waits for a task of its own pool run that task, unless another worker has begun with it.
//!
//! The task runs inside the waiting task, on the same stack, as long as half of the stack is free. After that, a
//! stand-in runs it: a thread with a stack of its own, for which the worker waits. So the number of tasks that run
//! at once stays the same. The claims are in `PROTOCOL.md` of this crate.

use std::cell::Cell;
use std::sync::Arc;

use interlock_os::thread;

use crate::inner::{Work, own_pool};

/// How many threads may wait for each other in this way: a worker and its stand-ins.
const MOST_STACKS: u32 = 32;

thread_local! {
    /// The middle of this thread's stack, once it was looked up; 0 if it is not known.
    static MIDDLE: Cell<Option<usize>> = const { Cell::new(None) };
    /// The length of the chain of threads, each waiting for the next, of which this thread is the last.
    static STACKS: Cell<u32> = const { Cell::new(1) };
}

/// A task that a worker may run while it waits for it.
pub(crate) trait Help: Send + Sync {
    /// Returns the number of the pool that it was submitted to; 0 if there is none.
    fn pool(&self) -> u32;

    /// Returns whether no worker has begun with it, and it was not cancelled.
    fn is_pending(&self) -> bool;

    /// Returns whether it is `work`.
    fn is(&self, work: &Arc<dyn Work>) -> bool;
}

/// The way in which a task that a worker waits for gets run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helped {
    /// The calling worker has run it, or another thread runs it.
    Here,
    /// A stand-in runs it.
    Elsewhere,
}

/// The waiting worker can't run the task: its stack has no room, and no stand-in can be started.
pub(crate) struct NotHelped;

/// Runs `task`, if it waits in the pool whose worker the calling thread is.
pub(crate) fn help(task: Arc<dyn Help>) -> Result<Helped, NotHelped> {
    let own = own_pool().filter(|own| own.number == task.pool());
    let Some(own) = own.filter(|_| task.is_pending()) else {
        return Ok(Helped::Here);
    };
    if has_room() {
        own.run_if_waiting(|work| task.is(work));
        return Ok(Helped::Here);
    }
    let stacks = STACKS.get() + 1;
    if stacks > MOST_STACKS {
        return Err(NotHelped);
    }
    let its = own.clone();
    let body = move || {
        STACKS.set(stacks);
        its.run_if_waiting(|work| task.is(work));
    };
    own.start_stand_in(body).map_err(|_| NotHelped)?;
    Ok(Helped::Elsewhere)
}

/// Returns whether at least half of the stack is free. So a task that runs inside others has at least that much
/// room.
fn has_room() -> bool {
    let here = 0_u8;
    let middle = MIDDLE.get().unwrap_or_else(|| {
        let middle = thread::stack().map_or(0, |stack| usize::midpoint(stack.start, stack.end));
        MIDDLE.set(Some(middle));
        middle
    });
    middle != 0 && std::ptr::from_ref(&here).addr() > middle
}
