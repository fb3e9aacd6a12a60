//! A queue of items, with or without a bound, that threads can join and shut down.

use std::collections::VecDeque;
use std::fmt;

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, RawLock, RawWordLock, StateLock, WaitContext, Waiter, Wake, Wakeup, Wakeups, block,
};

use crate::error::{GetError, JoinError, PutError, TooManyDone};
use crate::side::Side;
use crate::state::{Arrival, Discard, Mode, NoRoom, PutOutcome, State};
use crate::store::{Fifo, Lifo, Priority, Store};

/// A queue that gives out items in the order in which they were put: Python's `queue.Queue`.
pub type FifoQueue<T> = Queue<Fifo<T>>;

/// A queue that gives out the latest item first: Python's `queue.LifoQueue`.
pub type LifoQueue<T> = Queue<Lifo<T>>;

/// A queue of pairs of a number and an item that gives out the smallest number first: Python's `queue.PriorityQueue`.
pub type PriorityQueue<T> = Queue<Priority<T>>;

/// A queue between threads and tasks: Python's `Queue`, `LifoQueue` and, with numbers as priorities, `PriorityQueue`.
///
/// ```
/// use interlock_queue::{Discard, FifoQueue};
///
/// let queue = FifoQueue::new(100);
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         (1..=4).for_each(|number| queue.put(number).unwrap());
///         queue.shutdown(Discard::Nothing);
///     });
///     assert_eq!(queue.iter().sum::<i32>(), 10);
/// });
/// ```
pub struct Queue<S: Store, L: RawLock = RawWordLock> {
    pub(crate) state: StateLock<State<S>, L>,
}

impl<S: Store + Default> Queue<S> {
    /// An empty queue for at most `bound` items; 0 means no bound.
    pub fn new(bound: usize) -> Self {
        Self::with_store(S::default(), bound)
    }
}

impl<S: Store> Queue<S> {
    /// A queue that holds `items`, with an unfinished task for each, and takes at most `bound` items; 0 means no bound.
    pub fn with_store(items: S, bound: usize) -> Self {
        Self::with_store_in(items, bound)
    }
}

impl<S: Store, L: RawLock> Queue<S, L> {
    /// As [`Queue::with_store`], with a raw lock of the caller's choice.
    pub fn with_store_in(items: S, bound: usize) -> Self {
        Queue {
            state: StateLock::new(State::new(items, bound)),
        }
    }

    /// Puts an item in if there is room. Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    #[inline(always)]
    pub fn try_put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let mut state = self.state.lock();
        if let Err(reason) = state.room() {
            drop(state);
            return Err(reason.with(item));
        }
        let wakeup = state.push(item);
        drop(state);
        if let Some(wakeup) = wakeup {
            wakeup.run();
        }
        Ok(())
    }

    /// Like [`Queue::try_put`], but returns whether a getter was waiting for the item. Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    #[inline]
    pub fn try_put_outcome(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>> {
        self.put_unless(item, |_| true)
    }

    /// Like [`Queue::try_put_outcome`], but ignores the bound. Never blocks.
    ///
    /// # Errors
    /// The queue is shut down or retired.
    pub fn put_unbounded(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>> {
        self.put_unless(item, |reason| !matches!(reason, NoRoom::Full))
    }

    /// Puts an item in, unless there is a reason not to that `counts`.
    #[inline(always)]
    fn put_unless(
        &self,
        item: S::Item,
        counts: impl FnOnce(&NoRoom) -> bool,
    ) -> Result<PutOutcome, PutError<S::Item>> {
        let mut state = self.state.lock();
        if let Some(reason) = state.room().err().filter(counts) {
            drop(state);
            return Err(reason.with(item));
        }
        let outcome = state.put_outcome();
        let wakeup = state.push(item);
        drop(state);
        if let Some(wakeup) = wakeup {
            wakeup.run();
        }
        Ok(outcome)
    }

    /// Puts an item in if there is room, for getters that use [`Queue::pop_wake_next`], and returns whether there is a
    /// getter for it. Getters wake one after the other: each wakes the next when it comes, if there is still an item.
    /// Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    #[inline]
    pub fn push_wake_one(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>> {
        let mut state = self.state.lock();
        if let Err(reason) = state.room() {
            drop(state);
            return Err(reason.with(item));
        }
        let (outcome, wakeup) = state.push_wake_one(item);
        drop(state);
        wakeup.run();
        Ok(outcome)
    }

    /// Takes out an item that was put by [`Queue::push_wake_one`], if there is one. A getter that uses this method
    /// waits with [`Queue::register_first`] and never gives up. Never blocks.
    ///
    /// # Errors
    /// The queue is empty, or retired.
    #[inline]
    pub fn pop_wake_next(&self, arrival: Arrival) -> Result<S::Item, GetError> {
        let (item, wakeups) = self.state.lock().pop_wake_next(arrival)?;
        wakeups.into_iter().for_each(Wakeup::run);
        Ok(item)
    }

    /// Puts an item in. Blocks while the queue is full.
    ///
    /// # Errors
    /// The queue is shut down or retired.
    pub fn put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.put_with(item, &mut WaitContext::endless())
    }

    /// Puts an item in. Blocks while the queue is full, until `deadline`.
    ///
    /// # Errors
    /// The queue stayed full, or was shut down or retired; the error returns the item.
    pub fn put_until(&self, item: S::Item, deadline: Deadline) -> Result<(), PutError<S::Item>> {
        self.put_with(item, &mut WaitContext::until(deadline))
    }

    /// Puts an item in. Blocks while the queue is full, until `context` ends the wait.
    ///
    /// # Errors
    /// The queue stayed full, was shut down or retired, or the host ended the wait; the error returns the item.
    pub fn put_with(&self, item: S::Item, context: &mut WaitContext<'_>) -> Result<(), PutError<S::Item>> {
        self.put_by(Self::try_put, item, context)
    }

    /// Like [`Queue::put_with`], with its errors, but returns whether a getter was waiting. Blocks as that does.
    ///
    /// # Errors
    /// See [`Queue::put_with`].
    pub fn put_outcome_with(
        &self,
        item: S::Item,
        context: &mut WaitContext<'_>,
    ) -> Result<PutOutcome, PutError<S::Item>> {
        self.put_by(Self::try_put_outcome, item, context)
    }

    fn put_by<R>(
        &self,
        attempt: impl Fn(&Self, S::Item) -> Result<R, PutError<S::Item>>,
        mut item: S::Item,
        context: &mut WaitContext<'_>,
    ) -> Result<R, PutError<S::Item>> {
        loop {
            match attempt(self, item) {
                Err(PutError::Full(refused)) => item = refused,
                result => return result,
            }
            match self.wait(Side::Put, context) {
                Wake::Notified => {}
                Wake::TimedOut => return attempt(self, item),
                Wake::Interrupted => return Err(PutError::Interrupted(item)),
            }
        }
    }

    /// Puts items in, in order, as many at a time as there is room for. Blocks while the queue is full, until `context`
    /// ends the wait. Items that were put are removed from `items`; the others stay there.
    ///
    /// # Errors
    /// The same as for [`Queue::put_with`].
    pub fn put_many_with(
        &self,
        items: &mut VecDeque<S::Item>,
        context: &mut WaitContext<'_>,
    ) -> Result<(), PutError<()>> {
        loop {
            match self.try_put_many(items) {
                Err(PutError::Full(())) => {}
                result => return result,
            }
            match self.wait(Side::Put, context) {
                Wake::Notified => {}
                Wake::TimedOut => return self.try_put_many(items),
                Wake::Interrupted => return Err(PutError::Interrupted(())),
            }
        }
    }

    fn try_put_many(&self, items: &mut VecDeque<S::Item>) -> Result<(), PutError<()>> {
        let mut state = self.state.lock();
        let (result, wakeups) = state.push_many(items);
        drop(state);
        wakeups.run();
        result.map_err(|reason| reason.with(()))
    }

    /// Takes an item out if there is one. Never blocks.
    ///
    /// # Errors
    /// The queue is empty, or retired.
    #[inline(always)]
    pub fn try_get(&self) -> Result<S::Item, GetError> {
        let (item, wakeup) = self.state.lock().pop()?;
        if let Some(wakeup) = wakeup {
            wakeup.run();
        }
        Ok(item)
    }

    /// Takes an item out. Blocks while the queue is empty.
    ///
    /// # Errors
    /// The queue is shut down and empty, or retired.
    pub fn get(&self) -> Result<S::Item, GetError> {
        self.get_with(&mut WaitContext::endless())
    }

    /// Takes an item out. Blocks while the queue is empty, until `deadline`.
    ///
    /// # Errors
    /// The queue stayed empty, is shut down and empty, or is retired.
    pub fn get_until(&self, deadline: Deadline) -> Result<S::Item, GetError> {
        self.get_with(&mut WaitContext::until(deadline))
    }

    /// Takes an item out. Blocks while the queue is empty, until `context` ends the wait.
    ///
    /// # Errors
    /// The queue stayed empty, is shut down and empty, is retired, or the host ended the wait.
    pub fn get_with(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError> {
        loop {
            match self.try_get() {
                Err(GetError::Empty) => {}
                result => return result,
            }
            match self.wait(Side::Get, context) {
                Wake::Notified => {}
                Wake::TimedOut => return self.try_get(),
                Wake::Interrupted => return Err(GetError::Interrupted),
            }
        }
    }

    /// Yields items as they come, until the queue is shut down and empty, or retired. Several threads may iterate at
    /// once: each item goes to one of them. Each step blocks while the queue is empty.
    pub fn iter(&self) -> impl Iterator<Item = S::Item> + '_ {
        std::iter::from_fn(|| self.get().ok())
    }

    /// Takes out 1 to `most` items (`most` >= 1). Blocks while the queue is empty, until `context` ends the wait.
    ///
    /// # Errors
    /// The same as for [`Queue::get_with`].
    pub fn get_many_with(
        &self,
        most: usize,
        context: &mut WaitContext<'_>,
    ) -> Result<Vec<S::Item>, GetError> {
        let mut got = vec![self.get_with(context)?];
        let mut state = self.state.lock();
        let wakeups = state.pop_many(most.saturating_sub(1), &mut got);
        drop(state);
        wakeups.run();
        Ok(got)
    }

    /// Marks the task of one item as done. If it was the last task, wakes all joiners. Never blocks.
    ///
    /// # Errors
    /// More tasks would be done than items had been put.
    #[inline]
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        let wakeups = self.state.lock().finish_one()?;
        wakeups.run();
        Ok(())
    }

    /// Waits until the task of every item is done. Blocks until then.
    ///
    /// # Errors
    /// The queue was retired.
    pub fn join(&self) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::endless())
    }

    /// Waits until the task of every item is done. Blocks until then, or until `deadline`.
    ///
    /// # Errors
    /// The deadline passed, or the queue was retired.
    pub fn join_until(&self, deadline: Deadline) -> Result<(), JoinError> {
        self.join_with(&mut WaitContext::until(deadline))
    }

    /// Waits until the task of every item is done. Blocks until then, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, the host ended the wait, or the queue was retired.
    pub fn join_with(&self, context: &mut WaitContext<'_>) -> Result<(), JoinError> {
        loop {
            let state = self.state.lock();
            match state.mode {
                Mode::Retired => return Err(JoinError::Retired),
                _ if state.unfinished == 0 => return Ok(()),
                _ => drop(state),
            }
            match self.wait(Side::Join, context) {
                Wake::Notified => {}
                Wake::TimedOut if self.state.lock().unfinished == 0 => {}
                Wake::TimedOut => return Err(JoinError::TimedOut),
                Wake::Interrupted => return Err(JoinError::Interrupted),
            }
        }
    }

    /// Shuts the queue down: it takes no more items. Getters can still take the items that are in it. With
    /// [`Discard::Items`], this returns those items instead, and counts their tasks as done. Never blocks.
    pub fn shutdown(&self, discard: Discard) -> Option<S> {
        let (discarded, wakeups) = self.state.lock().shut_down(discard);
        wakeups.into_iter().for_each(Wakeups::run);
        discarded
    }

    /// How many items there are at this moment. Never blocks.
    #[inline]
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Whether there is no item at this moment. Never blocks.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room for another item at this moment. Never blocks.
    #[inline]
    pub fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.items.len() >= state.limit
    }

    /// Whether the queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.state.lock().mode == Mode::ShutDown
    }

    /// Whether the queue was retired.
    pub(crate) fn is_retired(&self) -> bool {
        self.state.lock().mode == Mode::Retired
    }

    /// Whether the queue takes no more items because it was shut down or retired.
    pub fn is_over(&self) -> bool {
        self.state.lock().mode != Mode::Open
    }

    /// How many items were put whose task is not done at this moment. Never blocks.
    pub fn unfinished(&self) -> usize {
        self.state.lock().unfinished
    }

    /// Changes the bound to at most `bound` items; 0 means no bound. Items above the bound stay. Never blocks.
    pub fn set_bound(&self, bound: usize) {
        let wakeups = self.state.lock().set_bound(bound);
        wakeups.run();
    }

    /// Lines up on one side, unless it need not wait, and blocks until notified or until `context` ends the wait.
    ///
    /// `Notified` means only: try again.
    #[cold]
    fn wait(&self, side: Side, context: &mut WaitContext<'_>) -> Wake {
        let waiter = Waiter::thread();
        let mut state = self.state.lock();
        if state.is_ready(side) {
            return Wake::Notified;
        }
        state.line(side).push_back(waiter.clone());
        drop(state);
        let leave = || self.unregister(side, &waiter);
        let wake = block(&waiter, &self.resource(side.kind()), context, leave);
        if wake != Wake::Notified {
            leave();
        }
        wake
    }

    /// Puts a task's waiter in line on one side, to be notified when the operation is worth trying. If it is worth
    /// trying now, returns `false` and does nothing. Never blocks.
    pub fn register(&self, side: Side, waiter: &Arc<Waiter>) -> bool {
        let mut state = self.state.lock();
        let wait = !state.is_ready(side);
        if wait {
            state.line(side).push_back(waiter.clone());
        }
        wait
    }

    /// Like [`Queue::register`], but at the head of the line: for getters that are interchangeable. The last one to
    /// come is the most likely to be awake. Never blocks.
    pub fn register_first(&self, side: Side, waiter: &Arc<Waiter>) -> bool {
        let mut state = self.state.lock();
        let wait = !state.is_ready(side);
        if wait {
            state.line(side).push_front(waiter.clone());
        }
        wait
    }

    /// Takes a task's waiter out of its line. If it was notified, passes the notification to the next. Never blocks.
    pub fn unregister(&self, side: Side, waiter: &Arc<Waiter>) {
        let wakeup = self.state.lock().leave(side, waiter);
        wakeup.run();
    }
}

impl<S: Store, L: RawLock> fmt::Debug for Queue<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("unfinished", &self.unfinished())
            .field("is_shut_down", &self.is_shut_down())
            .finish_non_exhaustive()
    }
}
