//! The result of a task: a value that is set once, and that any number of threads can wait for.
//!
//! `PROTOCOL.md` of this crate describes the phases, their steps and the claims about them.

use std::fmt;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Interest, Owned, Owners, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, ThreadId,
    ThreadIdent, WaitContext, WaitQueue, Waiter, Wake, Wakeups, block, observes,
};

use crate::listeners::{Listener, Listeners, Watch};

/// The phase of a task. The names are those of `concurrent.futures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No worker has begun with it.
    Pending,
    /// A worker is running it.
    Running,
    /// It was cancelled, and the worker that will take it does not know yet.
    Cancelled,
    /// It was cancelled, and its watches were notified. Final.
    CancelledAndNotified,
    /// It has a value. Final.
    Finished,
}

impl Phase {
    /// Returns whether there is nothing more to wait for.
    pub fn is_done(self) -> bool {
        !matches!(self, Phase::Pending | Phase::Running)
    }

    /// Returns whether it was cancelled.
    pub fn is_cancelled(self) -> bool {
        matches!(self, Phase::Cancelled | Phase::CancelledAndNotified)
    }

    /// Returns whether the watches have been notified.
    pub fn is_final(self) -> bool {
        matches!(self, Phase::CancelledAndNotified | Phase::Finished)
    }
}

struct State<T, C> {
    phase: Phase,
    retired: bool,
    /// Whether a caller tried to cancel the task while it was running.
    asked: bool,
    value: Option<T>,
    waiters: WaitQueue,
    listeners: Listeners<C>,
}

/// The rest of a step: the callbacks that are due. Waiters and watches have been notified.
#[must_use = "the callbacks were not called yet"]
pub struct Due<C>(Listeners<C>);

impl<C> Due<C> {
    /// Returns whether there is no callback, and no watch was notified.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the callbacks, in the order in which they came.
    pub fn callbacks(self) -> impl Iterator<Item = C> {
        self.0.into_iter().filter_map(|listener| match listener {
            Listener::Callback(callback) => Some(callback),
            Listener::Watch(..) => None,
        })
    }
}

/// The contents of an outcome that was retired.
pub struct Contents<T, C> {
    /// Its phase.
    pub phase: Phase,
    /// Its value, if it had one.
    pub value: Option<T>,
    listeners: Listeners<C>,
}

impl<T, C> Contents<T, C> {
    /// Passes each listener to the function for its kind, in the order in which they came.
    ///
    /// # Errors
    /// The first error of a function. The remaining listeners are dropped.
    pub fn hand_out<E>(
        self,
        mut callback: impl FnMut(C) -> Result<(), E>,
        mut watch: impl FnMut(Arc<Watch>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        self.listeners
            .into_iter()
            .try_for_each(|listener| match listener {
                Listener::Callback(it) => callback(it),
                Listener::Watch(it, number) => watch(it, number),
            })
    }
}

/// Why a step was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The phase does not allow it.
    Phase(Phase),
    /// The outcome is retired: its host makes the steps.
    Retired,
}

/// How a wait for the end of a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The outcome is done.
    Done,
    /// The deadline passed.
    TimedOut,
    /// The host of the thread ended the wait.
    Interrupted,
    /// The outcome is retired: the host knows how to wait for it.
    Retired,
}

/// The result of a task: its phase, its value of type `T`, its waiters, and its listeners. Callbacks are of type `C`.
pub struct Outcome<T, C, L: RawLock = RawWordLock> {
    state: StateLock<State<T, C>, L>,
}

impl<T, C, L: RawLock> fmt::Debug for Outcome<T, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

impl<T, C> fmt::Debug for Contents<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for Due<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Due").finish_non_exhaustive()
    }
}

impl<T, C, L: RawLock> Default for Outcome<T, C, L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, C, L: RawLock> Outcome<T, C, L> {
    /// Creates a pending outcome.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Outcome {
            state: StateLock::new(State::PENDING),
        }
    }

    /// Creates a pending outcome.
    #[cfg(loom)]
    pub fn new() -> Self {
        Outcome {
            state: StateLock::new(State::PENDING),
        }
    }

    /// Returns its phase at this moment. Never blocks.
    #[inline]
    pub fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    /// Begins with the task. Returns `true` if it should be run, and `false` if it was cancelled, and then notifies
    /// the watches.
    ///
    /// # Errors
    /// The task has begun or finished before, or the outcome is retired.
    #[inline]
    pub fn begin(&self) -> Result<bool, Refusal> {
        let mut state = self.state.lock();
        match (state.phase, state.retired) {
            (_, true) => Err(Refusal::Retired),
            (Phase::Pending, _) => {
                state.phase = Phase::Running;
                if observes(Interest::Waits) {
                    state.show_owner();
                }
                Ok(true)
            }
            (Phase::Cancelled, _) => {
                let due = state.enter(Phase::CancelledAndNotified);
                drop(state);
                drop(due.tell());
                Ok(false)
            }
            (phase, _) => Err(Refusal::Phase(phase)),
        }
    }

    /// Sets the value and wakes all waiters. Never blocks.
    ///
    /// # Errors
    /// The outcome is done or retired. The error returns the value.
    #[inline]
    pub fn finish(&self, value: T) -> Result<Due<C>, (Refusal, T)> {
        let mut state = self.state.lock();
        if state.retired || state.phase.is_done() {
            let refusal = if state.retired {
                Refusal::Retired
            } else {
                Refusal::Phase(state.phase)
            };
            drop(state);
            return Err((refusal, value));
        }
        state.value = Some(value);
        let due = state.enter(Phase::Finished);
        drop(state);
        Ok(due.tell())
    }

    /// Cancels the task and wakes all waiters. Returns `None` if it was cancelled before. Never blocks. A running
    /// task is only asked to stop: see [`Outcome::is_asked_to_stop`].
    ///
    /// # Errors
    /// The task is running or finished, or the outcome is retired.
    pub fn cancel(&self) -> Result<Option<Due<C>>, Refusal> {
        let mut state = self.state.lock();
        match (state.phase, state.retired) {
            (_, true) => Err(Refusal::Retired),
            (Phase::Pending, _) => {
                let due = state.enter(Phase::Cancelled);
                drop(state);
                Ok(Some(due.tell()))
            }
            (phase, _) if phase.is_cancelled() => Ok(None),
            (phase, _) => {
                state.asked = true;
                Err(Refusal::Phase(phase))
            }
        }
    }

    /// Asks a running task to stop, and does nothing else: for the host of a retired outcome.
    pub fn ask_to_stop(&self) {
        self.state.lock().asked = true;
    }

    /// Returns whether a caller tried to cancel the task while it was running.
    pub fn is_asked_to_stop(&self) -> bool {
        self.state.lock().asked
    }

    /// Passes the value to `look`, if there is one. This runs under the lock of the outcome, so `look` must only copy it.
    #[inline]
    pub fn value<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.state.lock().value.as_ref().map(look)
    }

    /// Registers a callback.
    ///
    /// # Errors
    /// The outcome is done ([`Refusal::Phase`]), so the callback is due now; or it is retired. The error returns
    /// the callback.
    #[inline]
    pub fn listen(&self, callback: C) -> Result<(), (Refusal, C)> {
        let mut state = self.state.lock();
        if state.retired {
            Err((Refusal::Retired, callback))
        } else if state.phase.is_done() {
            Err((Refusal::Phase(state.phase), callback))
        } else {
            state.listeners.push(Listener::Callback(callback));
            Ok(())
        }
    }

    /// Registers `watch`, which gets `number` at the end, or at once if the phase is final. A retired outcome does
    /// not notify it.
    #[inline]
    pub fn watch(&self, watch: &Arc<Watch>, number: usize) {
        let mut state = self.state.lock();
        if state.phase.is_final() {
            drop(state);
            tell(watch, number);
        } else {
            state.listeners.push(Listener::Watch(watch.clone(), number));
        }
    }

    /// Removes a watch.
    pub fn unwatch(&self, watch: &Arc<Watch>) {
        let is_watch = |listener: &Listener<C>| matches!(listener, Listener::Watch(other, _) if Arc::ptr_eq(other, watch));
        let taken = self.state.lock().listeners.take(is_watch);
        drop(taken);
    }

    /// Retires the outcome for good, and returns its contents: from now on its host makes the steps. The caller
    /// must run the wake-ups, which end the waits. Never blocks. Returns `None` if it was retired before.
    pub fn retire(&self) -> Option<(Contents<T, C>, Wakeups)> {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.retired, true) {
            return None;
        }
        let contents = Contents {
            phase: state.phase,
            value: state.value.take(),
            listeners: std::mem::take(&mut state.listeners),
        };
        Some((contents, state.waiters.notify_all()))
    }

    /// Returns whether nothing has happened to it yet. Never blocks.
    pub fn is_untouched(&self) -> bool {
        let state = self.state.lock();
        state.phase == Phase::Pending
            && !state.retired
            && state.listeners.is_empty()
            && state.waiters.is_empty()
    }

    /// Takes the value out, for an owner that gives it away. Never blocks.
    pub fn take_value(&self) -> Option<T> {
        self.state.lock().value.take()
    }

    /// Takes out the value and the listeners, for an owner that is being destroyed.
    pub fn clear(&self) -> (Option<T>, Due<C>) {
        let mut state = self.state.lock();
        let value = state.value.take();
        (value, Due(std::mem::take(&mut state.listeners)))
    }

    /// Visits the value and the callbacks in place, under the lock. `value` and `callback` must only read. Does nothing if
    /// another thread is using the outcome. Never blocks.
    pub fn try_visit(&self, value: impl FnOnce(&T), mut callback: impl FnMut(&C)) {
        if let Some(state) = self.state.try_lock() {
            state.value.as_ref().map(value);
            for listener in state.listeners.iter() {
                if let Listener::Callback(it) = listener {
                    callback(it);
                }
            }
        }
    }
}

impl<T: Send, C: Send, L: RawLock> Outcome<T, C, L> {
    /// Blocks until the outcome is done, or until `context` ends the wait.
    #[inline]
    pub fn wait_with(&self, context: &mut WaitContext<'_>) -> Waited {
        let state = self.state.lock();
        if state.phase.is_done() && !state.retired {
            return Waited::Done;
        }
        drop(state);
        self.wait_slowly(context)
    }

    #[cold]
    fn wait_slowly(&self, context: &mut WaitContext<'_>) -> Waited {
        loop {
            let waiter = Waiter::thread();
            let mut state = self.state.lock();
            if state.retired {
                return Waited::Retired;
            }
            if state.phase.is_done() {
                return Waited::Done;
            }
            state.waiters.push_back(waiter.clone());
            drop(state);
            // The end notifies all waiters, so a waiter that leaves has no notification to pass on.
            let leave = || self.state.lock().waiters.remove(&waiter);
            let wake = block(&waiter, self, context, || {
                leave();
            });
            if wake == Wake::Notified {
                continue;
            }
            let left = leave();
            return match wake {
                Wake::TimedOut if left => Waited::TimedOut,
                Wake::Interrupted if left => Waited::Interrupted,
                _ => continue,
            };
        }
    }
}

impl<T: Send, C: Send> Owned for State<T, C> {
    /// Returns the thread that began with the task, if an observer was registered then.
    fn owners(&self) -> Vec<ThreadIdent> {
        let runs = self.phase == Phase::Running && !self.retired;
        self.waiters.owner().filter(|_| runs).into_iter().collect()
    }
}

impl<T: Send, C: Send, L: RawLock> Resource for Outcome<T, C, L> {
    fn id(&self) -> ResourceId {
        self.state.lock().waiters.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Outcome
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.state)
    }
}

/// The rest of a step, to be done when the lock is released.
struct Told<C> {
    waiters: Wakeups,
    listeners: Listeners<C>,
}

impl<C> Told<C> {
    /// Wakes the waiters and notifies the watches. Returns the callbacks.
    #[inline]
    fn tell(self) -> Due<C> {
        self.waiters.run();
        for listener in self.listeners.iter() {
            if let Listener::Watch(watch, number) = listener {
                tell(watch, *number);
            }
        }
        Due(self.listeners)
    }
}

fn tell(watch: &Watch, number: usize) {
    // A watch that is not used any more may be shut down.
    let _ = watch.try_put(number);
}

impl<T, C> State<T, C> {
    const PENDING: Self = State {
        phase: Phase::Pending,
        retired: false,
        asked: false,
        value: None,
        waiters: WaitQueue::new(),
        listeners: Listeners::NONE,
    };

    /// Lets an observer know that the calling thread runs the task.
    #[cold]
    fn show_owner(&mut self) {
        self.waiters.set_owner(ThreadId::current().ident());
    }

    /// Enters a phase, and takes out the waiters and listeners that learn of it.
    #[inline]
    fn enter(&mut self, phase: Phase) -> Told<C> {
        self.phase = phase;
        let waiters = if phase.is_done() && !self.waiters.is_unused() {
            self.waiters.notify_all()
        } else {
            Wakeups::default()
        };
        let listeners = if self.listeners.is_empty() {
            Listeners::NONE
        } else {
            self.listeners.take(|listener| match listener {
                Listener::Callback(_) => phase.is_done(),
                Listener::Watch(..) => phase.is_final(),
            })
        };
        Told { waiters, listeners }
    }
}
