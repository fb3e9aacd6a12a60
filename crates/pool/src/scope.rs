//! Tasks that borrow what is around the scope in which they are submitted.
//!
//! A scope does not end before every function that was submitted in it has been called, or dropped, with its result: each has
//! a mark, which goes last of all that it owns, and the scope waits until there is none.

#![expect(
    unsafe_code,
    reason = "a function that borrows is given to a pool whose tasks borrow nothing"
)]

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use interlock_wait::{
    Resource, ResourceId, ResourceKind, WaitContext, WaitQueue, Waiter, WordLock, WordLockGuard, block, fork,
};

use crate::inner::Inner;
use crate::packet::Ends;
use crate::step::step;
use crate::task::Task;
use crate::task_error::{Panic, SubmitError, TaskError};
use crate::thread_pool::ThreadPool;

/// A scope, in which tasks can be submitted that borrow what is around it: see [`ThreadPool::scope`].
pub struct Scope<'scope, 'env: 'scope> {
    pool: &'env ThreadPool,
    shared: Arc<Shared>,
    /// Whether a worker of the pool waits for the end, which then runs what waits.
    is_own: bool,
    /// Neither lifetime may shrink or grow.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// What a scope and its tasks share.
struct Shared(WordLock<State>);

struct State {
    /// How many functions of this process have not been dropped.
    open: usize,
    /// The process in which they were counted. The child of a fork has none of those that its parent runs.
    generation: u32,
    /// The thread that waits until there is none.
    end: WaitQueue,
    /// The first panic whose result was not taken.
    panic: Option<Panic>,
    /// The tasks, if a worker waits for them.
    tasks: Vec<Arc<dyn Ends<()>>>,
}

impl Shared {
    fn lock(&self) -> WordLockGuard<'_, State> {
        let mut state = self.0.lock();
        if state.generation != fork::generation() {
            state.generation = fork::generation();
            state.open = 0;
        }
        state
    }
}

impl Resource for Shared {
    fn id(&self) -> ResourceId {
        self.lock().end.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Count
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

/// The place of a result.
struct Slot<T> {
    result: WordLock<Option<Result<T, Panic>>>,
    shared: Arc<Shared>,
}

impl<T> Slot<T> {
    fn take(&self) -> Option<Result<T, Panic>> {
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
struct Call<F, T> {
    function: F,
    slot: Arc<Slot<T>>,
    open: Open,
}

impl<F: FnOnce() -> T, T> Call<F, T> {
    fn run(self) {
        // The first variable is dropped last.
        let Call {
            open: _open,
            slot,
            function,
        } = self;
        let result = catch_unwind(AssertUnwindSafe(function)).map_err(Panic::new);
        step(|| *slot.result.lock() = Some(result));
        // If there is no handle any more, the result goes here.
        drop(slot);
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Submits `function`, as [`ThreadPool::submit`] does. It may borrow all that outlives the scope.
    ///
    /// # Errors
    /// Those of [`ThreadPool::submit`], without the function.
    pub fn submit<T, F>(&'scope self, function: F) -> Result<ScopedTask<'scope, T>, SubmitError<()>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let slot = Arc::new(Slot {
            result: WordLock::new(None),
            shared: self.shared.clone(),
        });
        let call = Call {
            function,
            slot: slot.clone(),
            open: Open::new(&self.shared),
        };
        let call: Box<dyn FnOnce() + Send + 'scope> = Box::new(move || call.run());
        // SAFETY: the two types differ only in the lifetime of what the function borrows, at least 'scope. `run` does not
        // return to where that ends before `call` has been called or dropped: it waits until there is no `Open`, and that of
        // this call is dropped last.
        let call: Box<dyn FnOnce() + Send + 'static> = unsafe { std::mem::transmute(call) };
        let task = self.pool.submit(call).map_err(|error| error.map(drop))?;
        if self.is_own {
            let ends = task.ends();
            step(|| self.shared.lock().tasks.push(ends));
        }
        Ok(ScopedTask {
            task,
            slot,
            scope: PhantomData,
        })
    }

    /// Waits until all functions have been called or dropped.
    fn wait(&self, inner: &Arc<Inner>) {
        // In the child of a fork, what waits of its parent's is dropped now. What runs, runs in the parent.
        inner.core();
        while let Some(task) = step(|| self.shared.lock().tasks.pop()) {
            if task.help().is_err() {
                task.cancel();
            }
        }
        loop {
            let waiter = Waiter::thread();
            let waits = step(|| {
                let mut state = self.shared.lock();
                let waits = state.open > 0;
                if waits {
                    state.end.push_back(waiter.clone());
                }
                waits
            });
            if !waits {
                return;
            }
            // It never gives up, so there is nothing to take back.
            block(&waiter, &*self.shared, &mut WaitContext::uninterruptible());
        }
    }
}

/// See [`ThreadPool::scope`].
pub(crate) fn run<'env, R>(
    pool: &'env ThreadPool,
    inner: &Arc<Inner>,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    let scope = Scope {
        pool,
        shared: Arc::new(Shared(WordLock::new(State {
            open: 0,
            generation: fork::generation(),
            end: WaitQueue::new(),
            panic: None,
            tasks: Vec::new(),
        }))),
        is_own: inner.is_own(),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = catch_unwind(AssertUnwindSafe(|| body(&scope)));
    scope.wait(inner);
    let panic = scope.shared.lock().panic.take();
    match (result, panic) {
        (Err(payload), _) => resume_unwind(payload),
        (Ok(_), Some(panic)) => panic.resume(),
        (Ok(result), None) => result,
    }
}

/// A task of a [`Scope`]: the handle for its result.
///
/// ```
/// let pool = interlock::pool::ThreadPool::new(2);
/// let text = String::from("a b c");
/// let count = pool.scope(|scope| {
///     let count = scope.submit(|| text.split(' ').count()).unwrap();
///     count.result().unwrap()
/// });
/// assert_eq!(count, 3);
/// ```
pub struct ScopedTask<'scope, T> {
    task: Task<()>,
    slot: Arc<Slot<T>>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<T> ScopedTask<'_, T> {
    /// Waits for the result. Blocks as [`Task::result`] does.
    ///
    /// # Errors
    /// Those of [`Task::result`].
    pub fn result(self) -> Result<T, TaskError> {
        self.task.result()?;
        match self.slot.take() {
            Some(result) => result.map_err(TaskError::Panicked),
            None => Err(TaskError::Cancelled),
        }
    }

    /// Whether there is a result at this moment, or there will never be one. Never blocks.
    pub fn is_done(&self) -> bool {
        self.task.is_done()
    }

    /// Cancels the task if no worker has begun with it: see [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        self.task.cancel()
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedTask<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedTask")
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}
