//! A counting semaphore.

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, Resource, ResourceKind, StateLock, WaitContext, WaitQueue, Waiter, Wake, Wakeups, block,
};

use crate::error::{TooMany, WaitError};

/// A number of permits: Python's `threading.Semaphore`, and with a bound its `threading.BoundedSemaphore`.
///
/// ```
/// use interlock_sync::Semaphore;
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
pub struct Semaphore {
    state: StateLock<State>,
}

struct State {
    permits: usize,
    bound: usize,
    retired: bool,
    waiters: WaitQueue,
}

impl Semaphore {
    /// A semaphore with `permits` permits, which may grow without bound.
    pub fn new(permits: usize) -> Self {
        Self::bounded(permits, usize::MAX)
    }

    /// A semaphore with `permits` permits, which never has more than `bound`.
    pub fn bounded(permits: usize, bound: usize) -> Self {
        Semaphore {
            state: StateLock::new(State {
                permits,
                bound,
                retired: false,
                waiters: WaitQueue::new(),
            }),
        }
    }

    /// Takes a permit if there is one; whether it did. Never blocks.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        let mut state = self.state.lock();
        let some = state.permits > 0;
        if some {
            state.permits -= 1;
        }
        some
    }

    /// Takes a permit. Blocks until there is one.
    pub fn acquire(&self) {
        // An endless wait without a host ends in success only.
        let _ = self.acquire_with(&mut WaitContext::endless());
    }

    /// Takes a permit. Blocks until there is one, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; no permit was taken.
    #[inline]
    pub fn acquire_with(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        if self.try_acquire() {
            Ok(())
        } else {
            self.acquire_slow(context)
        }
    }

    /// Takes a permit. Blocks until there is one, or until `deadline`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`]: the deadline passed; no permit was taken.
    pub fn acquire_until(&self, deadline: Deadline) -> Result<(), WaitError> {
        self.acquire_with(&mut WaitContext::until(deadline))
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
            let wake = block(&waiter, self.resource(), None, context);
            if let Some(result) = self.settle(wake, &mut waiter) {
                return result;
            }
        }
    }

    /// What a waiter does when it woke: it has a permit, or it gives up, or (`None`) it lines up again, at the head.
    fn settle(&self, wake: Wake, waiter: &mut Arc<Waiter>) -> Option<Result<(), WaitError>> {
        let mut state = self.state.lock();
        let notified = wake == Wake::Notified || !state.waiters.remove(waiter);
        if wake == Wake::Interrupted {
            // A permit that was announced to us is announced to the next in line.
            let owes = usize::from(notified && state.permits > 0);
            let wakeups = state.waiters.notify(owes);
            drop(state);
            wakeups.run();
            return Some(Err(WaitError::Interrupted));
        }
        if state.retired {
            return Some(Err(WaitError::Retired));
        }
        if notified && state.permits > 0 {
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

    /// Gives back one permit, and wakes the first in line for it. Never blocks.
    ///
    /// # Errors
    /// That would be more than the bound; nothing was given back.
    #[inline]
    pub fn release(&self) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        if state.permits >= state.bound {
            return Err(TooMany);
        }
        state.permits += 1;
        let wakeup = state.waiters.notify_one();
        drop(state);
        wakeup.run();
        Ok(())
    }

    /// Gives back `count` permits at once, and wakes as many in line. Never blocks.
    ///
    /// # Errors
    /// That would be more than the bound; nothing was given back.
    pub fn release_many(&self, count: usize) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        let bound = state.bound;
        let permits = state
            .permits
            .checked_add(count)
            .filter(|&permits| permits <= bound)
            .ok_or(TooMany)?;
        state.permits = permits;
        let wakeups = state.waiters.notify(count);
        drop(state);
        wakeups.run();
        Ok(())
    }

    /// Begins anew with `permits` permits and the bound `bound`; for a semaphore that nobody uses yet. Never blocks.
    pub fn begin_with(&self, permits: usize, bound: usize) {
        let mut state = self.state.lock();
        state.permits = permits;
        state.bound = bound;
    }

    /// Ends the semaphore: whoever waits, or comes later, is told so ([`WaitError::Retired`]); who waits, when the wake-ups
    /// run. The permits that are left come back, and none may be released any more. Never blocks.
    pub fn retire(&self) -> (usize, Wakeups) {
        let mut state = self.state.lock();
        state.retired = true;
        (std::mem::take(&mut state.permits), state.waiters.notify_all())
    }

    /// How many permits there are, at this moment. Never blocks.
    pub fn permits(&self) -> usize {
        self.state.lock().permits
    }

    /// How many permits there can be at most. Never blocks.
    pub fn bound(&self) -> usize {
        self.state.lock().bound
    }

    /// Forgets who waits: for the child of a fork, which has one thread. Permits that other threads hold stay taken.
    pub fn reset(&self) {
        let forgotten = std::mem::take(&mut self.state.lock().waiters);
        drop(forgotten);
    }

    fn resource(&self) -> Resource {
        Resource {
            kind: ResourceKind::Semaphore,
            address: self.state.address(),
        }
    }
}
