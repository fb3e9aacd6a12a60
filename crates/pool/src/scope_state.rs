//! What a scope and its tasks share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlock_wait::{
    Interest, Owned, Owners, Resource, ResourceId, ResourceKind, ThreadIdent, WaitQueue, WordLock,
    WordLockGuard, fork, observes,
};

use crate::packet::Ends;
use crate::step::step;
use crate::task_error::Panic;

/// What a scope and its tasks share.
pub(crate) struct Shared(WordLock<State>);

pub(crate) struct State {
    /// How many functions of this process have not been dropped.
    pub(crate) open: usize,
    /// The process in which they were counted. The child of a fork has none of those that its parent runs.
    generation: u32,
    /// The thread that waits until there is none.
    pub(crate) end: WaitQueue,
    /// The first panic whose result was not taken.
    pub(crate) panic: Option<Panic>,
    /// The tasks, if a worker waits for them.
    pub(crate) tasks: Vec<Arc<dyn Ends<()>>>,
    /// The threads that run tasks, as far as an observer was registered when they began.
    running: Vec<ThreadIdent>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Shared(WordLock::new(State {
            open: 0,
            generation: fork::generation(),
            end: WaitQueue::new(),
            panic: None,
            tasks: Vec::new(),
            running: Vec::new(),
        }))
    }

    pub(crate) fn lock(&self) -> WordLockGuard<'_, State> {
        let mut state = self.0.lock();
        if state.generation != fork::generation() {
            state.generation = fork::generation();
            state.open = 0;
            state.running.clear();
        }
        state
    }

    /// Lets an observer know that the calling thread runs a task, if there is an observer. Returns whether it did.
    fn show(&self) -> bool {
        let shows = observes(Interest::Waits);
        if shows {
            step(|| self.lock().running.push(ThreadIdent::current()));
        }
        shows
    }

    /// Takes that back.
    fn hide(&self) {
        step(|| {
            let me = ThreadIdent::current();
            let mut state = self.lock();
            if let Some(place) = state.running.iter().position(|&other| other == me) {
                state.running.swap_remove(place);
            }
        });
    }
}

impl Owned for State {
    fn owners(&self) -> Vec<ThreadIdent> {
        self.running.clone()
    }
}

impl Resource for Shared {
    fn id(&self) -> ResourceId {
        self.lock().end.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Outcome
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.0)
    }
}

/// The mark of a function that has not been dropped.
pub(crate) struct Open {
    shared: Arc<Shared>,
    generation: u32,
}

impl Open {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        step(|| shared.lock().open += 1);
        Open {
            shared: shared.clone(),
            generation: fork::generation(),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        step(|| {
            let mut state = self.shared.lock();
            if state.generation != self.generation {
                return;
            }
            state.open -= 1;
            if state.open == 0 {
                let wakeups = state.end.notify_all();
                drop(state);
                wakeups.run();
            }
        });
    }
}

/// The place of a result.
pub(crate) struct Slot<T> {
    result: WordLock<Option<Result<T, Panic>>>,
    shared: Arc<Shared>,
}

impl<T> Slot<T> {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Slot {
            result: WordLock::new(None),
            shared: shared.clone(),
        }
    }

    pub(crate) fn take(&self) -> Option<Result<T, Panic>> {
        step(|| self.result.lock().take())
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        if let Some(Err(panic)) = self.take() {
            let refused = step(|| {
                let mut state = self.shared.lock();
                match state.panic {
                    None => state.panic.replace(panic),
                    Some(_) => Some(panic),
                }
            });
            drop(refused);
        }
    }
}

/// A call of a task. If it is dropped, its mark goes last.
pub(crate) struct Call<F, T> {
    pub(crate) function: F,
    pub(crate) slot: Arc<Slot<T>>,
    pub(crate) open: Open,
}

impl<F: FnOnce() -> T, T> Call<F, T> {
    pub(crate) fn run(self) {
        // The first variable is dropped last.
        let Call {
            open: _open,
            slot,
            function,
        } = self;
        let shown = slot.shared.show();
        let result = catch_unwind(AssertUnwindSafe(function)).map_err(Panic::new);
        if shown {
            slot.shared.hide();
        }
        step(|| *slot.result.lock() = Some(result));
        // If there is no handle any more, the result goes here.
        drop(slot);
    }
}
