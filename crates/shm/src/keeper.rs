//! The thread that holds this process's life word, if the main thread can't. (FORMAT.md, "Death".)

use std::sync::Arc;

use interlock_os::process;
use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{
    ResourceKind, SharedWord, WaitContext, Waiter, WordLock, block, block_shared, spawn_named, wake_shared,
};

use crate::arena::Arena;
use crate::error::Error;
use crate::name::Name;
use crate::resource::SharedResource;

/// The thread only sleeps.
const STACK: usize = 64 << 10;

/// Takes the slot of `name` for this process. The thread that takes it holds the life word: the main thread, if it
/// is the caller; otherwise a thread that is started for this and lives as long as the process. Any other thread
/// may exit earlier.
///
/// # Errors
/// The same as for [`Arena::take_slot`]; or the thread could not be started.
pub(crate) fn live_as(arena: Arena, name: Name) -> Result<Arc<Arena>, Error> {
    let arena = Arc::new(arena);
    if process::thread_id() == process::id() {
        arena.take_slot(name)?;
        return Ok(arena);
    }
    let taking = Arc::new((WordLock::new(None), AtomicU32::new(0)));
    let (its_arena, its_taking) = (arena.clone(), taking.clone());
    spawn_named("interlock-life", STACK, move || {
        let (outcome, is_done) = &*its_taking;
        let taken = its_arena.take_slot(name);
        let lives = taken.is_ok();
        *outcome.lock() = Some(taken);
        // Release pairs with the Acquire of the look below.
        is_done.store(1, Ordering::Release);
        wake_shared(is_done, 1);
        if lives {
            let never = Waiter::thread();
            let resource = SharedResource::new(ResourceKind::Thread);
            loop {
                block(&never, &resource, &mut WaitContext::unwinding(), || {});
            }
        }
    })?;
    let (outcome, is_done) = &*taking;
    // Acquire pairs with the Release above.
    while is_done.load(Ordering::Acquire) == 0 {
        sleep(is_done, 0);
    }
    match outcome.lock().take() {
        Some(Err(error)) => Err(error),
        _ => Ok(arena),
    }
}

/// Sleeps while `word` is `expected`. No observer hears of it.
fn sleep(word: &AtomicU32, expected: u32) {
    let word = SharedWord { word, expected };
    let resource = SharedResource::new(ResourceKind::Thread);
    block_shared(&[word], &resource, &mut WaitContext::unwinding());
}
