//! Something that happens once.

use interlock_wait::{Kind, Patience, Resource, WaitQueue, Waiter, Wake, WordLock, block};

/// Something that happens once, such as the end of a thread, and that others wait for.
///
/// An event for the threads of this crate, which run engine code when nothing excludes them from others: a
/// `interlock_sync::Event` may rely on a host for that.
#[derive(Debug, Default)]
pub struct Latch {
    state: WordLock<State>,
}

#[derive(Default)]
struct State {
    open: bool,
    waiters: WaitQueue,
}

impl Latch {
    /// Whether it has happened, at this moment. Never blocks.
    pub fn is_open(&self) -> bool {
        self.state.lock().open
    }

    /// Says that it has happened, and wakes all who wait for it. Never blocks.
    pub fn open(&self) {
        let mut state = self.state.lock();
        state.open = true;
        let wakeups = state.waiters.notify_all();
        drop(state);
        wakeups.run();
    }

    /// Waits for it to happen; `false` when `patience` ended first. Blocks until then.
    pub fn wait_with(&self, patience: &mut Patience<'_>) -> bool {
        let waiter = Waiter::thread();
        let mut state = self.state.lock();
        if state.open {
            return true;
        }
        state.waiters.push_back(waiter.clone());
        drop(state);
        let resource = Resource {
            kind: Kind::Thread,
            address: self.state.address(),
        };
        // Everybody is notified: who leaves owes nothing to the others.
        block(&waiter, resource, None, patience) == Wake::Notified
            || !self.state.lock().waiters.remove(&waiter)
    }
}
