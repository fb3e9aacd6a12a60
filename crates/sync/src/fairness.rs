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
    Deadline, Interest, Owned, Owners, RawLock, Resource, ResourceId, ResourceKind, StateLock, ThreadId,
    ThreadIdent, TraceEvent, WaitContext, WaitQueue, Waiter, Wake, Wakeup, Wakeups, block, next_sequence,
    observes, report,
};

use crate::error::{NotHeld, WaitError};

/// The lock is free.
const FREE: u64 = 0;
/// A flag beside the owner's identity, which is an aligned address and leaves this bit free. An observer wants to see
/// every acquisition, so the fast paths must not apply: they compare the word with `FREE` or with a bare identity.
const WATCHED: u64 = 1;

/// The least time between two hand-overs.
const BETWEEN_HANDOVERS: Duration = Duration::from_micros(500);

/// How many times a lock can be acquired again: a number, or `()` for a lock that can't be.
pub trait Again: Default + Send {}

impl Again for () {}

impl Again for usize {}

/// The state of a lock. State table of `owner` (beside it, `WATCHED` may be set):
///
/// | from | to | by | when |
/// |---|---|---|---|
/// | `FREE` | a thread | that thread | it acquires |
/// | a thread | `FREE` | any thread | it releases, and notifies the first in line, if any, to try |
/// | a thread | the first in line | any thread | it releases, `next_handover` has passed, and there are no `newcomers` |
#[derive(Debug)]
pub struct Ownership<A> {
    owner: u64,
    /// How many times the owner has acquired the lock again and not yet released it; nothing for a lock that can't be.
    pub(crate) again: A,
    /// What a lock needs once it was contended. Most locks never are, and programs have many of them.
    line: Option<Box<Line>>,
}

/// The threads that wait for a lock, and what decides whether a release hands it over to one of them.
#[derive(Debug)]
struct Line {
    waiters: WaitQueue,
    /// The earliest time of the next hand-over.
    next_handover: Deadline,
    /// How many of the next releases must not hand the lock over: one for each waiter that a condition moved into an
    /// empty line.
    newcomers: usize,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            waiters: WaitQueue::new(),
            #[cfg(not(loom))]
            next_handover: Deadline::PASSED,
            #[cfg(loom)]
            next_handover: Deadline::MODELLED,
            newcomers: 0,
        }
    }
}

/// What a free lock has for an owner: a flag if an observer wants to hear of acquisitions at this moment.
fn free() -> u64 {
    if observes(Interest::Acquisitions) {
        WATCHED
    } else {
        FREE
    }
}

impl<A: Default> Ownership<A> {
    /// A free lock, watched if an observer is registered at this moment.
    pub(crate) fn watched_if_observed() -> Self {
        Ownership {
            owner: free(),
            again: A::default(),
            line: None,
        }
    }

    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.owner & !WATCHED == FREE
    }

    #[inline]
    pub(crate) fn is_owned_by(&self, thread: ThreadIdent) -> bool {
        self.owner & !WATCHED == thread.get()
    }

    pub(crate) fn owner(&self) -> Option<ThreadIdent> {
        (!self.is_free()).then(|| ThreadIdent::new(self.owner & !WATCHED))
    }

    /// Takes the lock for `thread` if it is free and not watched. The fast path of every acquisition.
    #[inline]
    pub(crate) fn take_unwatched(&mut self, thread: ThreadIdent) -> bool {
        if self.owner == FREE {
            self.owner = thread.get();
            return true;
        }
        false
    }

    fn take(&mut self, thread: ThreadIdent) -> bool {
        if self.is_free() {
            self.give(thread.get());
            return true;
        }
        false
    }

    fn give(&mut self, ident: u64) {
        self.owner = ident | (self.owner & WATCHED);
        self.again = A::default();
    }

    /// Notifies the first waiter in line, and frees the lock or, if a hand-over is due, hands it to that waiter.
    ///
    /// A thread that is running a signal handler is only notified: the handler may want the lock.
    fn pass_on(&mut self) -> Wakeup {
        let line = self.line.get_or_insert_default();
        let heir = line.waiters.front().cloned();
        let wakeup = line.waiters.notify_one();
        let may_inherit = line.newcomers == 0;
        line.newcomers = line.newcomers.saturating_sub(1);
        match heir.filter(|heir| may_inherit && line.next_handover.has_passed() && !heir.was_in_handler()) {
            Some(heir) => {
                line.next_handover = Deadline::after(BETWEEN_HANDOVERS);
                self.give(heir.thread_ident().get());
            }
            None => self.give(FREE),
        }
        wakeup
    }

    fn waiters(&mut self) -> &mut WaitQueue {
        &mut self.line.get_or_insert_default().waiters
    }

    pub(crate) fn id(&mut self) -> ResourceId {
        self.waiters().id()
    }

    #[cold]
    fn numbers(&mut self) -> Numbers {
        Numbers {
            resource: self.id(),
            sequence: next_sequence(),
        }
    }

    /// Frees the lock, and takes out its waiters, which the caller drops under no lock.
    pub(crate) fn reset(&mut self) -> WaitQueue {
        let before = self.line.take().map(|line| line.waiters);
        *self = Self::watched_if_observed();
        let Some(mut waiters) = before else {
            return WaitQueue::new();
        };
        let forgotten = waiters.forget_waiters();
        *self.waiters() = waiters;
        forgotten
    }

    fn is_watched(&self) -> bool {
        self.owner & WATCHED != 0
    }

    /// Whether a release only has to mark the lock free. The fast path of every release.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.owner & WATCHED == 0 && self.line.as_ref().is_none_or(|line| line.waiters.is_empty())
    }

    #[inline]
    pub(crate) fn free_quietly(&mut self) {
        self.owner = FREE;
    }
}

/// The state of a lock under its word lock. The functions below are the slow paths.
pub(crate) type OwnerLock<R, A> = StateLock<Ownership<A>, R>;

impl<A: Again> Owned for Ownership<A> {
    fn owners(&self) -> Vec<ThreadIdent> {
        self.owner().into_iter().collect()
    }
}

/// A lock as an observer sees it.
struct Contended<'a, R: RawLock, A> {
    owned: &'a OwnerLock<R, A>,
    kind: ResourceKind,
}

impl<R: RawLock, A: Again> Resource for Contended<'_, R, A> {
    fn id(&self) -> ResourceId {
        self.owned.lock().id()
    }

    fn kind(&self) -> ResourceKind {
        self.kind
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(self.owned)
    }
}

/// The numbers of an acquisition or a release, for an observer.
#[derive(Clone, Copy)]
struct Numbers {
    resource: ResourceId,
    sequence: u64,
}

/// Takes the lock if it is free, watched or not. Never waits.
#[cold]
pub(crate) fn try_acquire_slow<R: RawLock, A: Again>(owned: &OwnerLock<R, A>, kind: ResourceKind) -> bool {
    let me = ThreadIdent::current();
    let mut state = owned.lock();
    let taken = state.take(me);
    let numbers = (taken && state.is_watched()).then(|| state.numbers());
    drop(state);
    report_acquired(kind, numbers);
    taken
}

/// Takes the lock. Waits for it until `context` ends the wait.
#[cold]
pub(crate) fn acquire_slow<R: RawLock, A: Again>(
    owned: &OwnerLock<R, A>,
    kind: ResourceKind,
    context: &mut WaitContext<'_>,
) -> Result<(), WaitError> {
    let me = ThreadIdent::current();
    let waiter = Waiter::thread();
    let mut state = owned.lock();
    let taken = state.take(me);
    if !taken {
        state.waiters().push_back(waiter.clone());
    }
    let numbers = (taken && state.is_watched()).then(|| state.numbers());
    drop(state);
    if !taken {
        return acquire_enrolled(owned, kind, waiter, context);
    }
    report_acquired(kind, numbers);
    Ok(())
}

fn report_acquired(kind: ResourceKind, numbers: Option<Numbers>) {
    if let Some(Numbers { resource, sequence }) = numbers {
        report(TraceEvent::Acquired {
            thread: ThreadId::current(),
            resource,
            kind,
            sequence,
        });
    }
}

/// Takes the lock for the calling thread, whose `waiter` is in the line or was in it until it was notified.
pub(crate) fn acquire_enrolled<R: RawLock, A: Again>(
    owned: &OwnerLock<R, A>,
    kind: ResourceKind,
    mut waiter: Arc<Waiter>,
    context: &mut WaitContext<'_>,
) -> Result<(), WaitError> {
    let me = ThreadIdent::current();
    loop {
        let wake = block(&waiter, &Contended { owned, kind }, context);
        if let Some(result) = settle(owned, me, wake, &mut waiter) {
            return result.map(|numbers| report_acquired(kind, numbers));
        }
    }
}

/// Decides what a waiter that woke does: it has the lock, it gives up, or (`None`) it lines up again at the head.
fn settle<R: RawLock, A: Again>(
    owned: &OwnerLock<R, A>,
    me: ThreadIdent,
    wake: Wake,
    waiter: &mut Arc<Waiter>,
) -> Option<Result<Option<Numbers>, WaitError>> {
    let mut state = owned.lock();
    let notified = wake == Wake::Notified || !state.waiters().remove(waiter);
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
            Some(Ok(observes(Interest::Acquisitions).then(|| state.numbers())))
        }
        Wake::TimedOut => Some(Err(WaitError::TimedOut)),
        Wake::Notified => {
            *waiter = Waiter::thread();
            state.waiters().push_front(waiter.clone());
            None
        }
    }
}

/// Releases the lock, whichever thread owns it.
#[cold]
pub(crate) fn release_slow<R: RawLock, A: Again>(
    owned: &OwnerLock<R, A>,
    kind: ResourceKind,
) -> Result<(), NotHeld> {
    let mut state = owned.lock();
    let Some(owner) = state.owner() else {
        return Err(NotHeld);
    };
    let watched = state.is_watched();
    // Before the lock is free: so the next acquisition has a greater number.
    let numbers = (watched || observes(Interest::Acquisitions)).then(|| state.numbers());
    let wakeup = state.pass_on();
    drop(state);
    if let Some(Numbers { resource, sequence }) = numbers {
        report(TraceEvent::Released {
            thread: ThreadId::of_ident(owner),
            resource,
            kind,
            sequence,
        });
    }
    wakeup.run();
    Ok(())
}

/// Moves the first `count` waiters of `from` into the line for the lock, where they sleep until it is released. If it
/// is free, which is against the rules, wakes the first in line to take it.
pub(crate) fn requeue<R: RawLock, A: Again>(
    owned: &OwnerLock<R, A>,
    count: usize,
    from: &mut WaitQueue,
) -> Wakeups {
    let mut state = owned.lock();
    let is_free = state.is_free();
    let line = state.line.get_or_insert_default();
    let only_newcomers = line.waiters.len() <= line.newcomers;
    let mut wakeups = from.requeue(count, &mut line.waiters);
    if only_newcomers {
        line.newcomers = line.waiters.len();
    }
    if is_free {
        wakeups.push(line.waiters.notify_one());
    }
    wakeups
}
