//! Waits at a condition for a change of the value of a [`Mutex`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, Place, TaskLine, TimedOut, WaitContext, Waiter, Wake};

use crate::condition::Condition;
use crate::futures::Locking;
use crate::mutex::{Mutex, MutexGuard};

/// Waits for the value of a [`Mutex`]. A wait borrows its guard, and releases the mutex while it blocks.
impl Condition {
    fn wait_guarded<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, context: &mut WaitContext<'_>) -> Wake {
        // Only the guard can release the lock of a mutex, so it is held and this cannot fail.
        self.wait_with(&guard.mutex().lock, context)
            .unwrap_or(Wake::Notified)
    }

    /// Releases the mutex, waits for a notification, and takes the mutex back.
    ///
    /// Blocks until notified, and then until the mutex is free. By then the value may have changed again: see
    /// [`Condition::wait_while`]. Notifications are not stored: a notification that comes before the wait does not
    /// end it.
    ///
    /// # Panics
    /// Threads wait at this condition with another mutex.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_guarded(guard, &mut WaitContext::uninterruptible());
    }

    /// Like [`Condition::wait`], but waits for a notification for at most `timeout`. After that it waits until the
    /// mutex is free, however long that takes.
    ///
    /// # Errors
    /// The wait timed out without a notification. The guard holds the mutex in any case.
    ///
    /// # Panics
    /// Threads wait at this condition with another mutex.
    pub fn wait_timeout<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> Result<(), TimedOut> {
        self.wait_within(guard, Deadline::after(timeout))
    }

    /// Like [`Condition::wait`], but waits for a notification until `deadline` at the latest. After that it waits
    /// until the mutex is free, however long that takes.
    ///
    /// # Errors
    /// The wait timed out without a notification. The guard holds the mutex in any case.
    ///
    /// # Panics
    /// Threads wait at this condition with another mutex.
    pub fn wait_deadline<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> Result<(), TimedOut> {
        self.wait_within(guard, Deadline::from(deadline))
    }

    fn wait_within<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Deadline,
    ) -> Result<(), TimedOut> {
        match self.wait_guarded(guard, &mut WaitContext::until(deadline)) {
            Wake::Notified => Ok(()),
            _ => Err(TimedOut),
        }
    }

    /// Releases the mutex when it is first polled, waits for a notification, and takes the mutex back. Blocks no thread.
    ///
    /// If the future is dropped before it holds the mutex again, the mutex stays free, and a notification passes to
    /// the next waiter.
    ///
    /// # Panics
    /// Polling it panics if threads or tasks wait at this condition with another mutex.
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use interlock::sync::{Condition, Mutex};
    ///
    /// let (jobs, changed) = (Mutex::new(Vec::new()), Condition::new());
    /// let next_job = async {
    ///     let mut guard = jobs.lock_async().await;
    ///     loop {
    ///         match guard.pop() {
    ///             Some(job) => return job,
    ///             None => guard = changed.wait_async(guard).await,
    ///         }
    ///     }
    /// };
    /// let mut next_job = pin!(next_job);
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(next_job.as_mut().poll(&mut context).is_pending());
    /// jobs.lock().push(7);
    /// changed.notify_one();
    /// assert_eq!(next_job.as_mut().poll(&mut context), Poll::Ready(7));
    /// ```
    pub fn wait_async<'a, T: ?Sized>(&'a self, guard: MutexGuard<'a, T>) -> AwaitingChange<'a, T> {
        AwaitingChange {
            mutex: guard.mutex(),
            place: Place::new(Line {
                condition: self,
                is_enrolled: false,
            }),
            guard: Some(guard),
            locking: None,
        }
    }

    /// Waits while `busy` returns true for the value. Calls `busy` at once and after each notification, and returns
    /// when the result is false.
    ///
    /// Blocks until a notification. The mutex is released while it blocks, and held while `busy` runs.
    ///
    /// # Panics
    /// Threads wait at this condition with another mutex.
    ///
    /// ```
    /// use interlock::sync::{Condition, Mutex};
    ///
    /// static BALANCE: Mutex<i32> = Mutex::new(0);
    /// static CHANGED: Condition = Condition::new();
    ///
    /// let payer = std::thread::spawn(|| {
    ///     *BALANCE.lock() += 50;
    ///     CHANGED.notify_all();
    /// });
    /// let mut balance = BALANCE.lock();
    /// CHANGED.wait_while(&mut balance, |balance| *balance < 50);
    /// assert_eq!(*balance, 50);
    /// # drop(balance);
    /// # payer.join().unwrap();
    /// ```
    pub fn wait_while<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, busy: impl FnMut(&mut T) -> bool) {
        // A wait that nothing but a notification ends always succeeds.
        let _ = self.wait_while_within(guard, &mut WaitContext::uninterruptible(), busy);
    }

    /// Like [`Condition::wait_while`], but waits for at most `timeout`. Also calls `busy` when the time is over.
    ///
    /// # Errors
    /// The wait timed out, and `busy` was still true. The guard holds the mutex in any case.
    ///
    /// # Panics
    /// Threads wait at this condition with another mutex.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use interlock::sync::{Condition, Mutex};
    ///
    /// let (jobs, changed) = (Mutex::new(Vec::<u32>::new()), Condition::new());
    /// let mut guard = jobs.lock();
    /// let waited = changed.wait_while_timeout(&mut guard, Duration::from_millis(1), |jobs| jobs.is_empty());
    /// assert!(waited.is_err());
    /// guard.push(1);
    /// ```
    pub fn wait_while_timeout<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
        busy: impl FnMut(&mut T) -> bool,
    ) -> Result<(), TimedOut> {
        let deadline = Deadline::after(timeout);
        self.wait_while_within(guard, &mut WaitContext::until(deadline), busy)
    }

    /// Like [`Condition::wait_while`], but waits until `deadline` at the latest. Also calls `busy` when the time is
    /// over.
    ///
    /// # Errors
    /// The wait timed out, and `busy` was still true. The guard holds the mutex in any case.
    ///
    /// # Panics
    /// Threads wait at this condition with another mutex.
    pub fn wait_while_deadline<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
        busy: impl FnMut(&mut T) -> bool,
    ) -> Result<(), TimedOut> {
        self.wait_while_within(guard, &mut WaitContext::until(Deadline::from(deadline)), busy)
    }

    fn wait_while_within<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        context: &mut WaitContext<'_>,
        mut busy: impl FnMut(&mut T) -> bool,
    ) -> Result<(), TimedOut> {
        let mut wake = Wake::Notified;
        while busy(guard) {
            if wake != Wake::Notified {
                return Err(TimedOut);
            }
            wake = self.wait_guarded(guard, context);
        }
        Ok(())
    }
}

/// The line of a condition, for a task.
struct Line<'a> {
    condition: &'a Condition,
    is_enrolled: bool,
}

impl TaskLine for Line<'_> {
    fn leave(&mut self, waiter: &Arc<Waiter>) {
        if !self.condition.withdraw(waiter) {
            self.condition.notify_one();
        }
    }
}

/// The future of [`Condition::wait_async`]. Dropping it passes a notification on.
#[must_use = "a future does nothing unless it is awaited"]
pub struct AwaitingChange<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    place: Place<Line<'a>>,
    /// `Some` until the task is in line.
    guard: Option<MutexGuard<'a, T>>,
    /// `Some` from the notification on, until the task holds the mutex again.
    locking: Option<Locking<'a, T>>,
}

impl<'a, T: ?Sized> Future for AwaitingChange<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.locking.is_none() {
            let mutex = this.mutex;
            let notified = this.place.poll(context, |line, turn| {
                // The child of a fork tries again without a notification, and looks at the value: no other thread
                // would wake it.
                if line.is_enrolled {
                    return Some(());
                }
                if !turn.is_a_look() {
                    line.condition
                        .enrol_by(&mutex.lock, |waiters| turn.line_up(waiters));
                    line.is_enrolled = true;
                }
                None
            });
            // Not earlier: a notification that comes as soon as the mutex is free has to find the task in line.
            drop(this.guard.take());
            ready!(notified);
            this.locking = Some(mutex.lock_async());
        }
        match &mut this.locking {
            Some(locking) => {
                let guard = ready!(Pin::new(locking).poll(context));
                this.locking = None;
                Poll::Ready(guard)
            }
            None => Poll::Pending,
        }
    }
}

impl<T: ?Sized> Drop for AwaitingChange<'_, T> {
    fn drop(&mut self) {
        if self.locking.take().is_some() {
            self.place.line().condition.notify_one();
        }
    }
}

impl<T: ?Sized> fmt::Debug for AwaitingChange<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingChange").finish_non_exhaustive()
    }
}
