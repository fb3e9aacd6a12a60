//! A counting semaphore.

use std::fmt;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, WaitContext, WaitQueue,
    Waiter, Wake, Wakeups, block,
};

use crate::error::{TooMany, WaitError};
use crate::guard::{Guard, Guarded, Release};
use crate::host::{Hosted, Reset};

/// A counter of permits: Python's `threading.Semaphore`, or with a bound `threading.BoundedSemaphore`.
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
    /// A semaphore with `permits` permits and no bound.
    pub fn new(permits: usize) -> Self {
        Self::new_in(permits)
    }

    /// A semaphore with `permits` permits that never has more than `bound`.
    ///
    /// # Panics
    /// `permits` is greater than `bound`.
    pub fn bounded(permits: usize, bound: usize) -> Self {
        assert!(
            permits <= bound,
            "a semaphore begins with more permits than its bound"
        );
        Self::bounded_in(permits, bound)
    }
}

impl<R: RawLock> Semaphore<R> {
    /// As [`Semaphore::new`], with a raw lock of the caller's choice.
    pub fn new_in(permits: usize) -> Self {
        Self::bounded_in(permits, usize::MAX)
    }

    /// As [`Semaphore::bounded`], with a raw lock of the caller's choice.
    pub fn bounded_in(permits: usize, bound: usize) -> Self {
        Semaphore {
            state: StateLock::new(State {
                permits,
                bound,
                retired: false,
                waiters: WaitQueue::new(),
            }),
        }
    }

    /// Takes a permit if there is one, and returns whether it did. Never blocks.
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
        // An uninterruptible wait always succeeds.
        let _ = self.acquire_with(&mut WaitContext::uninterruptible());
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
            let wake = block(&waiter, self, context, || {
                self.settle(Wake::Interrupted, &mut waiter.clone());
            });
            if let Some(result) = self.settle(wake, &mut waiter) {
                return result;
            }
        }
    }

    /// Decides what a waiter that woke does: it takes a permit, it gives up, or (`None`) it lines up again at the head.
    fn settle(&self, wake: Wake, waiter: &mut Arc<Waiter>) -> Option<Result<(), WaitError>> {
        let mut state = self.state.lock();
        let notified = wake == Wake::Notified || !state.waiters.remove(waiter);
        if wake == Wake::Interrupted {
            // If this waiter was notified of a permit, pass the notification to the next in line.
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
        let wakeup = state.waiters.notify_one();
        drop(state);
        wakeup.run();
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
        let wakeups = state.waiters.notify(count);
        drop(state);
        wakeups.run();
        Ok(())
    }

    /// How many permits there are at this moment. Never blocks.
    pub fn permits(&self) -> usize {
        self.state.lock().permits
    }

    /// The most permits that there can be. Never blocks.
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

impl<R: RawLock> Semaphore<R> {
    /// Takes a permit until the guard is dropped. Blocks until there is one.
    #[inline]
    pub fn guard(&self) -> Guard<'_, Self> {
        self.acquire();
        Guard::new(self)
    }

    /// Takes a permit until the guard is dropped, if there is one. Never blocks.
    #[inline]
    pub fn try_guard(&self) -> Option<Guard<'_, Self>> {
        self.try_acquire().then(|| Guard::new(self))
    }

    /// Takes a permit until the guard is dropped. Blocks until there is one, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; no permit was taken.
    #[inline]
    pub fn guard_with(&self, context: &mut WaitContext<'_>) -> Result<Guard<'_, Self>, WaitError> {
        self.acquire_with(context).map(|()| Guard::new(self))
    }
}

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

    /// The permits that are left come back. Each wait ends with [`WaitError::Retired`].
    fn retire(&self) -> (usize, Wakeups) {
        let mut state = self.state.lock();
        state.retired = true;
        (std::mem::take(&mut state.permits), state.waiters.notify_all())
    }
}
