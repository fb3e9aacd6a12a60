//! The state that a scope and its tasks share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlock_wait::{
    Interest, Owned, Owners, Resource, ResourceId, ResourceKind, ThreadIdent, WaitQueue, Waiter, WordLock,
    WordLockGuard, fork, observes,
};

use crate::packet::Ends;
use crate::step::step;
use crate::task_error::Panic;

/// With how many tasks the list of a scope is searched for the first time.
const FEW: usize = 64;

/// The state that a scope and its tasks share.
pub(crate) struct Shared(WordLock<State>);

pub(crate) struct State {
    /// How many functions of this process have not been dropped.
    open: usize,
    /// The process in which they were counted. The child of a fork owns none of the parent's functions.
    generation: u32,
    /// The thread that waits until none is open or, if it is a worker, until there is a task to run.
    end: WaitQueue,
    /// The first panic whose result was not taken.
    pub(crate) panic: Option<Panic>,
    /// The tasks, if a worker is going to wait for them, except those that it has looked at.
    tasks: Vec<Arc<dyn Ends<()>>>,
    /// With how many tasks the list is searched for those that are done.
    next_look: usize,
    /// The threads that run tasks, as far as an observer was registered when they began.
    running: Vec<ThreadIdent>,
}

/// See [`Shared::next`].
pub(crate) enum Next {
    Run(Arc<dyn Ends<()>>),
    Wait,
    End,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Shared(WordLock::new(State {
            open: 0,
            generation: fork::generation(),
            end: WaitQueue::new(),
            panic: None,
            tasks: Vec::new(),
            next_look: FEW,
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

    /// Adds a task for the worker that waits for the end. That worker runs it, unless another one has begun with
    /// it. From time to time this forgets the tasks that are done: a scope may have any number of them.
    pub(crate) fn add(&self, task: Arc<dyn Ends<()>>) {
        // Dropped after the lock was released.
        let mut done = Vec::new();
        step(|| {
            let mut state = self.lock();
            if state.tasks.len() >= state.next_look {
                done = state.tasks.extract_if(.., |task| !task.is_pending()).collect();
                state.next_look = 2 * state.tasks.len().max(FEW);
            }
            state.tasks.push(task);
            if !state.end.is_empty() {
                let wakeups = state.end.notify_all();
                drop(state);
                wakeups.run();
            }
        });
    }

    /// Keeps a panic for the caller of the scope. If there is one already, returns `panic`.
    pub(crate) fn note(&self, panic: Panic) -> Option<Panic> {
        step(|| {
            let mut state = self.lock();
            match state.panic {
                None => state.panic.replace(panic),
                Some(_) => Some(panic),
            }
        })
    }

    /// Returns what the thread that waits for the end does next. If it has to wait, `waiter` is in line.
    pub(crate) fn next(&self, waiter: &Arc<Waiter>) -> Next {
        step(|| {
            let mut state = self.lock();
            match state.tasks.pop() {
                Some(task) => Next::Run(task),
                None if state.open == 0 => Next::End,
                None => {
                    state.end.push_back(waiter.clone());
                    Next::Wait
                }
            }
        })
    }

    /// Lets an observer know that the calling thread runs a task, if there is an observer. Returns whether it did.
    fn show(&self) -> bool {
        let shows = observes(Interest::Waits);
        if shows {
            step(|| self.lock().running.push(ThreadIdent::current()));
        }
        shows
    }

    /// Takes back what `show` did.
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
struct Open {
    shared: Arc<Shared>,
    generation: u32,
}

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
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

/// The place of a function and of its result.
pub(crate) struct Slot<F, T> {
    /// The thread that calls or drops it takes it out.
    function: WordLock<Option<F>>,
    result: WordLock<Option<Result<T, Panic>>>,
    shared: Arc<Shared>,
}

impl<F, T> Slot<F, T> {
    pub(crate) fn new(shared: &Arc<Shared>, function: F) -> Self {
        Slot {
            function: WordLock::new(Some(function)),
            result: WordLock::new(None),
            shared: shared.clone(),
        }
    }

    pub(crate) fn take_function(&self) -> Option<F> {
        step(|| self.function.lock().take())
    }
}

/// The interface of a slot for the handle of the task.
pub(crate) trait Results<T>: Send + Sync {
    fn take(&self) -> Option<Result<T, Panic>>;
}

impl<F: Send, T: Send> Results<T> for Slot<F, T> {
    fn take(&self) -> Option<Result<T, Panic>> {
        step(|| self.result.lock().take())
    }
}

impl<F, T> Drop for Slot<F, T> {
    fn drop(&mut self) {
        if let Some(Err(panic)) = step(|| self.result.lock().take()) {
            drop(self.shared.note(panic));
        }
    }
}

/// A call of a task. Its mark is dropped last.
pub(crate) struct Call<F, T> {
    slot: Arc<Slot<F, T>>,
    _open: Open,
}

impl<F, T> Call<F, T> {
    pub(crate) fn new(slot: &Arc<Slot<F, T>>) -> Self {
        Call {
            slot: slot.clone(),
            _open: Open::new(&slot.shared),
        }
    }
}

impl<F: FnOnce() -> T, T> Call<F, T> {
    pub(crate) fn run(self) {
        let Some(function) = self.slot.take_function() else {
            return;
        };
        let shared = &self.slot.shared;
        let shown = shared.show();
        let result = catch_unwind(AssertUnwindSafe(function)).map_err(Panic::new);
        if shown {
            shared.hide();
        }
        // If there is no handle any more, the result is dropped with this, before the mark.
        step(|| *self.slot.result.lock() = Some(result));
    }
}

impl<F, T> Drop for Call<F, T> {
    /// Drops the function if it was not called, because the handle owns the slot, too. The fields are dropped after
    /// that, even if something panics.
    fn drop(&mut self) {
        drop(self.slot.take_function());
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, Shared};
    use crate::ThreadPool;

    #[test]
    fn a_scope_forgets_tasks_that_are_done() {
        let (pool, shared) = (ThreadPool::new(1), Shared::new());
        for _ in 0..10_000 {
            let task = pool.submit(|| ()).unwrap_or_else(|error| panic!("{error}"));
            assert!(task.wait().is_ok());
            shared.add(task.ends());
        }
        assert!(shared.lock().tasks.len() <= 2 * FEW);
    }
}
