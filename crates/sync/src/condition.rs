//! A condition variable.

use std::fmt;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, WaitContext, WaitQueue, Waiter,
    Wake, block,
};

use crate::error::NotHeld;
use crate::fairness::{self, OwnerLock};
use crate::lock::Lock;
use crate::rlock::RLock;

mod sealed {
    use interlock_wait::{RawLock, ResourceKind};

    use crate::error::NotHeld;
    use crate::fairness::{Again, OwnerLock};

    pub trait Sealed {
        /// What excludes the users of the lock's state from each other.
        type Raw: RawLock;
        /// How many times the lock can be acquired again.
        type Again: Again;

        /// Whether the calling thread may release the lock.
        fn is_held(&self) -> bool;
        /// Releases the lock completely, and returns how many times it was held.
        fn surrender(&self) -> Result<usize, NotHeld>;
        /// Sets how many times the lock, just taken back, is held.
        fn restore(&self, count: usize);
        fn owned(&self) -> &OwnerLock<Self::Raw, Self::Again>;
        fn kind(&self) -> ResourceKind;
    }
}

/// A lock that a [`Condition`] can release and take back: [`Lock`] or [`RLock`].
pub trait Exclusive: sealed::Sealed {}

impl<R: RawLock> Exclusive for Lock<R> {}
impl<R: RawLock> Exclusive for RLock<R> {}

impl<R: RawLock> sealed::Sealed for Lock<R> {
    type Raw = R;
    type Again = ();

    fn is_held(&self) -> bool {
        self.is_locked()
    }

    fn surrender(&self) -> Result<usize, NotHeld> {
        self.release().map(|()| 1)
    }

    fn restore(&self, _count: usize) {}

    fn owned(&self) -> &OwnerLock<R, ()> {
        Lock::owned(self)
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Lock
    }
}

impl<R: RawLock> sealed::Sealed for RLock<R> {
    type Raw = R;
    type Again = usize;

    fn is_held(&self) -> bool {
        self.is_owned()
    }

    fn surrender(&self) -> Result<usize, NotHeld> {
        self.release_all().map(|saved| saved.count)
    }

    fn restore(&self, count: usize) {
        self.set_count(count);
    }

    fn owned(&self) -> &OwnerLock<R, usize> {
        RLock::owned(self)
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::RLock
    }
}

/// Lets threads wait until another thread signals a change: Python's `threading.Condition`, without its lock.
///
/// If a [`Mutex`](crate::Mutex) holds the value, use [`Condition::wait_while`], [`Condition::notify_one`] and their
/// siblings. With a plain lock, use [`Condition::wait_with`] and [`Condition::notify_with`].
///
/// Each call takes the lock as an argument; it must be the same lock in all calls. A notification moves the waiter into
/// the line for the lock, instead of waking it only to find the lock taken, so it costs one switch of threads, not two.
pub struct Condition<R: RawLock = RawWordLock> {
    waiters: StateLock<WaitQueue, R>,
}

impl Condition {
    /// A condition without waiters.
    pub fn new() -> Self {
        Self::new_in()
    }
}

impl<R: RawLock> Default for Condition<R> {
    fn default() -> Self {
        Self::new_in()
    }
}

impl<R: RawLock> Condition<R> {
    /// As [`Condition::new`], with a raw lock of the caller's choice.
    pub fn new_in() -> Self {
        Condition {
            waiters: StateLock::new(WaitQueue::new()),
        }
    }

    /// Releases `lock` completely, waits for a notification, takes the lock back as it was, and returns how the wait
    /// ended.
    ///
    /// Blocks until notified or until `context` ends the wait, and then until the lock is free. Nothing ends the second
    /// wait early, so the caller always has the lock afterwards.
    ///
    /// # Errors
    /// The caller does not hold the lock; nothing has changed.
    pub fn wait_with<L: Exclusive>(&self, lock: &L, context: &mut WaitContext<'_>) -> Result<Wake, NotHeld> {
        // Check before another thread can notify this one: a notification may hand the lock to it.
        if !lock.is_held() {
            return Err(NotHeld);
        }
        let waiter = self.enrol();
        let count = match lock.surrender() {
            Ok(count) => count,
            Err(error) => {
                self.take_back(lock, waiter);
                return Err(error);
            }
        };
        let wake = block(&waiter, self, context);
        // A waiter that is no longer here was notified: it is in the line for the lock, or has had its turn there.
        let notified = wake == Wake::Notified || !self.withdraw(&waiter);
        let mut insisting = context.insisting();
        // A wait that insists always succeeds.
        let _ = if notified {
            fairness::acquire_enrolled(lock.owned(), lock.kind(), waiter, &mut insisting)
        } else {
            fairness::acquire_slow(lock.owned(), lock.kind(), &mut insisting)
        };
        lock.restore(count);
        // The host may have asked to end the wait while this thread took the lock back.
        let wake = if context.is_stopped() {
            Wake::Interrupted
        } else {
            wake
        };
        match wake {
            Wake::Interrupted if notified => {
                // The caller will not act on the notification, so pass it to the next in line.
                self.notify_with(lock, 1);
                Ok(Wake::Interrupted)
            }
            _ if notified => Ok(Wake::Notified),
            wake => Ok(wake),
        }
    }

    /// Undoes the start of a wait: another thread released the lock after the caller checked it. A notifier may already
    /// have moved `waiter` into the lock's line. Then this waits for its turn there, and passes the notification to the
    /// next.
    fn take_back<L: Exclusive>(&self, lock: &L, waiter: Arc<Waiter>) {
        if self.withdraw(&waiter) {
            return;
        }
        let mut context = WaitContext::uninterruptible();
        // An uninterruptible wait always succeeds.
        let _ = fairness::acquire_enrolled(lock.owned(), lock.kind(), waiter, &mut context);
        lock.restore(1);
        self.notify_with(lock, 1);
        // This cannot fail: the calling thread has just taken the lock.
        let _ = lock.surrender();
    }

    /// Notifies the first `count` waiters. They take `lock`, which the caller holds, one after the other as it is
    /// released. Never blocks.
    pub fn notify_with<L: Exclusive>(&self, lock: &L, count: usize) {
        let mut waiters = self.waiters.lock();
        if waiters.is_empty() {
            return;
        }
        let wakeups = fairness::requeue(lock.owned(), count, &mut waiters);
        drop(waiters);
        wakeups.run();
    }

    /// Puts the calling thread in line for a notification.
    fn enrol(&self) -> Arc<Waiter> {
        let waiter = Waiter::thread();
        self.waiters.lock().push_back(waiter.clone());
        waiter
    }

    /// Takes `waiter` out of the line. Returns `false` if it was not there because it has been notified.
    fn withdraw(&self, waiter: &Arc<Waiter>) -> bool {
        self.waiters.lock().remove(waiter)
    }

    /// How many threads wait at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.waiters.lock().len()
    }

    /// Forgets the waiters: for the child of a fork, which has only one thread.
    pub fn reset(&self) {
        let forgotten = self.waiters.lock().forget_waiters();
        drop(forgotten);
    }
}

impl<R: RawLock> Resource for Condition<R> {
    fn id(&self) -> ResourceId {
        self.waiters.lock().id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Condition
    }
}

impl<R: RawLock> fmt::Debug for Condition<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("waiting", &self.waiting())
            .finish()
    }
}
