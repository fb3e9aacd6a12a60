//! What becomes of a task: a value, given once, that any number of threads may wait for.
//!
//! The phases, their steps and the claims about them are in `PROTOCOL.md` beside this crate.

use std::fmt;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Interest, Owned, Owners, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, ThreadId,
    ThreadIdent, WaitContext, WaitQueue, Waiter, Wake, Wakeups, block, observes,
};

use crate::listeners::{Listener, Listeners, Watch};

/// How far a task has come. The names are those of `concurrent.futures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has begun with it.
    Pending,
    /// A worker is at it.
    Running,
    /// It was cancelled; the worker that is to run it does not know yet.
    Cancelled,
    /// It was cancelled, and whoever watches was told. Final.
    CancelledAndNotified,
    /// It has a value. Final.
    Finished,
}

impl Phase {
    /// Whether there is nothing more to wait for.
    pub fn is_done(self) -> bool {
        !matches!(self, Phase::Pending | Phase::Running)
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(self) -> bool {
        matches!(self, Phase::Cancelled | Phase::CancelledAndNotified)
    }

    /// Whether whoever watches has been told.
    pub fn is_final(self) -> bool {
        matches!(self, Phase::CancelledAndNotified | Phase::Finished)
    }
}

struct State<T, C> {
    phase: Phase,
    retired: bool,
    /// Whether somebody wanted to cancel the task while it was running.
    asked: bool,
    value: Option<T>,
    waiters: WaitQueue,
    listeners: Listeners<C>,
}

/// What a step left to do: the callbacks that are due. Whoever waits or watches has been told.
#[must_use = "the callbacks were not called yet"]
pub struct Due<C>(Listeners<C>);

impl<C> Due<C> {
    /// The callbacks, in the order in which they came.
    pub fn callbacks(self) -> impl Iterator<Item = C> {
        self.0.into_iter().filter_map(|listener| match listener {
            Listener::Callback(callback) => Some(callback),
            Listener::Watch(..) => None,
        })
    }
}

/// What was in an outcome that was retired.
pub struct Contents<T, C> {
    /// How far it was.
    pub phase: Phase,
    /// Its value, if it had one.
    pub value: Option<T>,
    listeners: Listeners<C>,
}

impl<T, C> Contents<T, C> {
    /// Gives those who were to be told of the end to their functions, each kind in the order in which they came.
    ///
    /// # Errors
    /// The first that a function returns; the others are not given any more.
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

/// Why a step was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The phase does not allow it.
    Phase(Phase),
    /// The outcome is retired: its host takes the steps.
    Retired,
}

/// How a wait for the end came to its own end.
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

/// What becomes of a task: its phase, its value of type `T`, and who waits for it; callbacks are of type `C`.
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
    /// A pending outcome.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Outcome {
            state: StateLock::new(State::PENDING),
        }
    }

    /// A pending outcome.
    #[cfg(loom)]
    pub fn new() -> Self {
        Outcome {
            state: StateLock::new(State::PENDING),
        }
    }

    /// How far it is, at this moment. Never blocks.
    #[inline]
    pub fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    /// Begins with the task: `true` when it is to be run, `false` when it was cancelled, which those who watch are told now.
    ///
    /// # Errors
    /// It was begun or finished before, or is retired.
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

    /// Gives it its value, and wakes all who wait. Never blocks.
    ///
    /// # Errors
    /// It is done already, or retired; the value comes back.
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

    /// Cancels it, and wakes all who wait; `None` when that has happened before. Never blocks. A task that is running is
    /// only asked: see [`Outcome::is_asked_to_stop`].
    ///
    /// # Errors
    /// It is running, or finished, or retired.
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

    /// Asks a task that is running to stop, without another step: for the host of a retired outcome.
    pub fn ask_to_stop(&self) {
        self.state.lock().asked = true;
    }

    /// Whether somebody wanted to cancel the task when it was already running.
    pub fn is_asked_to_stop(&self) -> bool {
        self.state.lock().asked
    }

    /// Looks at the value, if there is one, under the lock of the outcome: `look` must do no more than copy it.
    #[inline]
    pub fn value<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.state.lock().value.as_ref().map(look)
    }

    /// Leaves a callback.
    ///
    /// # Errors
    /// The outcome is done ([`Refusal::Phase`]), so that the callback is due now; or it is retired. The callback comes back.
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

    /// Has `watch` hear of the end, by `number`: later, or at once if the phase is final. Not of an outcome that is retired.
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

    /// Takes a watch back.
    pub fn unwatch(&self, watch: &Arc<Watch>) {
        let is_it = |listener: &Listener<C>| matches!(listener, Listener::Watch(other, _) if Arc::ptr_eq(other, watch));
        let taken = self.state.lock().listeners.take(is_it);
        drop(taken);
    }

    /// Retires it, for good: from now on its host takes the steps. All that was in it comes out, and who waited is told when
    /// the wake-ups run, which is the caller's duty. Never blocks. `None` when that has happened before.
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

    /// Whether nothing has happened to it. Never blocks.
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

    /// Takes out all that refers to something else, for an owner that goes away.
    pub fn clear(&self) -> (Option<T>, Due<C>) {
        let mut state = self.state.lock();
        let value = state.value.take();
        (value, Due(std::mem::take(&mut state.listeners)))
    }

    /// Visits the value and the callbacks where they lie, under the lock: `value` and `callback` must only look. Nothing
    /// happens when another thread is at work on the outcome. Never blocks.
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
    /// Waits until it is done. Blocks until then, or until `context` ends the wait.
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
            let wake = block(&waiter, self, context);
            if wake == Wake::Notified {
                continue;
            }
            // Everybody is notified at the end: who leaves owes nothing to the others.
            let left = self.state.lock().waiters.remove(&waiter);
            return match wake {
                Wake::TimedOut if left => Waited::TimedOut,
                Wake::Interrupted if left => Waited::Interrupted,
                _ => continue,
            };
        }
    }
}

impl<T: Send, C: Send> Owned for State<T, C> {
    /// The thread that began with the task, if an observer was registered then.
    fn owners(&self) -> Vec<ThreadIdent> {
        let runs = self.phase == Phase::Running;
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

/// What is left to do after a step, outside of the lock.
struct Told<C> {
    waiters: Wakeups,
    listeners: Listeners<C>,
}

impl<C> Told<C> {
    /// Tells those who wait and watch; the callbacks are left.
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
    // A watch that nobody looks at any more may be shut down.
    let _ = watch.try_put(number);
}

impl<T, C> State<T, C> {
    const PENDING: Self = State {
        phase: Phase::Pending,
        retired: false,
        asked: false,
        value: None,
        waiters: WaitQueue::new(),
        listeners: Listeners::NOBODY,
    };

    /// Lets an observer know that the calling thread runs the task.
    #[cold]
    fn show_owner(&mut self) {
        self.waiters.set_owner(ThreadId::current().ident());
    }

    /// Enters a phase, and takes out who is to be told of it.
    #[inline]
    fn enter(&mut self, phase: Phase) -> Told<C> {
        self.phase = phase;
        let waiters = if phase.is_done() && !self.waiters.is_unused() {
            self.waiters.notify_all()
        } else {
            Wakeups::default()
        };
        let listeners = if self.listeners.is_empty() {
            Listeners::NOBODY
        } else {
            self.listeners.take(|listener| match listener {
                Listener::Callback(_) => phase.is_done(),
                Listener::Watch(..) => phase.is_final(),
            })
        };
        Told { waiters, listeners }
    }
}
