//! What a worker does for a task of its own pool that it waits for: it runs the task, unless another worker has begun with it.
//!
//! The task runs within the one that waits, on the same stack, as long as half of that is free. Then a stand-in runs it: a
//! thread with a stack of its own, for which the worker waits. So as many tasks go on at once as before. Claims: `PROTOCOL.md` beside
//! this crate.

use std::cell::Cell;
use std::sync::Arc;

use interlock_os::thread;

use crate::inner::{Work, own_pool};

/// How many threads may wait for each other in this way: a worker and its stand-ins.
const MOST_STACKS: u32 = 32;

thread_local! {
    /// The middle of the stack of this thread, once it was asked for; 0 if nothing is known of it.
    static MIDDLE: Cell<Option<usize>> = const { Cell::new(None) };
    /// Of how many threads, each of which waits for the next, this one is the last.
    static STACKS: Cell<u32> = const { Cell::new(1) };
}

/// A task that a worker may run when it waits for it.
pub(crate) trait Help: Send + Sync {
    /// Returns the number of the pool that it was submitted to; 0 for none.
    fn pool(&self) -> u32;

    /// Returns whether no worker has begun with it, and it was not cancelled.
    fn is_pending(&self) -> bool;

    /// Returns whether it is `work`.
    fn is(&self, work: &Arc<dyn Work>) -> bool;
}

/// What became of a task that a worker waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helped {
    /// It has been run, or others see to it.
    Here,
    /// A stand-in runs it.
    Elsewhere,
}

/// The task was not run by the worker that waits for it: its stack has no room, and it can have no stand-in.
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

/// Returns whether at least half of the stack is free. A task that runs within others has as much room as
/// that, at the least.
fn has_room() -> bool {
    let here = 0_u8;
    let middle = MIDDLE.get().unwrap_or_else(|| {
        let middle = thread::stack().map_or(0, |stack| usize::midpoint(stack.start, stack.end));
        MIDDLE.set(Some(middle));
        middle
    });
    middle != 0 && std::ptr::from_ref(&here).addr() > middle
}
