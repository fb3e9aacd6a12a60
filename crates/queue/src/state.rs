//! What a queue's lock guards: the items, what is counted, and who waits.

use std::collections::VecDeque;

use interlock_wait::primitive::Arc;
use interlock_wait::{WaitQueue, Waiter, Wakeup, Wakeups};

use crate::error::{GetError, PutError, TooManyDone};
use crate::side::Side;
use crate::store::Store;

/// What was in a queue when it was retired.
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
    /// They stay, and can be got.
    Nothing,
    /// They are taken out, and their tasks count as done.
    Items,
}

/// Whether a getter waited for an item that was put (see [`Queue::try_hand`](crate::Queue::try_hand)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// A getter waited. It is notified of this item, and left the line: no later item is announced to it.
    GetterNotified,
    /// No getter waited in line. Where workers are the getters, another one would be of use.
    NoGetter,
}

/// Who picks an item (see [`Queue::pop_wake_next`](crate::Queue::pop_wake_next)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A getter that comes of itself.
    Uncalled,
    /// A getter that stood in line and was notified.
    Called,
}

/// What a queue still does.
///
/// State table of `mode`: `Open` → `ShutDown` (by [`State::shut_down`]); `Open`, `ShutDown` → `Retired` (by
/// [`State::retire`]). A queue is never opened again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Open,
    ShutDown,
    Retired,
}

/// The state of a queue. Each method is one step under the lock; the wake-ups that it returns run after it.
pub(crate) struct State<S: Store> {
    pub(crate) items: S,
    /// The most items there may be; `usize::MAX` when there is no bound.
    pub(crate) limit: usize,
    /// Items put whose task is not done yet.
    pub(crate) unfinished: usize,
    pub(crate) mode: Mode,
    getters: WaitQueue,
    putters: WaitQueue,
    joiners: WaitQueue,
    /// Getters that were notified by [`State::call`] or [`State::reserve`], and have not looked yet.
    called: usize,
}

/// Why nothing can be put in.
pub(crate) enum NoRoom {
    Full,
    ShutDown,
    Retired,
}

impl NoRoom {
    /// The error that gives `item` back.
    pub(crate) fn with<T>(self, item: T) -> PutError<T> {
        match self {
            NoRoom::Full => PutError::Full(item),
            NoRoom::ShutDown => PutError::ShutDown(item),
            NoRoom::Retired => PutError::Retired(item),
        }
    }
}

impl<S: Store> State<S> {
    /// A queue of what is in `items`, with a task to be done for each, for at most `bound` items; 0 for any number.
    pub(crate) fn new(items: S, bound: usize) -> Self {
        State {
            unfinished: items.len(),
            items,
            limit: limit(bound),
            mode: Mode::Open,
            getters: WaitQueue::new(),
            putters: WaitQueue::new(),
            joiners: WaitQueue::new(),
            called: 0,
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

    /// Puts an item in, for which there is room, and notifies a getter.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: S::Item) -> Option<Wakeup> {
        self.items.push(item);
        self.unfinished += 1;
        (!self.getters.is_unused()).then(|| self.getters.notify_one())
    }

    /// Whom an item is for that is put in now.
    #[inline]
    pub(crate) fn put_outcome(&self) -> PutOutcome {
        if self.getters.is_empty() {
            PutOutcome::NoGetter
        } else {
            PutOutcome::GetterNotified
        }
    }

    /// Puts an item in, for which there is room, and calls a getter if none is on its way.
    pub(crate) fn push_wake_one(&mut self, item: S::Item) -> (PutOutcome, Wakeup) {
        self.items.push(item);
        self.unfinished += 1;
        let outcome = if self.items.len() > self.getters.len() + self.called {
            PutOutcome::NoGetter
        } else {
            PutOutcome::GetterNotified
        };
        (outcome, self.call())
    }

    /// Takes an item out, and calls the next getter if there is another item, and none is on its way. Also notifies a putter.
    pub(crate) fn pop_wake_next(&mut self, how: Pick) -> Result<(S::Item, [Wakeup; 2]), GetError> {
        if how == Pick::Called {
            // A shutdown notifies getters whom nobody called.
            self.called = self.called.saturating_sub(1);
        }
        let (item, putter) = self.pop()?;
        Ok((item, [self.call(), putter.unwrap_or_default()]))
    }

    /// Calls the first getter, if there is an item for it and none is on its way: that one calls the next, if need be.
    fn call(&mut self) -> Wakeup {
        if self.called > 0 || self.items.is_empty() || self.getters.is_empty() {
            return Wakeup::NOBODY;
        }
        self.called = 1;
        self.getters.notify_one()
    }

    /// Puts an item in, for which there is room. If a getter waits, the item is reserved for it.
    #[inline(always)]
    pub(crate) fn push_reserved(&mut self, item: S::Item) -> Wakeup {
        self.items.push(item);
        self.unfinished += 1;
        self.reserve()
    }

    /// Reserves an item for the first getter, if there is one that is not reserved yet.
    #[inline(always)]
    fn reserve(&mut self) -> Wakeup {
        if self.getters.is_empty() || self.unreserved() == 0 {
            return Wakeup::NOBODY;
        }
        self.called += 1;
        self.getters.notify_one()
    }

    /// How many items are not reserved for getters.
    #[inline(always)]
    pub(crate) fn unreserved(&self) -> usize {
        self.items.len().saturating_sub(self.called)
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
        // A shutdown notifies getters for whom nothing is reserved.
        self.called = self.called.saturating_sub(1);
        let (item, putter) = self.pop()?;
        Ok((item, putter.unwrap_or_default()))
    }

    /// Reserves the item of a getter that was notified and gives up for the next.
    pub(crate) fn give_back(&mut self) -> Wakeup {
        self.called = self.called.saturating_sub(1);
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

    /// Who waits on one side.
    pub(crate) fn line(&mut self, side: Side) -> &mut WaitQueue {
        match side {
            Side::Get => &mut self.getters,
            Side::Put => &mut self.putters,
            Side::Join => &mut self.joiners,
        }
    }

    /// Whether an operation on this side would not have to wait now.
    pub(crate) fn is_ready(&self, side: Side) -> bool {
        match side {
            Side::Get => !self.items.is_empty() || self.mode != Mode::Open,
            Side::Put => !matches!(self.room(), Err(NoRoom::Full)),
            Side::Join => self.unfinished == 0 || self.mode == Mode::Retired,
        }
    }

    /// Takes `waiter` out of its line. If it was notified, what was announced to it is announced to the next in line.
    pub(crate) fn leave(&mut self, side: Side, waiter: &Arc<Waiter>) -> Wakeup {
        let notified = !self.line(side).remove(waiter);
        if notified && side != Side::Join && self.is_ready(side) {
            self.line(side).notify_one()
        } else {
            Wakeup::NOBODY
        }
    }

    /// Puts items in as long as there are some and there is room, and notifies as many getters.
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

    /// Takes items out by `take`, and notifies as many putters.
    pub(crate) fn take_out<R>(&mut self, take: impl FnOnce(&mut S) -> R) -> (R, Wakeups) {
        let before = self.items.len();
        let taken = take(&mut self.items);
        let wakeups = self.putters.notify(before - self.items.len());
        (taken, wakeups)
    }

    /// Counts one task as done, and notifies the joiners when it was the last.
    #[inline]
    pub(crate) fn finish_one(&mut self) -> Result<Wakeups, TooManyDone> {
        self.unfinished = self.unfinished.checked_sub(1).ok_or(TooManyDone)?;
        if self.unfinished == 0 && !self.joiners.is_empty() {
            Ok(self.joiners.notify_all())
        } else {
            Ok(Wakeups::default())
        }
    }

    /// Takes no more items from here on. Those that are in it come back if they are to be discarded; their tasks count as
    /// done.
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

    /// Ends the queue; `None` if that has happened before.
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

    /// Changes the bound, and notifies as many putters as there is room for.
    pub(crate) fn set_bound(&mut self, bound: usize) -> Wakeups {
        self.limit = limit(bound);
        let room = self.limit.saturating_sub(self.items.len());
        self.putters.notify(room)
    }

    /// Forgets who waits. The lines come back, to be dropped after the lock is released: a task's waker is user code.
    pub(crate) fn forget_waiters(&mut self) -> [WaitQueue; 3] {
        self.called = 0;
        [&mut self.getters, &mut self.putters, &mut self.joiners].map(std::mem::take)
    }
}

fn limit(bound: usize) -> usize {
    if bound == 0 { usize::MAX } else { bound }
}
