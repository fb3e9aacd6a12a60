//! The state under a queue's lock: the items, the counts and the lines of waiters.

use std::collections::VecDeque;

use interlock_wait::primitive::Arc;
use interlock_wait::{WaitQueue, Waiter, Wakeup, Wakeups};

use crate::error::{GetError, PutError, TooManyDone};
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

/// What [`Queue::shutdown`](crate::Queue::shutdown) does with the items in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// They stay, and getters can still take them.
    Nothing,
    /// The shutdown takes them out, and their tasks count as done.
    Items,
}

/// Whether a getter was waiting when an item was put (see [`Queue::try_put_outcome`](crate::Queue::try_put_outcome)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// A getter was waiting. It was notified of this item and has left the line, so it gets no later notification.
    GetterNotified,
    /// No getter was waiting. If workers are the getters, another worker would help.
    NoGetter,
}

/// How a getter comes for an item (see [`Queue::pop_wake_next`](crate::Queue::pop_wake_next)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By itself.
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
    getters: WaitQueue,
    putters: WaitQueue,
    joiners: WaitQueue,
    /// How many getters were notified that have not come for their item yet. [`State::wake_next`] counts them in a queue
    /// whose getters wake in turn, and [`State::reserve`] in any other: [`Store::WAKES_IN_TURN`] keeps them apart.
    notified: usize,
}

/// Why no item can be put in.
pub(crate) enum NoRoom {
    Full,
    ShutDown,
    Retired,
}

impl NoRoom {
    /// The error that returns `item`.
    pub(crate) fn with<T>(self, item: T) -> PutError<T> {
        match self {
            NoRoom::Full => PutError::Full(item),
            NoRoom::ShutDown => PutError::ShutDown(item),
            NoRoom::Retired => PutError::Retired(item),
        }
    }
}

impl<S: Store> State<S> {
    /// A queue that holds `items`, with an unfinished task for each, and takes at most `bound` items; 0 means no bound.
    pub(crate) fn new(items: S, bound: usize) -> Self {
        State {
            unfinished: items.len(),
            items,
            limit: limit(bound),
            mode: Mode::Open,
            getters: WaitQueue::new(),
            putters: WaitQueue::new(),
            joiners: WaitQueue::new(),
            notified: 0,
        }
    }

    /// Whether an item can be put in now.
    #[inline(always)]
    pub(crate) fn room(&self) -> Result<(), NoRoom> {
        match self.mode {
            Mode::Open if self.items.len() < self.limit => Ok(()),
            Mode::Open => Err(NoRoom::Full),
            Mode::ShutDown => Err(NoRoom::ShutDown),
            Mode::Retired => Err(NoRoom::Retired),
        }
    }

    /// Puts an item in and notifies a getter. The caller has checked that there is room.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: S::Item) -> Option<Wakeup> {
        self.items.push(item);
        self.unfinished += 1;
        (!self.getters.is_unused()).then(|| self.getters.notify_one())
    }

    /// The outcome of a put at this moment.
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
        self.items.push(item);
        self.unfinished += 1;
        let outcome = if self.items.len() > self.getters.len() + self.notified {
            PutOutcome::NoGetter
        } else {
            PutOutcome::GetterNotified
        };
        (outcome, self.wake_next())
    }

    /// Takes an item out and notifies a putter. Also notifies the next getter, if there is another item and none is on
    /// its way.
    pub(crate) fn pop_wake_next(&mut self, arrival: Arrival) -> Result<(S::Item, [Wakeup; 2]), GetError> {
        if arrival == Arrival::Notified {
            // A shutdown also notifies getters, which are not counted.
            self.notified = self.notified.saturating_sub(1);
        }
        let (item, putter) = self.pop()?;
        Ok((item, [self.wake_next(), putter.unwrap_or_default()]))
    }

    /// Counts the caller as a getter that was notified, if there is no item for it and no other getter is on its way. Returns
    /// whether it counts.
    pub(crate) fn count_as_notified(&mut self) -> bool {
        const { assert!(S::WAKES_IN_TURN, "the getters of this store do not wake in turn") };
        let counts = self.notified == 0 && self.items.is_empty() && self.mode == Mode::Open;
        self.notified += usize::from(counts);
        counts
    }

    /// Notifies the first getter, if there is an item for it and no getter is on its way. That getter notifies the next
    /// if needed.
    fn wake_next(&mut self) -> Wakeup {
        const { assert!(S::WAKES_IN_TURN, "the getters of this store do not wake in turn") };
        if self.notified > 0 || self.items.is_empty() || self.getters.is_empty() {
            return Wakeup::NOBODY;
        }
        self.notified = 1;
        self.getters.notify_one()
    }

    /// Puts an item in, and reserves it for a getter if one waits. The caller has checked that there is room.
    #[inline(always)]
    pub(crate) fn push_reserved(&mut self, item: S::Item) -> Wakeup {
        self.items.push(item);
        self.unfinished += 1;
        self.reserve()
    }

    /// Reserves an item for the first getter in line, if there is an item that is not yet reserved.
    #[inline(always)]
    fn reserve(&mut self) -> Wakeup {
        const {
            assert!(
                !S::WAKES_IN_TURN,
                "no item is reserved for getters that wake in turn"
            );
        };
        if self.getters.is_empty() || self.unreserved() == 0 {
            return Wakeup::NOBODY;
        }
        self.notified += 1;
        self.getters.notify_one()
    }

    /// How many items are not reserved for getters.
    #[inline(always)]
    pub(crate) fn unreserved(&self) -> usize {
        self.items.len().saturating_sub(self.notified)
    }

    /// Takes out an item that is not reserved, and notifies a putter.
    #[inline(always)]
    pub(crate) fn pop_unreserved(&mut self) -> Result<(S::Item, Wakeup), GetError> {
        if self.unreserved() == 0 {
            return Err(self.why_empty());
        }
        let (item, putter) = self.pop()?;
        Ok((item, putter.unwrap_or_default()))
    }

    /// Takes out the item of a getter that was notified, and notifies a putter.
    pub(crate) fn pop_reserved(&mut self) -> Result<(S::Item, Wakeup), GetError> {
        // A shutdown also notifies getters without a reserved item.
        self.notified = self.notified.saturating_sub(1);
        let (item, putter) = self.pop()?;
        Ok((item, putter.unwrap_or_default()))
    }

    /// Passes the reserved item of a notified getter that gives up to the next getter.
    pub(crate) fn give_back(&mut self) -> Wakeup {
        self.notified = self.notified.saturating_sub(1);
        self.reserve()
    }

    /// Takes an item out, and notifies a putter.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Result<(S::Item, Option<Wakeup>), GetError> {
        match self.items.pop() {
            Some(item) => {
                let wakeup = (!self.putters.is_unused()).then(|| self.putters.notify_one());
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

    /// The line of waiters on one side.
    pub(crate) fn line(&mut self, side: Side) -> &mut WaitQueue {
        match side {
            Side::Get => &mut self.getters,
            Side::Put => &mut self.putters,
            Side::Join => &mut self.joiners,
        }
    }

    /// Whether an operation on this side could go on without waiting.
    pub(crate) fn is_ready(&self, side: Side) -> bool {
        match side {
            Side::Get => !self.items.is_empty() || self.mode != Mode::Open,
            Side::Put => !matches!(self.room(), Err(NoRoom::Full)),
            Side::Join => self.unfinished == 0 || self.mode == Mode::Retired,
        }
    }

    /// Takes `waiter` out of its line. If it was notified, passes the notification to the next in line.
    pub(crate) fn leave(&mut self, side: Side, waiter: &Arc<Waiter>) -> Wakeup {
        let notified = !self.line(side).remove(waiter);
        if notified && side != Side::Join && self.is_ready(side) {
            self.line(side).notify_one()
        } else {
            Wakeup::NOBODY
        }
    }

    /// Puts items in while there is room, and notifies as many getters.
    pub(crate) fn push_many(&mut self, items: &mut VecDeque<S::Item>) -> (Result<(), NoRoom>, Wakeups) {
        let before = items.len();
        let mut result = Ok(());
        while !items.is_empty() {
            result = self.room();
            if result.is_err() {
                break;
            }
            if let Some(item) = items.pop_front() {
                self.items.push(item);
            }
        }
        let put = before - items.len();
        self.unfinished += put;
        (result, self.getters.notify(put))
    }

    /// Takes up to `most` items out, adding them to `got`, and notifies as many putters.
    pub(crate) fn pop_many(&mut self, most: usize, got: &mut Vec<S::Item>) -> Wakeups {
        let count = most.min(self.items.len());
        got.reserve_exact(count);
        for _ in 0..count {
            got.extend(self.items.pop());
        }
        self.putters.notify(count)
    }

    /// Lets `take` take items out, and notifies as many putters.
    pub(crate) fn take_out<R>(&mut self, take: impl FnOnce(&mut S) -> R) -> (R, Wakeups) {
        let before = self.items.len();
        let taken = take(&mut self.items);
        let wakeups = self.putters.notify(before - self.items.len());
        (taken, wakeups)
    }

    /// Counts one task as done. If it was the last, notifies the joiners.
    #[inline]
    pub(crate) fn finish_one(&mut self) -> Result<Wakeups, TooManyDone> {
        self.unfinished = self.unfinished.checked_sub(1).ok_or(TooManyDone)?;
        if self.unfinished == 0 && !self.joiners.is_empty() {
            Ok(self.joiners.notify_all())
        } else {
            Ok(Wakeups::default())
        }
    }

    /// Stops the queue from taking items. With [`Discard::Items`], returns the items that were in it, and counts their
    /// tasks as done.
    pub(crate) fn shut_down(&mut self, discard: Discard) -> (Option<S>, [Wakeups; 3]) {
        if self.mode == Mode::Open {
            self.mode = Mode::ShutDown;
        }
        let discarded = (discard == Discard::Items).then(|| self.items.take());
        if let Some(items) = &discarded {
            self.unfinished = self.unfinished.saturating_sub(items.len());
        }
        let joiners = if self.unfinished == 0 {
            self.joiners.notify_all()
        } else {
            Wakeups::default()
        };
        (
            discarded,
            [joiners, self.getters.notify_all(), self.putters.notify_all()],
        )
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
        let wakeups = [
            self.joiners.notify_all(),
            self.getters.notify_all(),
            self.putters.notify_all(),
        ];
        Some((contents, wakeups))
    }

    /// Changes the bound, and notifies one putter for each free place.
    pub(crate) fn set_bound(&mut self, bound: usize) -> Wakeups {
        self.limit = limit(bound);
        let room = self.limit.saturating_sub(self.items.len());
        self.putters.notify(room)
    }

    /// Forgets the waiters. Returns their lines, which the caller drops after it releases the lock: a task's waker is
    /// user code.
    pub(crate) fn forget_waiters(&mut self) -> [WaitQueue; 3] {
        self.notified = 0;
        [&mut self.getters, &mut self.putters, &mut self.joiners].map(WaitQueue::forget_waiters)
    }
}

fn limit(bound: usize) -> usize {
    if bound == 0 { usize::MAX } else { bound }
}
