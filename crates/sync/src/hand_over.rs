//! The owner of a lock and the line for it: the common part of [`Lock`](crate::Lock) and [`RLock`](crate::RLock).
//!
//! A release frees the lock for any thread and wakes the first waiter in line to try. So the running thread can
//! take the lock again without a switch of threads. As long as the notified waiter is on its way, releases notify
//! no other waiter: it will take the lock, or line up again. To keep the running thread from starving the others, a
//! release that has to notify hands the lock to the first waiter if the last hand-over was at least
//! [`BETWEEN_HANDOVERS`] ago: eventual fairness. Hand-overs are not more frequent, because each of them costs a
//! switch of threads, and makes the running thread wait when it wants the lock again. If a hand-over took long,
//! because all processors are busy, the next one comes later: see [`SHARE`].

use std::fmt;
use std::time::Duration;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, Interest, Owner, OwnerWord, Owners, RawLock, Resource, ResourceId, ResourceKind, StateLock,
    ThreadId, ThreadIdent, TraceEvent, Turn, WaitContext, WaitQueue, Waiter, Wake, Wakeups, Watch, block,
    fork, next_sequence, now, observes, report, spin_briefly,
};

use crate::error::{NotHeld, WaitError};

/// The least time between two hand-overs.
const BETWEEN_HANDOVERS: Duration = Duration::from_micros(500);

/// Where threads run at once, a lock that was handed over is idle until its heir runs. Hand-overs are put off so that
/// this takes at most one part in `SHARE` of the time, but never by more than [`LONGEST`].
const SHARE: u32 = 16;
const LONGEST: Duration = Duration::from_millis(100);

/// The owner of a lock, and the threads that wait for it. The owner changes as the table of [`OwnerWord`] says.
pub struct OwnerLock<R: RawLock> {
    pub(crate) word: OwnerWord<R>,
    line: StateLock<MaybeLine, R>,
}

/// The part that a lock needs only once it was contended. Most locks never are, and programs have many locks.
#[derive(Default)]
struct MaybeLine(Option<Box<Line>>);

/// The threads that wait for a lock, and the state that decides whether a release hands it over to one of them.
///
/// While there are waiters, one thread is going to notify the first of them: the owner when it releases the lock,
/// because its word is marked as due, or the waiter that `tries`.
struct Line {
    waiters: WaitQueue,
    /// Set from the notification of a waiter until it takes the lock or lines up again: the generation of the
    /// process in which it was notified.
    tries: Option<u32>,
    /// The earliest time of the next hand-over.
    next_handover: Deadline,
    /// Set while the lock was handed over to a thread that has not woken yet: the time of the hand-over.
    handed_over: Option<Duration>,
    /// How many of the next releases must not hand the lock over: one for each waiter that a condition moved into an
    /// empty line.
    newcomers: usize,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            waiters: WaitQueue::new(),
            tries: None,
            #[cfg(not(loom))]
            next_handover: Deadline::PASSED,
            #[cfg(loom)]
            next_handover: Deadline::MODELLED,
            handed_over: None,
            newcomers: 0,
        }
    }
}

impl Line {
    /// Returns whether a notified waiter is on its way, so that no other need be notified.
    fn is_tried(&self) -> bool {
        self.tries == Some(fork::generation())
    }

    /// Called when the heir has woken. If that took long, puts off the next hand-over.
    fn heir_has_come<R: RawLock>(&mut self) {
        if let Some(then) = self.handed_over.take()
            && R::RUN_AT_ONCE
        {
            let took = now().saturating_sub(then).saturating_mul(SHARE);
            self.next_handover = Deadline::after(took.clamp(BETWEEN_HANDOVERS, LONGEST));
        }
    }

    /// Notifies the first in line to try to take the lock, which is free.
    fn notify_to_try(&mut self) -> Wakeups {
        let (wakeups, heir) = self.waiters.notify_heir();
        self.tries = heir.map(|_| fork::generation());
        wakeups
    }
}

impl MaybeLine {
    fn get(&mut self) -> &mut Line {
        self.0.get_or_insert_default()
    }
}

/// The lock as an observer sees it.
struct Contended<'a, R: RawLock> {
    owned: &'a OwnerLock<R>,
    kind: ResourceKind,
}

impl<R: RawLock> Resource for Contended<'_, R> {
    fn id(&self) -> ResourceId {
        self.owned.id()
    }

    fn kind(&self) -> ResourceKind {
        self.kind
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.owned.word)
    }
}

/// The numbers of an acquisition or a release, for an observer.
#[derive(Clone, Copy)]
struct Numbers {
    resource: ResourceId,
    sequence: u64,
}

impl Numbers {
    fn take(line: &mut Line) -> Self {
        Numbers {
            resource: line.waiters.id(),
            sequence: next_sequence(),
        }
    }
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

/// Returns whether an observer wants to hear of all acquisitions at this moment.
fn watch() -> Watch {
    if observes(Interest::Acquisitions) {
        Watch::Every
    } else {
        Watch::Contended
    }
}

impl<R: RawLock> fmt::Debug for OwnerLock<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerLock")
            .field("word", &self.word)
            .finish_non_exhaustive()
    }
}

impl<R: RawLock> OwnerLock<R> {
    /// Creates a lock that was never acquired.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        OwnerLock {
            word: OwnerWord::new(),
            line: StateLock::new(MaybeLine(None)),
        }
    }

    /// Creates a lock that was never acquired.
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        OwnerLock {
            word: OwnerWord::new(),
            line: StateLock::new(MaybeLine(None)),
        }
    }

    /// Creates a lock whose first acquisition takes the fast path, unless an observer wants to hear of it at
    /// this moment.
    pub(crate) fn begun() -> Self {
        let owned = Self::new();
        owned.word.begin(watch());
        owned
    }

    pub(crate) fn id(&self) -> ResourceId {
        self.line.lock().get().waiters.id()
    }

    pub(crate) fn is_awaited_by_owner(&self) -> bool {
        let line = self.line.lock();
        let owner = self.word.load().thread();
        let waiters = line.0.as_ref().map(|line| &line.waiters);
        owner.is_some_and(|owner| waiters.is_some_and(|waiters| waiters.has_thread(owner)))
    }

    /// Frees the lock, and forgets its waiters. For a lock that no other thread uses.
    pub(crate) fn reset(&self) {
        let mut line = self.line.lock();
        let forgotten = line.0.as_mut().map(|line| {
            let forgotten = line.waiters.forget_waiters();
            let waiters = std::mem::take(&mut line.waiters);
            **line = Line {
                waiters,
                ..Line::default()
            };
            forgotten
        });
        self.word.begin(watch());
        drop(line);
        // The waker of a task may be user code.
        drop(forgotten);
    }

    /// Takes the lock if it is free, watched or not. Never waits.
    #[cold]
    pub(crate) fn try_acquire_slow(&self, kind: ResourceKind) -> bool {
        let me = ThreadIdent::current();
        let mut line = self.line.lock();
        let taken = self.try_take(me);
        let numbers = (taken && self.word.load().is_watched()).then(|| Numbers::take(line.get()));
        drop(line);
        report_acquired(kind, numbers);
        taken
    }

    /// Takes the lock if it is free, watched or not. Called under the lock of the line.
    fn try_take(&self, me: ThreadIdent) -> bool {
        loop {
            let seen = self.word.load();
            if !seen.is_free() {
                return false;
            }
            if self.word.try_take_from(seen, me, watch) {
                return true;
            }
        }
    }

    /// Takes the lock if it is free, and returns whether it was. Otherwise makes sure that a waiter that is on its
    /// way, or the owner, will notify the first in line. The caller lines up in the same step.
    fn take_unless_held(&self, line: &mut Line, me: ThreadIdent) -> bool {
        loop {
            if self.try_take(me) {
                return true;
            }
            let seen = self.word.load();
            if line.is_tried() || seen.is_due() || !seen.is_free() && self.word.try_mark_due(seen) {
                return false;
            }
        }
    }

    /// Takes the lock. Waits until `context` ends the wait.
    #[cold]
    pub(crate) fn acquire_slow(
        &self,
        kind: ResourceKind,
        context: &mut WaitContext<'_>,
    ) -> Result<(), WaitError> {
        let me = ThreadIdent::current();
        let is_free = self.word.load().is_free();
        if !is_free && context.deadline() != Deadline::PASSED && self.spin(me) {
            return Ok(());
        }
        let waiter = Waiter::thread();
        let mut line = self.line.lock();
        if self.take_unless_held(line.get(), me) {
            let numbers = self.word.load().is_watched().then(|| Numbers::take(line.get()));
            drop(line);
            report_acquired(kind, numbers);
            return Ok(());
        }
        line.get().waiters.push_back(waiter.clone());
        drop(line);
        self.acquire_enrolled(kind, waiter, context)
    }

    /// Tries to take the lock for a moment, if its owner can run meanwhile. As a rule, the lock is held for less
    /// time than lining up and sleeping would cost.
    fn spin(&self, me: ThreadIdent) -> bool {
        R::RUN_AT_ONCE && spin_briefly(|| self.word.load().is_free() && self.word.try_take(me))
    }

    /// Takes the lock for the calling thread, whose `waiter` is in the line or was in it until it was notified.
    pub(crate) fn acquire_enrolled(
        &self,
        kind: ResourceKind,
        mut waiter: Arc<Waiter>,
        context: &mut WaitContext<'_>,
    ) -> Result<(), WaitError> {
        let me = ThreadIdent::current();
        loop {
            let resource = Contended { owned: self, kind };
            let wake = block(&waiter, &resource, context, || self.leave(&waiter));
            if wake == Wake::Notified && !self.word.load().is(me) {
                self.spin(me);
            }
            if let Some(result) = self.settle(me, wake, &mut waiter) {
                return result.map(|numbers| report_acquired(kind, numbers));
            }
        }
    }

    /// Takes a waiter that gives up out of the line, and passes on the lock or the notification that it got.
    pub(crate) fn leave(&self, waiter: &Arc<Waiter>) {
        // An interrupted wait never lines up again.
        let _ = self.settle(ThreadIdent::current(), Wake::Interrupted, &mut waiter.clone());
    }

    /// Decides what a waiter does that woke: it holds the lock, it gives up, or (`None`) it lines up again at the
    /// head.
    fn settle(
        &self,
        me: ThreadIdent,
        wake: Wake,
        waiter: &mut Arc<Waiter>,
    ) -> Option<Result<Option<Numbers>, WaitError>> {
        let mut guard = self.line.lock();
        let line = guard.get();
        let notified = wake == Wake::Notified || !line.waiters.remove(waiter);
        if notified {
            line.tries = None;
            line.heir_has_come::<R>();
        }
        let mut passed_on = Wakeups::default();
        let result = match wake {
            Wake::Interrupted => {
                if notified && self.word.load().is(me) {
                    passed_on = self.pass_on(line).unwrap_or_default();
                }
                Some(Err(WaitError::Interrupted))
            }
            Wake::TimedOut if !notified => Some(Err(WaitError::TimedOut)),
            // The lock was handed over, or this thread has taken it before; or it is free.
            _ if self.word.load().is(me) || self.try_take(me) => {
                Some(Ok(observes(Interest::Acquisitions).then(|| Numbers::take(line))))
            }
            Wake::TimedOut => Some(Err(WaitError::TimedOut)),
            Wake::Notified if self.take_unless_held(line, me) => {
                Some(Ok(observes(Interest::Acquisitions).then(|| Numbers::take(line))))
            }
            Wake::Notified => {
                *waiter = Waiter::thread();
                line.waiters.push_front(waiter.clone());
                None
            }
        };
        let next = self.provide(line);
        drop(guard);
        passed_on.run();
        next.run();
        result
    }

    /// Makes sure that the first in line is notified: by a waiter that is on its way, by the owner, or otherwise by
    /// the caller.
    fn provide(&self, line: &mut Line) -> Wakeups {
        if line.waiters.is_empty() || line.is_tried() {
            return Wakeups::default();
        }
        loop {
            let seen = self.word.load();
            if seen.is_free() {
                return line.notify_to_try();
            }
            if seen.is_due() || self.word.try_mark_due(seen) {
                return Wakeups::default();
            }
        }
    }

    /// Frees the lock, or hands it over to the first in line. Notifies the first in line if that is due. `None` if the lock is
    /// free.
    fn pass_on(&self, line: &mut Line) -> Option<Wakeups> {
        loop {
            let seen = self.word.load();
            if seen.is_free() {
                return None;
            }
            if seen.is_due() {
                return Some(self.pass_on_due(line, seen));
            }
            if self.word.try_free(seen) {
                return Some(Wakeups::default());
            }
        }
    }

    /// Like [`OwnerLock::pass_on`], for a word that is marked as due, which no other thread changes
    /// meanwhile.
    fn pass_on_due(&self, line: &mut Line, seen: Owner) -> Wakeups {
        let may_inherit = line.newcomers == 0;
        line.newcomers = line.newcomers.saturating_sub(1);
        let (wakeups, heir) = line.waiters.notify_heir();
        match heir {
            Some(heir) if may_inherit && line.next_handover.has_passed() => {
                line.next_handover = Deadline::after(BETWEEN_HANDOVERS);
                line.handed_over = Some(now());
                self.word.hand_over(seen, heir);
            }
            heir => {
                line.tries = heir.map(|_| fork::generation());
                let freed = self.word.try_free(seen);
                debug_assert!(
                    freed,
                    "a word that is due changes only under the lock of the line"
                );
            }
        }
        wakeups
    }

    /// Releases the lock, whichever thread owns it.
    #[cold]
    pub(crate) fn release_slow(&self, kind: ResourceKind) -> Result<(), NotHeld> {
        let mut line = self.line.lock();
        let seen = self.word.load();
        if seen.is_free() {
            return Err(NotHeld);
        }
        // Numbered before the lock is free, so that the next acquisition gets a greater number.
        let observed =
            (seen.is_watched() || observes(Interest::Acquisitions)).then(|| Numbers::take(line.get()));
        let wakeup = self.pass_on(line.get());
        drop(line);
        let wakeup = wakeup.ok_or(NotHeld)?;
        if let (Some(numbers), Some(owner)) = (observed, seen.thread()) {
            report(TraceEvent::Released {
                thread: ThreadId::of_ident(owner),
                resource: numbers.resource,
                kind,
                sequence: numbers.sequence,
            });
        }
        wakeup.run();
        Ok(())
    }

    /// Takes the lock for a task, or keeps the task in line.
    ///
    /// The lock is never handed over to a task, whose turn may come late. A task that was notified and finds the
    /// lock taken waits at the head of the line.
    pub(crate) fn acquire_as_task(&self, kind: ResourceKind, turn: Turn<'_>) -> Option<()> {
        let me = ThreadIdent::current();
        if turn.is_a_look() {
            return self.word.try_take(me).then_some(());
        }
        let mut guard = self.line.lock();
        let line = guard.get();
        if !self.take_unless_held(line, me) {
            turn.line_up_again(&mut line.waiters);
            return None;
        }
        let numbers = self.word.load().is_watched().then(|| Numbers::take(line));
        drop(guard);
        report_acquired(kind, numbers);
        Some(())
    }

    /// Takes a task that gives up out of the line.
    pub(crate) fn leave_as_task(&self, waiter: &Arc<Waiter>) {
        let mut guard = self.line.lock();
        let line = guard.get();
        line.waiters.remove(waiter);
        let next = self.provide(line);
        drop(guard);
        next.run();
    }

    /// Moves the first `count` waiters of `from` into the line for the lock, where they sleep until it is released.
    /// If the lock is free, which is against the rules, wakes the first in line to take it.
    pub(crate) fn requeue(&self, count: usize, from: &mut WaitQueue) -> Wakeups {
        let mut guard = self.line.lock();
        let line = guard.get();
        let only_newcomers = line.waiters.len() <= line.newcomers;
        let mut wakeups = from.requeue(count, &mut line.waiters);
        if only_newcomers {
            line.newcomers = line.waiters.len();
        }
        wakeups.append(self.provide(line));
        wakeups
    }
}
