//! A condition variable.

use std::fmt;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    OnUnwind, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, WaitContext, WaitQueue,
    Waiter, Wake, block,
};

use crate::error::NotHeld;
use crate::hand_over::OwnerLock;
use crate::host::{NotifiesWith, Reset, Restore};
use crate::lock::Lock;
use crate::rlock::RLock;

mod sealed {
    use interlock_wait::{RawLock, ResourceKind};

    use crate::error::NotHeld;
    use crate::hand_over::OwnerLock;

    pub trait Sealed {
        /// The raw lock that guards the lock's state.
        type Raw: RawLock;

        /// Returns whether the calling thread may release the lock.
        fn is_held(&self) -> bool;
        /// Releases the lock completely, and returns how many times it was held.
        fn surrender(&self) -> Result<usize, NotHeld>;
        /// Sets how many times the lock, which was just taken back, is held.
        fn restore(&self, count: usize);
        fn owned(&self) -> &OwnerLock<Self::Raw>;
        fn kind(&self) -> ResourceKind;
    }
}

/// A lock that a [`Condition`] can release and take back: [`Lock`] or [`RLock`].
pub trait Exclusive: sealed::Sealed {}

impl<R: RawLock> Exclusive for Lock<R> {}
impl<R: RawLock> Exclusive for RLock<R> {}

impl<R: RawLock> sealed::Sealed for Lock<R> {
    type Raw = R;

    fn is_held(&self) -> bool {
        self.is_locked()
    }

    fn surrender(&self) -> Result<usize, NotHeld> {
        self.release().map(|()| 1)
    }

    fn restore(&self, _count: usize) {}

    fn owned(&self) -> &OwnerLock<R> {
        Lock::owned(self)
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Lock
    }
}

impl<R: RawLock> sealed::Sealed for RLock<R> {
    type Raw = R;

    fn is_held(&self) -> bool {
        self.is_owned()
    }

    fn surrender(&self) -> Result<usize, NotHeld> {
        self.release_all().map(|saved| saved.count)
    }

    fn restore(&self, count: usize) {
        self.set_count(count);
    }

    fn owned(&self) -> &OwnerLock<R> {
        RLock::owned(self)
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::RLock
    }
}

/// Lets threads wait until another thread signals a change: Python's `threading.Condition`, without its lock.
///
/// A [`Mutex`](crate::Mutex) holds the value. Each wait takes a guard as an argument. As long as threads wait, all
/// guards must be of the same mutex; otherwise the call panics.
pub struct Condition<R: RawLock = RawWordLock> {
    state: StateLock<State, R>,
}

struct State {
    waiters: WaitQueue,
    /// The address of the lock that the waiters have released.
    lock: usize,
}

impl State {
    const NEW: State = State {
        waiters: WaitQueue::new(),
        lock: 0,
    };

    /// Returns whether all waiters have released `lock`, and no other lock.
    fn is_of<L>(&self, lock: &L) -> bool {
        self.lock == address(lock) || self.waiters.is_empty()
    }
}

fn address<L>(lock: &L) -> usize {
    std::ptr::from_ref(lock).addr()
}

#[cold]
#[expect(
    clippy::panic,
    reason = "a mistake of the program that would leave a thread waiting for ever"
)]
fn two_locks() -> ! {
    panic!("a Condition is used with two locks at the same time");
}

impl Condition {
    /// Creates a condition without waiters.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Condition {
            state: StateLock::new(State::NEW),
        }
    }

    /// Creates a condition without waiters.
    #[cfg(loom)]
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
    /// Like [`Condition::new`], with a raw lock of the caller's choice.
    #[doc(hidden)]
    pub fn new_in() -> Self {
        Condition {
            state: StateLock::new(State::NEW),
        }
    }

    /// Releases `lock` completely, waits for a notification, and takes the lock back as many times as it was held.
    /// Returns how the wait ended.
    ///
    /// Blocks until notified or until `context` ends the wait, and then until the lock is free. Nothing ends the second
    /// wait early, so the caller always has the lock afterwards.
    ///
    /// # Errors
    /// The caller does not hold the lock; nothing has changed.
    ///
    /// # Panics
    /// Other threads wait here with another lock. If the host panics, the caller holds the lock when the panic
    /// leaves this call, however long it takes to get it.
    #[doc(hidden)]
    pub fn wait_with<L: Exclusive>(&self, lock: &L, context: &mut WaitContext<'_>) -> Result<Wake, NotHeld> {
        // Check before another thread can notify this one: a notification may hand the lock to it.
        if !lock.is_held() {
            return Err(NotHeld);
        }
        let waiter = self.enrol(lock);
        let count = match lock.surrender() {
            Ok(count) => count,
            Err(error) => {
                self.undo(lock, waiter);
                return Err(error);
            }
        };
        let wake = block(&waiter, self, context, || self.recover(lock, &waiter, count));
        // A waiter that is no longer here was notified: it is in the line for the lock, or has had its turn there.
        let notified = wake == Wake::Notified || !self.withdraw(&waiter);
        self.take_back(lock, notified.then_some(waiter), count, &mut context.insisting());
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

    /// Takes the lock back, as many times as the thread had acquired it. Nothing ends this wait: `context` insists. A
    /// waiter that was notified stands in the lock's line already, and keeps its place.
    fn take_back<L: Exclusive>(
        &self,
        lock: &L,
        notified: Option<Arc<Waiter>>,
        count: usize,
        context: &mut WaitContext<'_>,
    ) {
        let was_notified = notified.is_some();
        let unwinds = OnUnwind::new(|| {
            let _ = lock
                .owned()
                .acquire_slow(lock.kind(), &mut WaitContext::unwinding());
            lock.restore(count);
            self.notify_with(lock, usize::from(was_notified));
        });
        // A wait that insists always succeeds.
        let _ = match notified {
            Some(waiter) => lock.owned().acquire_enrolled(lock.kind(), waiter, context),
            None => lock.owned().acquire_slow(lock.kind(), context),
        };
        unwinds.defuse();
        lock.restore(count);
    }

    /// Ends a wait in which the host has panicked. Takes the lock back, because the caller's guards expect that it
    /// is held.
    fn recover<L: Exclusive>(&self, lock: &L, waiter: &Arc<Waiter>, count: usize) {
        let notified = !self.withdraw(waiter);
        self.take_back(
            lock,
            notified.then(|| waiter.clone()),
            count,
            &mut WaitContext::unwinding(),
        );
        self.notify_with(lock, usize::from(notified));
    }

    /// Undoes the start of a wait, because another thread released the lock after the caller had checked it. A
    /// notifier may already have moved `waiter` into the lock's line. If so, waits for its turn there, and passes
    /// the notification to the next waiter.
    fn undo<L: Exclusive>(&self, lock: &L, waiter: Arc<Waiter>) {
        if self.withdraw(&waiter) {
            return;
        }
        self.take_back(lock, Some(waiter), 1, &mut WaitContext::uninterruptible());
        self.notify_with(lock, 1);
        // This cannot fail: the calling thread has just taken the lock.
        let _ = lock.surrender();
    }

    /// Notifies the first waiting thread. It continues when it holds the lock again. Never blocks.
    ///
    /// The caller need not hold the lock. If it does, the notified thread may wake up just to find the lock taken.
    pub fn notify_one(&self) {
        let wakeup = self.state.lock().waiters.notify_one();
        wakeup.run();
    }

    /// Notifies all waiting threads. They continue one after the other, as the lock becomes free. Never blocks.
    ///
    /// The caller need not hold the lock.
    pub fn notify_all(&self) {
        let wakeups = self.state.lock().waiters.notify_all();
        wakeups.run();
    }

    /// Puts the calling thread in line for a notification.
    fn enrol<L: Exclusive>(&self, lock: &L) -> Arc<Waiter> {
        let waiter = Waiter::thread();
        self.enrol_by(lock, |line| line.push_back(waiter.clone()));
        waiter
    }

    /// Lets a waiter that holds `lock` line up.
    pub(crate) fn enrol_by<L: Exclusive>(&self, lock: &L, line_up: impl FnOnce(&mut WaitQueue)) {
        let mut state = self.state.lock();
        if !state.is_of(lock) {
            drop(state);
            two_locks();
        }
        state.lock = address(lock);
        line_up(&mut state.waiters);
    }

    /// Takes `waiter` out of the line. Returns `false` if it is not there any more, because it was notified.
    pub(crate) fn withdraw(&self, waiter: &Arc<Waiter>) -> bool {
        self.state.lock().waiters.remove(waiter)
    }

    /// Returns how many threads wait at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiters.len()
    }
}

impl<R: RawLock, L: Exclusive> NotifiesWith<L> for Condition<R> {
    fn notify_with(&self, lock: &L, count: usize) {
        let mut state = self.state.lock();
        if count == 0 || state.waiters.is_empty() {
            return;
        }
        if !state.is_of(lock) {
            drop(state);
            two_locks();
        }
        let wakeups = lock.owned().requeue(count, &mut state.waiters);
        drop(state);
        wakeups.run();
    }
}

impl<R: RawLock> Resource for Condition<R> {
    fn id(&self) -> ResourceId {
        self.state.lock().waiters.id()
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

impl<R: RawLock> Reset for Condition<R> {
    fn reset(&self) {
        let forgotten = self.state.lock().waiters.forget_waiters();
        drop(forgotten);
    }
}
