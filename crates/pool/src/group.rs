//! Threads that somebody waits for together.

use interlock_wait::{Kind, Patience, Resource, WaitQueue, Waiter, Wake, WordLock, block, fork};

/// A number of running threads, and a way to wait until it is zero.
#[derive(Debug)]
pub struct Group {
    state: WordLock<State>,
}

struct State {
    generation: u32,
    running: usize,
    waiters: WaitQueue,
}

impl State {
    /// Forgets the threads of the process that this one was forked from: they do not run here.
    fn renew(&mut self) {
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.running = 0;
        }
    }
}

impl Group {
    /// A group without threads.
    pub const fn new() -> Self {
        Group {
            state: WordLock::new(State {
                generation: 0,
                running: 0,
                waiters: WaitQueue::new(),
            }),
        }
    }

    /// Counts one more thread. Never blocks.
    pub fn enter(&self) {
        // So that the child of a fork does not wait for its parent's threads.
        fork::watch();
        let mut state = self.state.lock();
        state.renew();
        state.running += 1;
    }

    /// Counts one more thread if there are fewer than `most`: how many there are with it. Never blocks.
    pub fn try_enter(&self, most: usize) -> Option<usize> {
        fork::watch();
        let mut state = self.state.lock();
        state.renew();
        if state.running >= most {
            return None;
        }
        state.running += 1;
        Some(state.running)
    }

    /// How many threads are in it, at this moment. Never blocks.
    pub fn len(&self) -> usize {
        let mut state = self.state.lock();
        state.renew();
        state.running
    }

    /// Whether no thread is in it, at this moment. Never blocks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts one thread less, and wakes all who wait if it was the last. Never blocks.
    pub fn leave(&self) {
        let mut state = self.state.lock();
        state.renew();
        state.running = state.running.saturating_sub(1);
        if state.running == 0 {
            let wakeups = state.waiters.notify_all();
            drop(state);
            wakeups.run();
        }
    }

    /// Waits until no thread of the group runs; `false` when `patience` ended first. Blocks until then.
    pub fn wait_with(&self, patience: &mut Patience<'_>) -> bool {
        let resource = Resource {
            kind: Kind::Thread,
            address: self.state.address(),
        };
        loop {
            let waiter = Waiter::thread();
            let mut state = self.state.lock();
            state.renew();
            if state.running == 0 {
                return true;
            }
            state.waiters.push_back(waiter.clone());
            drop(state);
            if block(&waiter, resource, None, patience) != Wake::Notified {
                self.state.lock().waiters.remove(&waiter);
                return false;
            }
        }
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}
