//! A condition variable.

use interlock_wait::primitive::Arc;
use interlock_wait::{Resource, ResourceKind, StateLock, WaitContext, WaitQueue, Waiter, Wake, block};

use crate::error::NotHeld;
use crate::lock::Lock;
use crate::ownership::{self, Owned};
use crate::rlock::RLock;

mod sealed {
    use interlock_wait::ResourceKind;

    use crate::error::NotHeld;
    use crate::ownership::Owned;

    pub trait Sealed {
        /// Whether the calling thread may release the lock.
        fn is_held(&self) -> bool;
        /// Releases the lock altogether; how often it was held.
        fn surrender(&self) -> Result<usize, NotHeld>;
        /// Says how often the lock, taken back, is held.
        fn restore(&self, count: usize);
        fn owned(&self) -> &Owned;
        fn kind(&self) -> ResourceKind;
    }
}

/// A lock that a [`Condition`] can give up and take back: [`Lock`] and [`RLock`].
pub trait Exclusive: sealed::Sealed {}

impl Exclusive for Lock {}
impl Exclusive for RLock {}

impl sealed::Sealed for Lock {
    fn is_held(&self) -> bool {
        self.is_locked()
    }

    fn surrender(&self) -> Result<usize, NotHeld> {
        self.release().map(|()| 1)
    }

    fn restore(&self, _count: usize) {}

    fn owned(&self) -> &Owned {
        Lock::owned(self)
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Lock
    }
}

impl sealed::Sealed for RLock {
    fn is_held(&self) -> bool {
        self.is_owned()
    }

    fn surrender(&self) -> Result<usize, NotHeld> {
        self.release_all().map(|saved| saved.count)
    }

    fn restore(&self, count: usize) {
        self.set_count(count);
    }

    fn owned(&self) -> &Owned {
        RLock::owned(self)
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::RLock
    }
}

/// Lets threads wait until another says that something changed: Python's `threading.Condition`, without its lock.
///
/// With the value in a [`Mutex`](crate::Mutex): [`Condition::wait_while`], [`Condition::notify_one`] and others. With a
/// plain lock: [`Condition::wait_with`] and [`Condition::notify_with`].
///
/// The lock is named in each call, and must be the same in all. A notified thread is moved into the line for the lock
/// instead of being woken just to find it taken, so a notification costs one switch of threads, not two.
#[derive(Default)]
pub struct Condition {
    waiters: StateLock<WaitQueue>,
}

impl Condition {
    /// A condition on which nobody waits.
    pub fn new() -> Self {
        Condition {
            waiters: StateLock::new(WaitQueue::new()),
        }
    }

    /// Releases `lock` altogether, waits for a notification, and takes the lock back as it was.
    ///
    /// Blocks until notified or until `context` ends the wait, and then until the lock is free; the second wait can't be ended
    /// early, so that the caller has the lock in any case. How the first wait ended is returned.
    ///
    /// # Errors
    /// The caller does not have the lock; nothing happened.
    pub fn wait_with<L: Exclusive>(&self, lock: &L, context: &mut WaitContext<'_>) -> Result<Wake, NotHeld> {
        // Before anybody can notify this thread, which may hand the lock to it.
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
        let wake = block(&waiter, self.resource(), None, context);
        // If it does not stand here any more, it was notified: and stands in the line for the lock, or had its turn there.
        let notified = wake == Wake::Notified || !self.withdraw(&waiter);
        let mut insisting = context.insisting();
        // A wait that insists ends in success only.
        let _ = if notified {
            ownership::acquire_enrolled(lock.owned(), lock.kind(), waiter, &mut insisting)
        } else {
            ownership::acquire_slow(lock.owned(), lock.kind(), &mut insisting)
        };
        lock.restore(count);
        // The host may have asked for the end while the lock was taken back.
        let wake = if context.is_stopped() {
            Wake::Interrupted
        } else {
            wake
        };
        match wake {
            Wake::Interrupted if notified => {
                // The caller will not act on the notification: it goes to the next in line.
                self.notify_with(lock, 1);
                Ok(Wake::Interrupted)
            }
            _ if notified => Ok(Wake::Notified),
            wake => Ok(wake),
        }
    }

    /// Ends a wait that should not have begun: another thread released the lock in the meantime. Who had it then may have
    /// moved `waiter` into its line; then it is its turn there that ends the wait, and the notification goes to the next.
    fn take_back<L: Exclusive>(&self, lock: &L, waiter: Arc<Waiter>) {
        if self.withdraw(&waiter) {
            return;
        }
        let mut context = WaitContext::endless();
        // A wait that insists ends in success only.
        let _ = ownership::acquire_enrolled(lock.owned(), lock.kind(), waiter, &mut context);
        lock.restore(1);
        self.notify_with(lock, 1);
        // The calling thread has just taken it.
        let _ = lock.surrender();
    }

    /// Notifies the first `count` waiting threads; they take `lock`, which the caller has, one after the other when it is
    /// released. Never blocks.
    pub fn notify_with<L: Exclusive>(&self, lock: &L, count: usize) {
        let mut waiters = self.waiters.lock();
        if waiters.is_empty() {
            return;
        }
        let wakeups = ownership::requeue(lock.owned(), count, &mut waiters);
        drop(waiters);
        wakeups.run();
    }

    /// Puts the calling thread in line for a notification.
    fn enrol(&self) -> Arc<Waiter> {
        let waiter = Waiter::thread();
        self.waiters.lock().push_back(waiter.clone());
        waiter
    }

    /// Takes `waiter` out of the line. `false` when it is not there: it was notified.
    fn withdraw(&self, waiter: &Arc<Waiter>) -> bool {
        self.waiters.lock().remove(waiter)
    }

    /// How many threads wait, at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.waiters.lock().len()
    }

    /// Forgets who waits: for the child of a fork, which has one thread.
    pub fn reset(&self) {
        let forgotten = std::mem::take(&mut *self.waiters.lock());
        drop(forgotten);
    }

    fn resource(&self) -> Resource {
        Resource {
            kind: ResourceKind::Condition,
            address: self.waiters.address(),
        }
    }
}
