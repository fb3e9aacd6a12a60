//! The owner of a lock and the line for it: the common part of [`Lock`](crate::Lock) and [`RLock`](crate::RLock).
//!
//! A release frees the lock for any thread and wakes the first waiter in line to try. This lets the running thread take
//! the lock again without a switch of threads. To keep that thread from starving the others, a release hands the lock
//! to the first waiter if the last hand-over was at least [`BETWEEN_HANDOVERS`] ago: eventual fairness. Hand-overs are
//! not more frequent, because each makes the running thread wait when it wants the lock again, and costs a switch of
//! threads.

use std::time::Duration;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, Interest, RawLock, Resource, ResourceKind, StateLock, ThreadId, TraceEvent, WaitContext,
    WaitQueue, Waiter, Wake, Wakeup, Wakeups, block, next_sequence, observes, report,
};

use crate::error::{NotHeld, WaitError};

/// The lock is free.
const FREE: u64 = 0;
/// A flag beside the owner's identity, which is an aligned address and leaves this bit free. An observer wants to see
/// every acquisition, so the fast paths must not apply: they compare the word with `FREE` or with a bare identity.
const WATCHED: u64 = 1;

/// The least time between two hand-overs.
const BETWEEN_HANDOVERS: Duration = Duration::from_micros(500);

/// The state of a lock. State table of `owner` (beside it, `WATCHED` may be set):
///
/// | from | to | who | when |
/// |---|---|---|---|
/// | `FREE` | a thread | that thread | it acquires |
/// | a thread | `FREE` | any thread | it releases, and notifies the first in line, if any, to try |
/// | a thread | the first in line | any thread | it releases, `next_handover` has passed, and there are no `newcomers` |
#[derive(Debug)]
pub struct Ownership {
    owner: u64,
    /// How many times the owner has acquired the lock again and not yet released it.
    pub(crate) again: usize,
    waiters: WaitQueue,
    /// The earliest time of the next hand-over.
    next_handover: Deadline,
    /// How many of the next releases must not hand the lock over: one for each waiter that a condition moved into an
    /// empty line.
    newcomers: usize,
}

impl Ownership {
    #[cfg_attr(loom, allow(dead_code, reason = "loom's locks are not const"))]
    pub(crate) const fn new() -> Self {
        Ownership {
            owner: FREE,
            again: 0,
            waiters: WaitQueue::new(),
            #[cfg(not(loom))]
            next_handover: Deadline::PASSED,
            #[cfg(loom)]
            next_handover: Deadline::MODELLED,
            newcomers: 0,
        }
    }

    /// A free lock, watched if an observer is registered at this moment.
    pub(crate) fn watched_if_observed() -> Self {
        Ownership {
            owner: if observes(Interest::Acquisitions) {
                WATCHED
            } else {
                FREE
            },
            ..Self::new()
        }
    }

    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.owner & !WATCHED == FREE
    }

    #[inline]
    pub(crate) fn is_owned_by(&self, thread: ThreadId) -> bool {
        self.owner & !WATCHED == thread.ident()
    }

    pub(crate) fn owner(&self) -> Option<ThreadId> {
        (!self.is_free()).then(|| ThreadId::from_ident(self.owner & !WATCHED))
    }

    /// Takes the lock for `thread` if it is free and not watched. The fast path of every acquisition.
    #[inline]
    pub(crate) fn take_unwatched(&mut self, thread: ThreadId) -> bool {
        if self.owner == FREE {
            self.owner = thread.ident();
            return true;
        }
        false
    }

    fn take(&mut self, thread: ThreadId) -> bool {
        if self.is_free() {
            self.give(thread.ident());
            return true;
        }
        false
    }

    fn give(&mut self, ident: u64) {
        self.owner = ident | (self.owner & WATCHED);
        self.again = 0;
    }

    /// Notifies the first waiter in line, and frees the lock or, if a hand-over is due, hands it to that waiter.
    ///
    /// A thread that is running a signal handler is only notified: the handler may want the lock.
    fn pass_on(&mut self) -> Wakeup {
        let heir = self.waiters.front().cloned();
        let wakeup = self.waiters.notify_one();
        let may_inherit = self.newcomers == 0;
        self.newcomers = self.newcomers.saturating_sub(1);
        match heir.filter(|heir| may_inherit && self.next_handover.has_passed() && !heir.was_in_handler()) {
            Some(heir) => {
                self.next_handover = Deadline::after(BETWEEN_HANDOVERS);
                self.give(heir.thread_id().ident());
            }
            None => self.give(FREE),
        }
        wakeup
    }

    fn is_watched(&self) -> bool {
        self.owner & WATCHED != 0
    }

    /// Whether a release only has to mark the lock free. The fast path of every release.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.owner & WATCHED == 0 && self.waiters.is_empty()
    }

    #[inline]
    pub(crate) fn free_quietly(&mut self) {
        self.owner = FREE;
    }
}

/// The state of a lock under its word lock. The functions below are the slow paths.
pub(crate) type Owned<R> = StateLock<Ownership, R>;

pub(crate) fn resource<R: RawLock>(owned: &Owned<R>, kind: ResourceKind) -> Resource {
    Resource {
        kind,
        address: owned.address(),
    }
}

/// Takes the lock if it is free, watched or not. Never waits.
#[cold]
pub(crate) fn try_acquire_slow<R: RawLock>(owned: &Owned<R>, kind: ResourceKind) -> bool {
    let me = ThreadId::current();
    let mut state = owned.lock();
    let taken = state.take(me);
    let sequence = (taken && state.is_watched()).then(next_sequence);
    drop(state);
    report_acquired(me, resource(owned, kind), sequence);
    taken
}

/// Takes the lock. Waits for it until `context` ends the wait.
#[cold]
pub(crate) fn acquire_slow<R: RawLock>(
    owned: &Owned<R>,
    kind: ResourceKind,
    context: &mut WaitContext<'_>,
) -> Result<(), WaitError> {
    let me = ThreadId::current();
    let waiter = Waiter::thread();
    let mut state = owned.lock();
    let taken = state.take(me);
    if !taken {
        state.waiters.push_back(waiter.clone());
    }
    let sequence = (taken && state.is_watched()).then(next_sequence);
    drop(state);
    if !taken {
        return acquire_enrolled(owned, kind, waiter, context);
    }
    report_acquired(me, resource(owned, kind), sequence);
    Ok(())
}

fn report_acquired(thread: ThreadId, resource: Resource, sequence: Option<u64>) {
    if let Some(sequence) = sequence {
        report(TraceEvent::Acquired {
            thread,
            resource,
            sequence,
        });
    }
}

/// Takes the lock for the calling thread, whose `waiter` is in the line or was in it until it was notified.
pub(crate) fn acquire_enrolled<R: RawLock>(
    owned: &Owned<R>,
    kind: ResourceKind,
    mut waiter: Arc<Waiter>,
    context: &mut WaitContext<'_>,
) -> Result<(), WaitError> {
    let me = ThreadId::current();
    let resource = resource(owned, kind);
    loop {
        let holder = owned.lock().owner();
        let wake = block(&waiter, resource, holder, context);
        if let Some(result) = settle(owned, me, wake, &mut waiter) {
            return result.map(|sequence| report_acquired(me, resource, sequence));
        }
    }
}

/// Decides what a waiter that woke does: it has the lock, it gives up, or (`None`) it lines up again at the head.
fn settle<R: RawLock>(
    owned: &Owned<R>,
    me: ThreadId,
    wake: Wake,
    waiter: &mut Arc<Waiter>,
) -> Option<Result<Option<u64>, WaitError>> {
    let mut state = owned.lock();
    let notified = wake == Wake::Notified || !state.waiters.remove(waiter);
    match wake {
        Wake::Interrupted if notified => {
            // A notified waiter that leaves passes on the lock, if it was handed over, and the notification.
            let handed = state.is_owned_by(me);
            let wakeup = if handed || state.is_free() {
                state.pass_on()
            } else {
                Wakeup::NOBODY
            };
            drop(state);
            wakeup.run();
            Some(Err(WaitError::Interrupted))
        }
        Wake::Interrupted => Some(Err(WaitError::Interrupted)),
        Wake::TimedOut if !notified => Some(Err(WaitError::TimedOut)),
        // The lock was handed over, is free, or another thread took it first, whose release notifies the next in line.
        Wake::Notified | Wake::TimedOut if state.is_owned_by(me) || state.take(me) => {
            Some(Ok(observes(Interest::Acquisitions).then(next_sequence)))
        }
        Wake::TimedOut => Some(Err(WaitError::TimedOut)),
        Wake::Notified => {
            *waiter = Waiter::thread();
            state.waiters.push_front(waiter.clone());
            None
        }
    }
}

/// Releases the lock, whichever thread owns it.
#[cold]
pub(crate) fn release_slow<R: RawLock>(owned: &Owned<R>, kind: ResourceKind) -> Result<(), NotHeld> {
    let mut state = owned.lock();
    let Some(owner) = state.owner() else {
        return Err(NotHeld);
    };
    let watched = state.is_watched();
    // Before the lock is free: whoever acquires it has a greater number.
    let sequence = (watched || observes(Interest::Acquisitions)).then(next_sequence);
    let wakeup = state.pass_on();
    drop(state);
    if let Some(sequence) = sequence {
        report(TraceEvent::Released {
            thread: owner,
            resource: resource(owned, kind),
            sequence,
        });
    }
    wakeup.run();
    Ok(())
}

/// Moves the first `count` waiters of `from` into the line for the lock, where they sleep until it is released. If it
/// is free, which is against the rules, wakes the first in line to take it.
pub(crate) fn requeue<R: RawLock>(owned: &Owned<R>, count: usize, from: &mut WaitQueue) -> Wakeups {
    let mut state = owned.lock();
    let only_newcomers = state.waiters.len() <= state.newcomers;
    let mut wakeups = from.requeue(count, &mut state.waiters);
    if only_newcomers {
        state.newcomers = state.waiters.len();
    }
    if state.is_free() {
        wakeups.push(state.waiters.notify_one());
    }
    wakeups
}
