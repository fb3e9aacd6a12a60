//! A queue of items, bounded or not, that can be joined and shut down.

use std::collections::VecDeque;

use interlock_wait::primitive::Arc;
use interlock_wait::{Kind, Patience, Resource, WaitQueue, Waiter, Wake, Wakeup, WordLock, block};

use crate::error::{GetError, PutError, TooManyDone};
use crate::store::{Store, Traverse};
use crate::task::Side;

/// A queue between threads and tasks: Python's `queue.Queue`, `LifoQueue` and, by number, `PriorityQueue`.
///
/// ```
/// use interlock_queue::{Fifo, Queue};
///
/// let queue = Queue::<Fifo<i32>>::new(0);
/// std::thread::scope(|s| {
///     s.spawn(|| queue.put(1));
///     assert_eq!(queue.get(), Ok(1));
/// });
/// ```
pub struct Queue<S: Store> {
    state: WordLock<State<S>>,
}

/// State table of `mode`: `Open` → `ShutDown` (by [`Queue::shutdown`]); `Open`, `ShutDown` → `Retired` (by
/// [`Queue::retire`]). `ShutDown` and `Retired` are final.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    ShutDown,
    Retired,
}

pub(crate) struct State<S: Store> {
    items: S,
    /// The most items there may be; `usize::MAX` when there is no bound.
    limit: usize,
    /// Items put whose task is not done yet.
    unfinished: usize,
    mode: Mode,
    getters: WaitQueue,
    putters: WaitQueue,
    joiners: WaitQueue,
}

/// What was in a queue when it was retired.
pub struct Contents<S> {
    /// The items.
    pub items: S,
    /// How many tasks were not done.
    pub unfinished: usize,
    /// Whether the queue had been shut down.
    pub shut_down: bool,
}

enum NoRoom {
    Full,
    ShutDown,
    Retired,
}

impl NoRoom {
    fn with<T>(self, item: T) -> PutError<T> {
        match self {
            NoRoom::Full => PutError::Full(item),
            NoRoom::ShutDown => PutError::ShutDown(item),
            NoRoom::Retired => PutError::Retired(item),
        }
    }
}

impl<S: Store> State<S> {
    #[inline]
    fn room(&self) -> Result<(), NoRoom> {
        match self.mode {
            Mode::Open if self.items.len() < self.limit => Ok(()),
            Mode::Open => Err(NoRoom::Full),
            Mode::ShutDown => Err(NoRoom::ShutDown),
            Mode::Retired => Err(NoRoom::Retired),
        }
    }

    #[inline]
    fn push(&mut self, item: S::Item) -> Wakeup {
        self.items.push(item);
        self.unfinished += 1;
        self.getters.notify_one()
    }

    #[inline]
    fn pop(&mut self) -> Result<(S::Item, Wakeup), GetError> {
        match self.items.pop() {
            Some(item) => Ok((item, self.putters.notify_one())),
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

    fn line(&mut self, side: Side) -> &mut WaitQueue {
        match side {
            Side::Get => &mut self.getters,
            Side::Put => &mut self.putters,
            Side::Join => &mut self.joiners,
        }
    }

    /// Whether an operation on this side would not have to wait now.
    fn is_ready(&self, side: Side) -> bool {
        match side {
            Side::Get => !self.items.is_empty() || self.mode != Mode::Open,
            Side::Put => !matches!(self.room(), Err(NoRoom::Full)),
            Side::Join => self.unfinished == 0 || self.mode == Mode::Retired,
        }
    }

    /// Takes `waiter` out of its line. If it was notified, what was announced to it is announced to the next in line.
    fn leave(&mut self, side: Side, waiter: &Arc<Waiter>) -> Wakeup {
        let notified = !self.line(side).remove(waiter);
        if notified && side != Side::Join && self.is_ready(side) {
            self.line(side).notify_one()
        } else {
            Wakeup::NOBODY
        }
    }
}

impl<S: Store + Default> Queue<S> {
    /// An empty queue for at most `bound` items; 0 for any number.
    pub fn new(bound: usize) -> Self {
        Self::with_store(S::default(), bound)
    }
}

impl<S: Store> Queue<S> {
    /// A queue of what is in `items`, for at most `bound` items; 0 for any number.
    pub fn with_store(items: S, bound: usize) -> Self {
        Queue {
            state: WordLock::new(State {
                items,
                limit: limit(bound),
                unfinished: 0,
                mode: Mode::Open,
                getters: WaitQueue::new(),
                putters: WaitQueue::new(),
                joiners: WaitQueue::new(),
            }),
        }
    }

    /// Puts an item in if there is room. Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    #[inline]
    pub fn try_put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let mut state = self.state.lock();
        if let Err(reason) = state.room() {
            drop(state);
            return Err(reason.with(item));
        }
        let wakeup = state.push(item);
        drop(state);
        wakeup.run();
        Ok(())
    }

    /// Puts an item in. Blocks while the queue is full.
    ///
    /// # Errors
    /// The queue is shut down or retired.
    pub fn put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.put_with(item, &mut Patience::endless())
    }

    /// Puts an item in. Blocks while the queue is full, until `patience` ends.
    ///
    /// # Errors
    /// The queue stayed full, was shut down or retired, or the host ended the wait; the item is in the error.
    pub fn put_with(&self, mut item: S::Item, patience: &mut Patience<'_>) -> Result<(), PutError<S::Item>> {
        loop {
            match self.try_put(item) {
                Err(PutError::Full(refused)) => item = refused,
                result => return result,
            }
            match self.wait(Side::Put, patience) {
                Wake::Notified => {}
                Wake::TimedOut => return self.try_put(item),
                Wake::Interrupted => return Err(PutError::Interrupted(item)),
            }
        }
    }

    /// Puts items in, in their order, as many at a time as there is room for. Blocks while the queue is full, until
    /// `patience` ends. What was put is gone from `items`; what was not is still there.
    ///
    /// # Errors
    /// As for [`Queue::put_with`].
    pub fn put_many_with(
        &self,
        items: &mut VecDeque<S::Item>,
        patience: &mut Patience<'_>,
    ) -> Result<(), PutError<()>> {
        loop {
            match self.try_put_many(items) {
                Err(PutError::Full(())) => {}
                result => return result,
            }
            match self.wait(Side::Put, patience) {
                Wake::Notified => {}
                Wake::TimedOut => return self.try_put_many(items),
                Wake::Interrupted => return Err(PutError::Interrupted(())),
            }
        }
    }

    fn try_put_many(&self, items: &mut VecDeque<S::Item>) -> Result<(), PutError<()>> {
        let mut state = self.state.lock();
        let before = items.len();
        let result = loop {
            if items.is_empty() {
                break Ok(());
            }
            if let Err(reason) = state.room() {
                break Err(reason.with(()));
            }
            if let Some(item) = items.pop_front() {
                state.items.push(item);
            }
        };
        let put = before - items.len();
        state.unfinished += put;
        let wakeups = state.getters.notify(put);
        drop(state);
        wakeups.run();
        result
    }

    /// Takes an item out if there is one. Never blocks.
    ///
    /// # Errors
    /// The queue is empty, or retired.
    #[inline]
    pub fn try_get(&self) -> Result<S::Item, GetError> {
        let (item, wakeup) = self.state.lock().pop()?;
        wakeup.run();
        Ok(item)
    }

    /// Takes an item out. Blocks while the queue is empty.
    ///
    /// # Errors
    /// The queue is shut down and empty, or retired.
    pub fn get(&self) -> Result<S::Item, GetError> {
        self.get_with(&mut Patience::endless())
    }

    /// Takes an item out. Blocks while the queue is empty, until `patience` ends.
    ///
    /// # Errors
    /// The queue stayed empty, is shut down and empty, is retired, or the host ended the wait.
    pub fn get_with(&self, patience: &mut Patience<'_>) -> Result<S::Item, GetError> {
        loop {
            match self.try_get() {
                Err(GetError::Empty) => {}
                result => return result,
            }
            match self.wait(Side::Get, patience) {
                Wake::Notified => {}
                Wake::TimedOut => return self.try_get(),
                Wake::Interrupted => return Err(GetError::Interrupted),
            }
        }
    }

    /// Takes out at least one and at most `most` items (1 or more). Blocks while the queue is empty, until `patience` ends.
    ///
    /// # Errors
    /// As for [`Queue::get_with`].
    pub fn get_many_with(&self, most: usize, patience: &mut Patience<'_>) -> Result<Vec<S::Item>, GetError> {
        let mut got = vec![self.get_with(patience)?];
        let mut state = self.state.lock();
        let more = most.saturating_sub(1).min(state.items.len());
        got.reserve_exact(more);
        for _ in 0..more {
            got.extend(state.items.pop());
        }
        let wakeups = state.putters.notify(more);
        drop(state);
        wakeups.run();
        Ok(got)
    }

    /// Says that the task of one item that was got is done. When none is left, wakes all who join. Never blocks.
    ///
    /// # Errors
    /// More tasks would be done than items had been put.
    #[inline]
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        let mut state = self.state.lock();
        state.unfinished = state.unfinished.checked_sub(1).ok_or(TooManyDone)?;
        if state.unfinished == 0 && !state.joiners.is_empty() {
            let wakeups = state.joiners.notify_all();
            drop(state);
            wakeups.run();
        }
        Ok(())
    }

    /// Waits until the task of every item is done. Blocks until then, or until `patience` ends.
    ///
    /// # Errors
    /// [`GetError::Empty`] never; the deadline passed or the host ended the wait ([`GetError::Interrupted`]), or the queue
    /// was retired.
    pub fn join_with(&self, patience: &mut Patience<'_>) -> Result<(), GetError> {
        loop {
            let state = self.state.lock();
            match state.mode {
                Mode::Retired => return Err(GetError::Retired),
                _ if state.unfinished == 0 => return Ok(()),
                _ => drop(state),
            }
            if self.wait(Side::Join, patience) != Wake::Notified {
                return Err(GetError::Interrupted);
            }
        }
    }

    /// Shuts the queue down: nothing can be put any more; what is in it can still be got, unless `Discard` takes it out:
    /// then it comes back, and its tasks count as done. Never blocks.
    pub fn shutdown(&self, discard: Discard) -> Option<S> {
        let mut state = self.state.lock();
        if state.mode == Mode::Open {
            state.mode = Mode::ShutDown;
        }
        let mut discarded = None;
        let mut wakeups = vec![];
        if discard == Discard::Items {
            let items = state.items.take();
            state.unfinished = state.unfinished.saturating_sub(items.len());
            wakeups.push(state.joiners.notify_all());
            discarded = Some(items);
        }
        wakeups.push(state.getters.notify_all());
        wakeups.push(state.putters.notify_all());
        drop(state);
        wakeups.into_iter().for_each(interlock_wait::Wakeups::run);
        discarded
    }

    /// Ends the queue: its contents move out, and every operation, also one that waits, is told so. Never blocks.
    ///
    /// `None` when that has happened before.
    pub fn retire(&self) -> Option<Contents<S>> {
        let mut state = self.state.lock();
        let shut_down = match state.mode {
            Mode::Retired => return None,
            mode => mode == Mode::ShutDown,
        };
        state.mode = Mode::Retired;
        let items = state.items.take();
        let unfinished = state.unfinished;
        let wakeups = [
            state.getters.notify_all(),
            state.putters.notify_all(),
            state.joiners.notify_all(),
        ];
        drop(state);
        wakeups.into_iter().for_each(interlock_wait::Wakeups::run);
        Some(Contents {
            items,
            unfinished,
            shut_down,
        })
    }

    /// Takes all items out at once, and leaves everything else as it is; for an owner that goes away. Never blocks.
    pub fn clear(&self) -> S {
        self.state.lock().items.take()
    }

    /// How many items there are, at this moment. Never blocks.
    #[inline]
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Whether there is no item, at this moment. Never blocks.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room for another item, at this moment. Never blocks.
    #[inline]
    pub fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.items.len() >= state.limit
    }

    /// Whether the queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.state.lock().mode == Mode::ShutDown
    }

    /// How many items were put whose task is not done, at this moment. Never blocks.
    pub fn unfinished(&self) -> usize {
        self.state.lock().unfinished
    }

    /// Changes the bound: at most `bound` items from now on, 0 for any number. Items over it stay. Never blocks.
    pub fn set_bound(&self, bound: usize) {
        let mut state = self.state.lock();
        state.limit = limit(bound);
        let room = state.limit.saturating_sub(state.items.len());
        let wakeups = state.putters.notify(room);
        drop(state);
        wakeups.run();
    }

    /// Forgets who waits: for the child of a fork, which has one thread. Items stay.
    pub fn reset_waiters(&self) {
        let mut state = self.state.lock();
        state.getters = WaitQueue::new();
        state.putters = WaitQueue::new();
        state.joiners = WaitQueue::new();
    }

    /// Lines up on one side unless the operation would not have to wait, and blocks until notified or `patience` ends.
    ///
    /// `Notified` says no more than: try again.
    #[cold]
    fn wait(&self, side: Side, patience: &mut Patience<'_>) -> Wake {
        let waiter = Waiter::thread();
        let mut state = self.state.lock();
        if state.is_ready(side) {
            return Wake::Notified;
        }
        state.line(side).push_back(waiter.clone());
        drop(state);
        let wake = block(&waiter, self.resource(side), None, patience);
        if wake != Wake::Notified {
            let wakeup = self.state.lock().leave(side, &waiter);
            wakeup.run();
        }
        wake
    }

    /// Lines a task up on one side: `waiter` is notified when the operation is worth trying. `false`, and nothing
    /// happened, when it is worth trying now. Never blocks.
    pub fn register(&self, side: Side, waiter: &Arc<Waiter>) -> bool {
        let mut state = self.state.lock();
        let wait = !state.is_ready(side);
        if wait {
            state.line(side).push_back(waiter.clone());
        }
        wait
    }

    /// Takes a task out of its line; a notification that it had is passed on to the next. Never blocks.
    pub fn unregister(&self, side: Side, waiter: &Arc<Waiter>) {
        let wakeup = self.state.lock().leave(side, waiter);
        wakeup.run();
    }

    fn resource(&self, side: Side) -> Resource {
        let kind = match side {
            Side::Get => Kind::QueueGet,
            Side::Put => Kind::QueuePut,
            Side::Join => Kind::QueueJoin,
        };
        Resource {
            kind,
            address: self.state.address(),
        }
    }
}

impl<S: Traverse> Queue<S> {
    /// Visits each item where it lies, under the queue's lock: `visit` must only look. `false`, and nothing happened, when
    /// another thread is at work on the queue. Never blocks.
    pub fn try_for_each(&self, visit: &mut dyn FnMut(&S::Item)) -> bool {
        self.state
            .try_lock()
            .map(|state| state.items.for_each(visit))
            .is_some()
    }
}

/// What [`Queue::shutdown`] does with the items in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// They stay, and can be got.
    Nothing,
    /// They are taken out, and their tasks count as done.
    Items,
}

fn limit(bound: usize) -> usize {
    if bound == 0 { usize::MAX } else { bound }
}
