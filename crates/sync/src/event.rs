//! A flag that threads wait for.

use std::fmt;
use std::time::{Duration, Instant};

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, TimedOut, Turn,
    WaitContext, WaitQueue, Waiter, Wake, block,
};

use crate::error::WaitError;
use crate::host::{LetThrough, Reset};

/// A flag that threads wait for: Python's `threading.Event`.
///
/// Setting the event releases all threads that wait at that moment, even if it is cleared at once.
///
/// ```
/// use std::time::Duration;
///
/// use interlock::sync::Event;
///
/// let stop = Event::new();
/// std::thread::scope(|scope| {
///     let ticks = scope.spawn(|| {
///         let mut ticks = 0;
///         while stop.wait_timeout(Duration::from_millis(1)).is_err() {
///             ticks += 1;
///         }
///         ticks
///     });
///     stop.set();
///     assert!(ticks.join().is_ok());
/// });
/// ```
pub struct Event<R: RawLock = RawWordLock> {
    state: StateLock<State, R>,
}

struct State {
    set: bool,
    waiters: WaitQueue,
}

impl Event {
    /// Creates an event that is not set.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Event {
            state: StateLock::new(State::NEW),
        }
    }

    /// Creates an event that is not set.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self::new_in()
    }
}

impl State {
    const NEW: State = State {
        set: false,
        waiters: WaitQueue::new(),
    };
}

impl<R: RawLock> Event<R> {
    /// Like [`Event::new`], with a raw lock of the caller's choice.
    #[doc(hidden)]
    pub fn new_in() -> Self {
        Event {
            state: StateLock::new(State::NEW),
        }
    }

    /// Returns whether the event is set at this moment. Never blocks.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.state.lock().set
    }

    /// Sets the event and wakes all threads that wait for it. Never blocks.
    #[inline]
    pub fn set(&self) {
        let mut state = self.state.lock();
        state.set = true;
        if state.waiters.is_empty() {
            return;
        }
        let wakeups = state.waiters.notify_all();
        drop(state);
        wakeups.run();
    }

    /// Clears the event. Never blocks.
    #[inline]
    pub fn clear(&self) {
        self.state.lock().set = false;
    }

    /// Waits for the event. Blocks until it is set.
    pub fn wait(&self) {
        // An uninterruptible wait always succeeds.
        let _ = self.wait_with(&mut WaitContext::uninterruptible());
    }

    /// Waits for the event. Blocks until it is set, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait.
    #[doc(hidden)]
    #[inline]
    pub fn wait_with(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        if self.is_set() {
            Ok(())
        } else {
            self.wait_slow(context)
        }
    }

    /// Waits for the event. Blocks until it is set, for at most `timeout`.
    ///
    /// # Errors
    /// The wait timed out before the event was set.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.wait_within(|| Deadline::after(timeout))
    }

    /// Waits for the event. Blocks until it is set, until `deadline` at the latest.
    ///
    /// # Errors
    /// The wait timed out before the event was set.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.wait_within(|| Deadline::from(deadline))
    }

    fn wait_within(&self, deadline: impl FnOnce() -> Deadline) -> Result<(), TimedOut> {
        if self.is_set() {
            return Ok(());
        }
        let waited = self.wait_with(&mut WaitContext::until(deadline()));
        waited.map_err(|_| TimedOut)
    }

    /// Keeps a task in line, unless the event is set, or was set while the task was in line.
    pub(crate) fn wait_as_task(&self, turn: Turn<'_>) -> Option<()> {
        let mut state = self.state.lock();
        if state.set || turn.was_notified() {
            return Some(());
        }
        turn.line_up(&mut state.waiters);
        None
    }

    /// Takes a task out of the line.
    pub(crate) fn leave_as_task(&self, waiter: &Arc<Waiter>) {
        self.state.lock().waiters.remove(waiter);
    }

    #[cold]
    fn wait_slow(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        loop {
            let waiter = Waiter::thread();
            let mut state = self.state.lock();
            if state.set {
                return Ok(());
            }
            state.waiters.push_back(waiter.clone());
            drop(state);
            // `set` notifies all waiters, so a waiter that leaves has no notification to pass on.
            let leave = || self.state.lock().waiters.remove(&waiter);
            let wake = block(&waiter, self, context, || {
                leave();
            });
            let notified = wake == Wake::Notified || !leave();
            match wake {
                Wake::Interrupted => return Err(WaitError::Interrupted),
                // This is the child of a fork, whose queue is empty: line up again.
                Wake::Notified if !waiter.is_notified() => {}
                _ if notified => return Ok(()),
                _ => return Err(WaitError::TimedOut),
            }
        }
    }

    /// Returns how many threads wait at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiters.len()
    }
}

impl<R: RawLock> Default for Event<R> {
    fn default() -> Self {
        Self::new_in()
    }
}

impl<R: RawLock> Resource for Event<R> {
    fn id(&self) -> ResourceId {
        self.state.lock().waiters.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Event
    }
}

impl<R: RawLock> fmt::Debug for Event<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish()
    }
}

impl<R: RawLock> Reset for Event<R> {
    fn reset(&self) {
        let forgotten = self.state.lock().waiters.forget_waiters();
        drop(forgotten);
    }
}

impl<R: RawLock> LetThrough for Event<R> {
    fn let_one_through(&self) -> bool {
        let mut state = self.state.lock();
        let waited = !state.waiters.is_empty();
        let wakeup = state.waiters.notify_one();
        drop(state);
        wakeup.run();
        waited
    }
}
