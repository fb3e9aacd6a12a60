//! Tasks that borrow from the surroundings of the scope in which they are submitted.
//!
//! A scope does not end before every function that was submitted in it has been called or dropped, and its result,
//! too. Each function owns a mark, which is dropped after everything else that it owns, and the scope waits until
//! no mark is left.

#![expect(
    unsafe_code,
    reason = "a function that borrows is given to a pool whose tasks borrow nothing"
)]

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlock_wait::{Deadline, WaitContext, Waiter, block};

use crate::help::{Helped, NotHelped, help};
use crate::inner::Inner;
use crate::packet::Ends;
use crate::panics::Panics;
use crate::priority_buckets::DEFAULT_PRIORITY;
use crate::scope_state::{Call, Next, Shared, Slot};
use crate::scoped_task::ScopedTask;
use crate::step::step;
use crate::task_error::{Panic, SubmitError, TaskError};
use crate::thread_pool::ThreadPool;

/// A scope for tasks that borrow from its surroundings: see [`ThreadPool::scope`].
pub struct Scope<'scope, 'env: 'scope> {
    pool: &'env ThreadPool,
    shared: Arc<Shared>,
    /// Whether a worker of the pool waits for the end. Such a worker runs waiting tasks meanwhile.
    is_own: bool,
    /// Makes the lifetimes invariant: neither may shrink or grow.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env> Scope<'scope, 'env> {
    pub(crate) fn pool(&self) -> &ThreadPool {
        self.pool
    }

    /// Submits `function`, as [`ThreadPool::submit`] does. It may borrow everything that outlives the scope.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit`].
    pub fn submit<T, F>(&'scope self, function: F) -> Result<ScopedTask<'scope, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.submit_until(Deadline::NEVER, function)
    }

    /// Like [`Scope::submit`], but fails if there is no room. Never blocks.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::try_submit`].
    pub fn try_submit<T, F>(&'scope self, function: F) -> Result<ScopedTask<'scope, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.submit_until(Deadline::PASSED, function)
    }

    /// Like [`Scope::submit`], but blocks for `timeout` at most.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_timeout<T, F>(
        &'scope self,
        timeout: Duration,
        function: F,
    ) -> Result<ScopedTask<'scope, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.submit_until(Deadline::after(timeout), function)
    }

    /// Like [`Scope::submit`], but blocks until `deadline` at most.
    ///
    /// # Errors
    /// The same as for [`ThreadPool::submit_timeout`].
    pub fn submit_deadline<T, F>(
        &'scope self,
        deadline: Instant,
        function: F,
    ) -> Result<ScopedTask<'scope, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.submit_until(deadline.into(), function)
    }

    fn submit_until<T, F>(
        &'scope self,
        deadline: Deadline,
        function: F,
    ) -> Result<ScopedTask<'scope, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let slot = Arc::new(Slot::new(&self.shared, function));
        let call = Call::new(&slot);
        let call: Box<dyn FnOnce() + Send + 'scope> = Box::new(move || call.run());
        // SAFETY: the two types differ only in the lifetime of what the function borrows, at least 'scope. `run` does not
        // return to where that ends before `call` has been called or dropped: it waits until there is no `Open`, and that of
        // this call is dropped last.
        let call: Box<dyn FnOnce() + Send + 'static> = unsafe { std::mem::transmute(call) };
        let submitted = self.pool.at(DEFAULT_PRIORITY).submit_until(deadline, call);
        let task = submitted.map_err(|error| error.map(|call| given_back(&slot, call)))?;
        if self.is_own {
            self.shared.add(task.ends());
        }
        Ok(ScopedTask::new(task, slot))
    }

    /// Waits until all functions have been called or dropped, whatever panics meanwhile, and however often: an observer, or what
    /// a cancelled task owns.
    fn wait(&self, inner: &Arc<Inner>, panics: &mut Panics) {
        let mut context = WaitContext::uninterruptible();
        while panics.catch(|| self.wait_in(inner, &mut context)).is_none() {
            context = WaitContext::unwinding();
        }
    }

    /// The same, until something panics.
    fn wait_in(&self, inner: &Arc<Inner>, context: &mut WaitContext<'_>) {
        // In the child of a fork, this drops the waiting tasks of the parent, which runs them.
        inner.core();
        loop {
            let waiter = Waiter::thread();
            match self.shared.next(&waiter) {
                Next::Run(task) => self.run(&task, context),
                // If it unwinds, its waiter stays in line, where a notification has no effect.
                Next::Wait => drop(block(&waiter, &*self.shared, context, || ())),
                Next::End => return,
            }
        }
    }

    /// Runs a task on the worker that waits for the end, unless another one has begun with it.
    fn run(&self, task: &Arc<dyn Ends<()>>, context: &mut WaitContext<'_>) {
        match help(task.clone()) {
            Ok(Helped::Here) => {}
            // Waits for the stand-in, so that no more tasks run at once than if this worker ran them itself.
            Ok(Helped::Elsewhere) => drop(task.end().outcome.wait_with(context)),
            // No other thread is sure to run it: the other workers may wait for this one.
            Err(NotHelped) => {
                let why = format!("a task of a scope was not run: {}", TaskError::TooDeep);
                drop(self.shared.note(Panic::new(Box::new(why))));
                task.cancel();
            }
        }
    }
}

/// Returns the function of a call that a pool has refused.
fn given_back<F, T>(slot: &Slot<F, T>, call: Box<dyn FnOnce() + Send>) -> F {
    let function = slot.take_function();
    drop(call);
    match function {
        Some(function) => function,
        None => unreachable!("a call that was refused was not made"),
    }
}

impl ThreadPool {
    /// Runs `body`, which may submit tasks that borrow from its surroundings, and waits for these tasks. Blocks
    /// until all have ended.
    ///
    /// If a worker of the pool calls this, it runs tasks of the scope itself while it waits for their end, also
    /// tasks that other tasks of the scope submit meanwhile. It runs one at a time. If that task waits for another
    /// one in another way than by [`ScopedTask::result`], another worker has to run that one.
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
    /// The values that a task borrows must outlive the scope:
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
    /// `body` panics; or a task panics, and its handle was dropped (not leaked) without taking the result; or a
    /// task was not run, because scopes in tasks of scopes are nested deeper than the stacks of a worker and its
    /// stand-ins have room for (see [`Task::result`](crate::Task::result)). In all these cases, all tasks have
    /// ended by then.
    pub fn scope<'env, R>(&'env self, body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R) -> R {
        let inner = self.inner();
        let scope = Scope {
            pool: self,
            shared: Arc::new(Shared::new()),
            is_own: inner.is_own(),
            scope: PhantomData,
            env: PhantomData,
        };
        let mut panics = Panics::NONE;
        let result = panics.catch(|| body(&scope));
        // Nothing that panics is dropped before all tasks have ended.
        scope.wait(inner, &mut panics);
        if let Some(panic) = step(|| scope.shared.lock().panic.take()) {
            panics.add(panic.into_payload());
        }
        panics.returned(result)
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
