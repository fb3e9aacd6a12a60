//! Tasks that borrow what is around the scope in which they are submitted.
//!
//! A scope does not end before every function that was submitted in it has been called, or dropped, with its result: each has
//! a mark, which goes last of all that it owns, and the scope waits until there is none.

#![expect(
    unsafe_code,
    reason = "a function that borrows is given to a pool whose tasks borrow nothing"
)]

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use interlock_wait::{WaitContext, Waiter, block};

use crate::inner::Inner;
use crate::scope_state::{Call, Open, Shared, Slot};
use crate::step::step;
use crate::task::Task;
use crate::task_error::{SubmitError, TaskError};
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
        let slot = Arc::new(Slot::new(&self.shared));
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

    /// Waits until all functions have been called or dropped, whatever panics meanwhile: an observer, or what a cancelled task
    /// owns. Returns the first such panic.
    fn wait(&self, inner: &Arc<Inner>) -> Option<Box<dyn Any + Send>> {
        let mut first = None;
        let mut context = WaitContext::uninterruptible();
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.wait_in(inner, &mut context))) {
            first.get_or_insert(panic);
            context = WaitContext::unwinding();
        }
        first
    }

    /// The same, until something panics.
    fn wait_in(&self, inner: &Arc<Inner>, context: &mut WaitContext<'_>) {
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
            // If it unwinds, its waiter stays in line: it is notified in vain.
            block(&waiter, &*self.shared, context, || ());
        }
    }
}

impl ThreadPool {
    /// Runs `body`, which may submit tasks that borrow what is around it, and waits for these. Blocks until all have ended.
    ///
    /// ```
    /// let pool = interlock::pool::ThreadPool::new(4);
    /// let mut counts = [0; 3];
    /// let words = ["a b", "c", "d e f"];
    /// pool.scope(|scope| {
    ///     for (count, text) in counts.iter_mut().zip(&words) {
    ///         scope.submit(move || *count = text.split(' ').count()).unwrap();
    ///     }
    /// });
    /// assert_eq!(counts, [2, 1, 3]);
    /// ```
    ///
    /// What a task borrows must be there when the scope ends:
    ///
    /// ```compile_fail,E0597
    /// let pool = interlock::pool::ThreadPool::new(4);
    /// pool.scope(|scope| {
    ///     let inside = String::new();
    ///     scope.submit(|| inside.len()).unwrap();
    /// });
    /// ```
    ///
    /// A task cannot leave the scope:
    ///
    /// ```compile_fail,E0521
    /// let pool = interlock::pool::ThreadPool::new(4);
    /// let text = String::from("text");
    /// let mut kept = None;
    /// pool.scope(|scope| kept = Some(scope.submit(|| text.len()).unwrap()));
    /// drop(text);
    /// ```
    ///
    /// # Panics
    /// `body` panics, or a task does whose result was not taken. Either way all tasks have ended by then.
    pub fn scope<'env, R>(&'env self, body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R) -> R {
        let inner = self.inner();
        let scope = Scope {
            pool: self,
            shared: Arc::new(Shared::new()),
            is_own: inner.is_own(),
            scope: PhantomData,
            env: PhantomData,
        };
        let result = catch_unwind(AssertUnwindSafe(|| body(&scope)));
        let meanwhile = scope.wait(inner);
        let panic = step(|| scope.shared.lock().panic.take());
        match (result, meanwhile, panic) {
            (Err(payload), _, _) | (Ok(_), Some(payload), _) => resume_unwind(payload),
            (Ok(_), None, Some(panic)) => panic.resume(),
            (Ok(result), None, None) => result,
        }
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
