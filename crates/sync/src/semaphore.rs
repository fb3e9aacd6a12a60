//! A counting semaphore.

use std::fmt;
use std::time::{Duration, Instant};

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, TimedOut, Turn,
    WaitContext, WaitQueue, Waiter, Wake, Wakeups, block,
};

use crate::error::{TooMany, WaitError};
use crate::guard::{Guard, Guarded, Release, forms};
use crate::host::{Hosted, Reset};

/// A counter of permits: Python's `threading.Semaphore`, or with a bound `threading.BoundedSemaphore`.
///
/// ```
/// use interlock::sync::Semaphore;
///
/// let connections = Semaphore::new(2);
/// std::thread::scope(|scope| {
///     for _ in 0..8 {
///         scope.spawn(|| {
///             let _connection = connections.guard();
///             // At most two threads at a time are here.
///         });
///     }
/// });
/// assert_eq!(connections.permits(), 2);
/// ```
pub struct Semaphore<R: RawLock = RawWordLock> {
    state: StateLock<State, R>,
}

struct State {
    permits: usize,
    bound: usize,
    retired: bool,
    waiters: WaitQueue,
}

impl Semaphore {
    /// Creates a semaphore with `permits` permits and no bound.
    #[cfg(not(loom))]
    pub const fn new(permits: usize) -> Self {
        Self::bounded(permits, usize::MAX)
    }

    /// Creates a semaphore with `permits` permits that never has more than `bound`.
    ///
    /// # Panics
    /// `permits` is greater than `bound`.
    #[cfg(not(loom))]
    pub const fn bounded(permits: usize, bound: usize) -> Self {
        assert!(
            permits <= bound,
            "a semaphore begins with more permits than its bound"
        );
        Semaphore {
            state: StateLock::new(State::new(permits, bound)),
        }
    }

    /// Creates a semaphore with `permits` permits and no bound.
    #[cfg(loom)]
    pub fn new(permits: usize) -> Self {
        Self::bounded(permits, usize::MAX)
    }

    /// Creates a semaphore with `permits` permits that never has more than `bound`.
    #[cfg(loom)]
    pub fn bounded(permits: usize, bound: usize) -> Self {
        Semaphore {
            state: StateLock::new(State::new(permits, bound)),
        }
    }
}

impl State {
    const fn new(permits: usize, bound: usize) -> Self {
        State {
            permits,
            bound,
            retired: false,
            waiters: WaitQueue::new(),
        }
    }

    /// Notifies a waiter of each of `count` permits.
    fn call(&mut self, count: usize) -> Wakeups {
        let mut wakeups = Wakeups::NOBODY;
        for _ in 0..count.min(self.waiters.len()) {
            wakeups.append(self.waiters.notify_coming().0);
        }
        wakeups
    }
}

impl<R: RawLock> Semaphore<R> {
    /// Like [`Semaphore::new`], with a raw lock of the caller's choice.
    #[doc(hidden)]
    pub fn new_in(permits: usize) -> Self {
        Semaphore {
            state: StateLock::new(State::new(permits, usize::MAX)),
        }
    }

    /// Takes a permit if there is one. Never blocks.
    ///
    /// # Errors
    /// This would need a wait; nothing was acquired.
    #[inline]
    pub fn try_acquire(&self) -> Result<(), TimedOut> {
        let mut state = self.state.lock();
        if state.permits == 0 {
            return Err(TimedOut);
        }
        state.permits -= 1;
        Ok(())
    }

    /// Takes a permit. Blocks until there is one, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; no permit was taken.
    #[doc(hidden)]
    #[inline]
    pub fn acquire_with(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        self.try_acquire().or_else(|_| self.acquire_slow(context))
    }

    #[cold]
    fn acquire_slow(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        let mut waiter = Waiter::thread();
        let mut state = self.state.lock();
        if state.retired {
            return Err(WaitError::Retired);
        }
        if state.permits > 0 {
            state.permits -= 1;
            return Ok(());
        }
        state.waiters.push_back(waiter.clone());
        drop(state);
        loop {
            let wake = block(&waiter, self, context, || {
                self.settle(Wake::Interrupted, &mut waiter.clone());
            });
            if let Some(result) = self.settle(wake, &mut waiter) {
                return result;
            }
        }
    }

    /// Takes a permit for a task, or keeps the task in line. A task that was notified of a permit, and finds that
    /// another thread took it, waits at the head of the line.
    pub(crate) fn acquire_as_task(&self, turn: Turn<'_>) -> Option<()> {
        let mut state = self.state.lock();
        if state.permits == 0 {
            turn.line_up_again(&mut state.waiters);
            return None;
        }
        state.permits -= 1;
        Some(())
    }

    /// Takes a task out of the line. If it was notified of a permit, notifies the next in line.
    pub(crate) fn leave_as_task(&self, waiter: &Arc<Waiter>) {
        self.settle(Wake::Interrupted, &mut waiter.clone());
    }

    /// Decides what a waiter does that woke: it takes a permit, it gives up, or (`None`) it lines up again at the
    /// head.
    fn settle(&self, wake: Wake, waiter: &mut Arc<Waiter>) -> Option<Result<(), WaitError>> {
        let mut state = self.state.lock();
        let notified = wake == Wake::Notified || !state.waiters.remove(waiter);
        if wake == Wake::Interrupted {
            // If this waiter was notified of a permit, pass the notification to the next in line.
            let owes = usize::from(notified && state.permits > 0);
            let wakeups = state.call(owes);
            drop(state);
            wakeups.run();
            return Some(Err(WaitError::Interrupted));
        }
        if state.retired {
            return Some(Err(WaitError::Retired));
        }
        // Also at its deadline, if it was not notified: the permit may be there for a waiter that is slow to come.
        if state.permits > 0 {
            state.permits -= 1;
            return Some(Ok(()));
        }
        if wake == Wake::TimedOut {
            return Some(Err(WaitError::TimedOut));
        }
        *waiter = Waiter::thread();
        state.waiters.push_front(waiter.clone());
        None
    }

    /// Releases one permit and wakes the first waiter in line. Never blocks.
    ///
    /// # Errors
    /// The semaphore would exceed its bound; nothing was released.
    #[inline]
    pub fn release(&self) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        if state.permits >= state.bound {
            return Err(TooMany);
        }
        state.permits += 1;
        let (wakeups, _) = state.waiters.notify_coming();
        drop(state);
        wakeups.run();
        Ok(())
    }

    /// Releases `count` permits at once and wakes up to as many waiters. Never blocks.
    ///
    /// # Errors
    /// The semaphore would exceed its bound; nothing was released.
    pub fn release_many(&self, count: usize) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        let bound = state.bound;
        let permits = state
            .permits
            .checked_add(count)
            .filter(|&permits| permits <= bound)
            .ok_or(TooMany)?;
        state.permits = permits;
        let wakeups = state.call(count);
        drop(state);
        wakeups.run();
        Ok(())
    }

    /// Returns how many permits there are at this moment. Never blocks.
    pub fn permits(&self) -> usize {
        self.state.lock().permits
    }

    /// Returns the greatest number of permits that there can be. Never blocks.
    pub fn bound(&self) -> usize {
        self.state.lock().bound
    }
}

impl<R: RawLock> Resource for Semaphore<R> {
    fn id(&self) -> ResourceId {
        self.state.lock().waiters.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Semaphore
    }
}

impl<R: RawLock> fmt::Debug for Semaphore<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.permits())
            .finish_non_exhaustive()
    }
}

impl<R: RawLock> Guarded for Semaphore<R> {}

impl<R: RawLock> Release for Semaphore<R> {
    type Travels = ();

    fn give_back(&self) {
        // This fails if another call has released too many permits and the bound is reached.
        let _ = self.release();
    }
}

forms!(Semaphore, "Takes a permit", "there is one");

impl<R: RawLock> Reset for Semaphore<R> {
    fn reset(&self) {
        let forgotten = self.state.lock().waiters.forget_waiters();
        drop(forgotten);
    }
}

impl<R: RawLock> Hosted for Semaphore<R> {
    type Begin = (usize, usize);
    type Retired = (usize, Wakeups);

    /// The number of permits, and the bound.
    fn begin_with(&self, (permits, bound): (usize, usize)) {
        let mut state = self.state.lock();
        state.permits = permits;
        state.bound = bound;
    }

    /// Returns the permits that are left. Each wait ends with `WaitError::Retired`.
    fn retire(&self) -> (usize, Wakeups) {
        let mut state = self.state.lock();
        state.retired = true;
        (std::mem::take(&mut state.permits), state.waiters.notify_all())
    }
}
