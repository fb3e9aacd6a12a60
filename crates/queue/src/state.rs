//! The state under a queue's lock: the items, the counts and the lines of waiters.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use interlock_wait::primitive::Arc;
use interlock_wait::{WaitQueue, Waiter, Wakeup, Wakeups};

use crate::error::{GetError, PutError, TooManyDone};
use crate::line::Line;
use crate::side::Side;
use crate::store::Store;

/// The contents of a queue when it was retired.
#[derive(Debug)]
pub struct Contents<S> {
    /// The items.
    pub items: S,
    /// How many tasks were not done.
    pub unfinished: usize,
    /// Whether the queue had been shut down.
    pub shut_down: bool,
}

/// What the shutdown of a queue does with the items in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// They stay, and getters can still take them.
    Nothing,
    /// The shutdown takes them out, and their tasks count as done.
    Items,
}

/// Whether a getter was waiting when an item was put (see [`HostQueue::try_put_outcome`](crate::HostQueue::try_put_outcome)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// A getter was waiting. It was notified of this item and has left the line, so it gets no later notification.
    GetterNotified,
    /// No getter was waiting. If workers are the getters, another worker would help.
    NoGetter,
}

/// Why a getter comes for an item (see [`HostQueue::pop_wake_next`](crate::HostQueue::pop_wake_next)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It comes by itself.
    Unasked,
    /// It was in line and was notified.
    Notified,
}

/// Which operations a queue still accepts.
///
/// State table of `mode`: `Open` → `ShutDown` (by [`State::shut_down`]); `Open`, `ShutDown` → `Retired` (by
/// [`State::retire`]). A queue never returns to `Open`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Open,
    ShutDown,
    Retired,
}

/// The state of a queue. Each method is one step under the lock. The caller runs the returned wake-ups after the step.
pub(crate) struct State<S: Store> {
    pub(crate) items: S,
    /// The most items that the queue takes; `usize::MAX` if there is no bound.
    pub(crate) limit: usize,
    /// How many items were put whose task is not done yet.
    pub(crate) unfinished: usize,
    pub(crate) mode: Mode,
    getters: Line,
    putters: Line,
    joiners: WaitQueue,
}

/// Why no item can be put in.
pub(crate) enum NoRoom {
    Full,
    ShutDown,
    Retired,
}

impl NoRoom {
    /// Returns the error that returns `item`.
    pub(crate) fn with<T>(self, item: T) -> PutError<T> {
        match self {
            NoRoom::Full => PutError::Full(item),
            NoRoom::ShutDown => PutError::ShutDown(item),
            NoRoom::Retired => PutError::Retired(item),
        }
    }
}

impl<S: Store> State<S> {
    /// Creates a queue that takes at most `limit` items. `items` is empty.
    pub(crate) const fn empty(items: S, limit: usize) -> Self {
        State {
            items,
            limit,
            unfinished: 0,
            mode: Mode::Open,
            getters: Line::new(),
            putters: Line::new(),
            joiners: WaitQueue::new(),
        }
    }

    /// Creates a queue that holds `items`, with an unfinished task for each, and takes at most `bound` items;
    /// 0 means no bound.
    pub(crate) fn new(items: S, bound: usize) -> Self {
        let unfinished = items.len();
        State {
            unfinished,
            ..State::empty(items, limit(bound))
        }
    }

    /// Returns whether an item can be put in now.
    #[inline(always)]
    pub(crate) fn room(&self) -> Result<(), NoRoom> {
        match self.mode {
            Mode::Open if self.items.len() < self.limit => Ok(()),
            Mode::Open => Err(NoRoom::Full),
            Mode::ShutDown => Err(NoRoom::ShutDown),
            Mode::Retired => Err(NoRoom::Retired),
        }
    }

    #[inline(always)]
    fn add(&mut self, item: S::Item) {
        // In this order: if comparing priorities panics, the item is in the queue nevertheless.
        self.unfinished += 1;
        self.items.push(item);
    }

    /// Puts an item in and notifies a getter for it. The caller has checked that there is room.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: S::Item) -> Option<Wakeups> {
        self.add(item);
        (!self.getters.is_unused()).then(|| self.call_getter())
    }

    /// Returns the outcome of a put at this moment.
    #[inline]
    pub(crate) fn put_outcome(&self) -> PutOutcome {
        if self.getters.is_empty() {
            PutOutcome::NoGetter
        } else {
            PutOutcome::GetterNotified
        }
    }

    /// Puts an item in, and notifies a getter unless one is on its way. The caller has checked that there is room.
    pub(crate) fn push_wake_one(&mut self, item: S::Item) -> (PutOutcome, Wakeup) {
        self.add(item);
        let outcome = if self.items.len() > self.getters.waiters.len() + self.getters.coming() {
            PutOutcome::NoGetter
        } else {
            PutOutcome::GetterNotified
        };
        (outcome, self.wake_next())
    }

    /// Takes an item out and notifies a putter. Also notifies the next getter, if there is another item and none is on
    /// its way.
    pub(crate) fn pop_wake_next(
        &mut self,
        arrival: Arrival,
    ) -> Result<(S::Item, Wakeup, Option<Wakeups>), GetError> {
        let (item, putter) = self.pop(arrival)?;
        Ok((item, self.wake_next(), putter))
    }

    /// Counts the caller as a notified getter, if there is no item for it and no other getter is on its way.
    /// Returns whether it counts.
    pub(crate) fn count_as_notified(&mut self) -> bool {
        const { assert!(S::WAKES_IN_TURN, "the getters of this store do not wake in turn") };
        let counts = self.getters.coming() == 0 && self.items.is_empty() && self.mode == Mode::Open;
        if counts {
            self.getters.expect_one();
        }
        counts
    }

    /// Notifies the first getter, if there is an item for it and no getter is on its way. That getter notifies the next
    /// if needed.
    fn wake_next(&mut self) -> Wakeup {
        const { assert!(S::WAKES_IN_TURN, "the getters of this store do not wake in turn") };
        if self.getters.coming() > 0 || self.items.is_empty() || self.getters.is_empty() {
            return Wakeup::NOBODY;
        }
        self.getters.expect_one();
        self.getters.waiters.notify_one()
    }

    /// Notifies a getter, unless one is coming for each item. Getters that wake in turn are counted separately.
    #[inline]
    fn call_getter(&mut self) -> Wakeups {
        if S::WAKES_IN_TURN {
            self.getters.waiters.notify_coming().0
        } else {
            self.getters.call(self.items.len())
        }
    }

    /// Notifies a putter, unless one is coming for each free place.
    #[inline]
    fn call_putter(&mut self) -> Wakeups {
        if S::WAKES_IN_TURN {
            self.putters.waiters.notify_coming().0
        } else {
            let places = self.limit.saturating_sub(self.items.len());
            self.putters.call(places)
        }
    }

    /// Notifies a getter and a putter if there is an item or room for them: after a panic has interrupted a step.
    pub(crate) fn call_again(&mut self) -> [Wakeups; 2] {
        let putter = match self.room() {
            Ok(()) => self.call_putter(),
            Err(_) => Wakeups::NOBODY,
        };
        [self.call_getter(), putter]
    }

    /// Notifies putters for `count` places that are free now.
    fn call_putters(&mut self, count: usize) -> Wakeups {
        let places = self.limit.saturating_sub(self.items.len());
        if S::WAKES_IN_TURN {
            // They are not counted as coming, so all of them are called.
            let mut wakeups = Wakeups::NOBODY;
            for _ in 0..count.min(self.putters.waiters.len()) {
                wakeups.append(self.call_putter());
            }
            wakeups
        } else {
            self.putters.call_many(count, places)
        }
    }

    /// Puts an item in, and reserves it for a getter if one waits. The caller has checked that there is room.
    #[inline(always)]
    pub(crate) fn push_reserved(&mut self, item: S::Item) -> Option<Wakeups> {
        self.add(item);
        (!self.getters.is_unused()).then(|| self.reserve())
    }

    /// Reserves an item for the first thread in line, if there is an item that is not yet reserved. Tasks before it are notified,
    /// too: when they are polled is up to their executors.
    #[inline]
    fn reserve(&mut self) -> Wakeups {
        const {
            assert!(
                !S::WAKES_IN_TURN,
                "no item is reserved for getters that wake in turn"
            );
        };
        if self.getters.is_empty() || self.unreserved() == 0 {
            return Wakeups::NOBODY;
        }
        let before = self.getters.waiters.threads();
        let (wakeups, _) = self.getters.waiters.notify_coming();
        // Also for a thread that is in a signal handler. Not for a task: its executor decides when to poll it.
        if self.getters.waiters.threads() < before {
            self.getters.expect_one();
        }
        wakeups
    }

    /// Returns how many items are not reserved for getters.
    #[inline(always)]
    pub(crate) fn unreserved(&self) -> usize {
        self.items.len().saturating_sub(self.getters.coming())
    }

    /// Takes out an item that is not reserved, and notifies a putter.
    #[inline(always)]
    pub(crate) fn pop_unreserved(&mut self) -> Result<(S::Item, Option<Wakeups>), GetError> {
        if self.unreserved() == 0 {
            return Err(self.why_empty());
        }
        self.pop(Arrival::Unasked)
    }

    /// Passes the reserved item of a notified getter that gives up to the next getter.
    pub(crate) fn give_back(&mut self) -> Wakeups {
        self.getters.arrive();
        self.reserve()
    }

    /// Takes an item out, and notifies a putter.
    #[inline(always)]
    pub(crate) fn pop(&mut self, arrival: Arrival) -> Result<(S::Item, Option<Wakeups>), GetError> {
        if arrival == Arrival::Notified {
            self.getters.arrive();
        }
        match self.items.pop() {
            Some(item) => {
                let wakeup = (!self.putters.is_unused()).then(|| self.call_putter());
                Ok((item, wakeup))
            }
            None => Err(self.why_empty()),
        }
    }

    #[cold]
    fn why_empty(&self) -> GetError {
        match self.mode {
            Mode::Open => GetError::Empty,
            Mode::ShutDown => GetError::ShutDown,
            Mode::Retired => GetError::Retired,
        }
    }

    /// Called when a notified putter has come.
    #[inline]
    pub(crate) fn putter_arrives(&mut self, arrival: Arrival) {
        if arrival == Arrival::Notified {
            self.putters.arrive();
        }
    }

    /// Returns the line of waiters on one side.
    pub(crate) fn line(&mut self, side: Side) -> &mut WaitQueue {
        match side {
            Side::Get => &mut self.getters.waiters,
            Side::Put => &mut self.putters.waiters,
            Side::Join => &mut self.joiners,
        }
    }

    /// Returns whether an operation on this side could go on without waiting.
    pub(crate) fn is_ready(&self, side: Side) -> bool {
        match side {
            Side::Get => !self.items.is_empty() || self.mode != Mode::Open,
            Side::Put => !matches!(self.room(), Err(NoRoom::Full)),
            Side::Join => self.unfinished == 0 || self.mode == Mode::Retired,
        }
    }

    /// Takes `waiter` out of its line, and returns whether it was there. Otherwise it was notified.
    pub(crate) fn remove(&mut self, side: Side, waiter: &Arc<Waiter>) -> bool {
        self.line(side).remove(waiter)
    }

    /// Passes the notification of a waiter that leaves to the next in line.
    pub(crate) fn pass_on(&mut self, side: Side, waiter: &Arc<Waiter>) -> Wakeups {
        let counted = !waiter.is_task() && !S::WAKES_IN_TURN;
        match side {
            Side::Get if counted => self.getters.arrive(),
            Side::Put if counted => self.putters.arrive(),
            _ => {}
        }
        match side {
            Side::Get if !self.items.is_empty() => self.call_getter(),
            Side::Put if self.room().is_ok() => self.call_putter(),
            _ => Wakeups::NOBODY,
        }
    }

    /// Takes `waiter` out of its line. If it was notified, passes the notification to the next in line.
    pub(crate) fn leave(&mut self, side: Side, waiter: &Arc<Waiter>) -> Wakeups {
        if self.remove(side, waiter) {
            Wakeups::NOBODY
        } else {
            self.pass_on(side, waiter)
        }
    }

    /// Puts items in while there is room, and notifies getters for them.
    pub(crate) fn push_many(&mut self, items: &mut VecDeque<S::Item>) -> (Result<(), NoRoom>, Wakeups) {
        let before = items.len();
        let mut result = Ok(());
        while !items.is_empty() {
            result = self.room();
            if result.is_err() {
                break;
            }
            if let Some(item) = items.pop_front() {
                self.add(item);
            }
        }
        let put = before - items.len();
        let wakeups = if S::WAKES_IN_TURN {
            self.getters.waiters.notify(put)
        } else {
            self.getters.call_many(put, self.items.len())
        };
        (result, wakeups)
    }

    /// Takes up to `most` items out, adding them to `got`, and notifies as many putters.
    pub(crate) fn pop_many(&mut self, most: usize, got: &mut Vec<S::Item>) -> Wakeups {
        let count = most.min(self.items.len());
        got.reserve_exact(count);
        for _ in 0..count {
            got.extend(self.items.pop());
        }
        self.call_putters(count)
    }

    /// Lets `take` take items out, and notifies as many putters, even if `take` panics. Returns `None` in place of the
    /// wake-ups if `take` added items instead: these would not be counted as tasks.
    pub(crate) fn take_out<R>(
        &mut self,
        take: impl FnOnce(&mut S) -> R,
    ) -> (std::thread::Result<R>, Option<Wakeups>) {
        let before = self.items.len();
        let taken = catch_unwind(AssertUnwindSafe(|| take(&mut self.items)));
        let gone = before.checked_sub(self.items.len());
        (taken, gone.map(|gone| self.call_putters(gone)))
    }

    /// Counts one task as done. If it was the last, notifies the joiners.
    #[inline]
    pub(crate) fn finish_one(&mut self) -> Result<Wakeups, TooManyDone> {
        self.unfinished = self.unfinished.checked_sub(1).ok_or(TooManyDone)?;
        Ok(self.joiners_if_done())
    }

    /// Notifies the joiners if no task is left.
    #[inline]
    fn joiners_if_done(&mut self) -> Wakeups {
        if self.unfinished == 0 && !self.joiners.is_empty() {
            self.joiners.notify_all()
        } else {
            Wakeups::default()
        }
    }

    /// Takes all items out, counts their tasks as done, and notifies putters, and joiners if no task is left.
    pub(crate) fn clear(&mut self) -> (S, [Wakeups; 2]) {
        let items = self.items.take();
        self.unfinished = self.unfinished.saturating_sub(items.len());
        let putters = self.call_putters(items.len());
        (items, [self.joiners_if_done(), putters])
    }

    /// Stops the queue from taking items. With [`Discard::Items`], returns the items that were in it, and counts their
    /// tasks as done.
    pub(crate) fn shut_down(&mut self, discard: Discard) -> (Option<S>, [Wakeups; 4]) {
        if self.mode == Mode::Open {
            self.mode = Mode::ShutDown;
        }
        let (discarded, [joiners, putters]) = match discard {
            Discard::Nothing => (None, [self.joiners_if_done(), Wakeups::default()]),
            Discard::Items => {
                let (items, wakeups) = self.clear();
                (Some(items), wakeups)
            }
        };
        let [getters, more_putters] = self.notify_all();
        (discarded, [joiners, getters, putters, more_putters])
    }

    /// Ends the waits for items and for room.
    fn notify_all(&mut self) -> [Wakeups; 2] {
        [&mut self.getters, &mut self.putters].map(|line| line.waiters.notify_all())
    }

    /// Retires the queue and returns its contents. `None` if it was retired before.
    pub(crate) fn retire(&mut self) -> Option<(Contents<S>, [Wakeups; 3])> {
        let shut_down = match self.mode {
            Mode::Retired => return None,
            mode => mode == Mode::ShutDown,
        };
        self.mode = Mode::Retired;
        let contents = Contents {
            items: self.items.take(),
            unfinished: self.unfinished,
            shut_down,
        };
        let [getters, putters] = self.notify_all();
        Some((contents, [self.joiners.notify_all(), getters, putters]))
    }

    /// Changes the bound, and notifies one putter for each free place.
    pub(crate) fn set_bound(&mut self, bound: usize) -> Wakeups {
        self.limit = limit(bound);
        self.call_putters(self.limit.saturating_sub(self.items.len()))
    }

    /// Forgets the waiters. Returns their lines, which the caller drops after it releases the lock: a task's waker is
    /// user code.
    pub(crate) fn forget_waiters(&mut self) -> [WaitQueue; 3] {
        [
            self.getters.forget_waiters(),
            self.putters.forget_waiters(),
            self.joiners.forget_waiters(),
        ]
    }
}

fn limit(bound: usize) -> usize {
    if bound == 0 { usize::MAX } else { bound }
}
