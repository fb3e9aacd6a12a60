//! Additional operations of a queue for hosts and pools: waits that a host can end, waiters of the caller's own,
//! and operations for the owner of a queue.

use std::collections::VecDeque;
use std::panic::resume_unwind;

use interlock_wait::primitive::Arc;
use interlock_wait::{RawLock, Resource, ResourceKind, StateLock, Turn, WaitContext, Waiter, Wake, Wakeups};

use crate::error::{GetError, JoinError, PutError};
use crate::queue::Queue;
use crate::side::Side;
use crate::state::{Arrival, Contents, Mode, PutOutcome, State};
use crate::store::{Store, Traverse};
use crate::waiting::{Reserving, Telling, Way};

/// The operations of a [`Queue`] that are for hosts of threads, such as an interpreter, and for pools of workers.
pub trait HostQueue<S: Store>: Sized {
    /// Like [`Queue::with_store`], with a raw lock of the caller's choice.
    fn with_store_in(items: S, bound: usize) -> Self;

    /// Like [`Queue::try_put`], but returns whether a getter was waiting for the item. Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    fn try_put_outcome(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>>;

    /// Like [`HostQueue::try_put_outcome`], but ignores the bound. Never blocks.
    ///
    /// # Errors
    /// The queue is shut down or retired.
    fn put_unbounded(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>>;

    /// Puts an item in if there is room, for getters that use [`HostQueue::pop_wake_next`]. Returns whether there
    /// is a getter for it. Getters wake one after the other: each of them wakes the next if there is still an item.
    /// Never blocks.
    ///
    /// Only for items with [`Store::WAKES_IN_TURN`]:
    ///
    /// ```compile_fail,E0080
    /// use interlock_queue::{FifoQueue, HostQueue};
    ///
    /// let _ = FifoQueue::new(0).push_wake_one('a');
    /// ```
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    fn push_wake_one(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>>;

    /// Takes out an item that was put by [`HostQueue::push_wake_one`], if there is one. A getter that uses this method
    /// waits with [`HostQueue::register_first`] and never gives up. Never blocks.
    ///
    /// # Errors
    /// The queue is empty, or retired.
    fn pop_wake_next(&self, arrival: Arrival) -> Result<S::Item, GetError>;

    /// Counts the caller as a getter that was notified and is on its way, if the queue is empty and there is no
    /// other such getter. Then [`HostQueue::push_wake_one`] wakes none. Returns whether the caller counts. It
    /// checks [`HostQueue::is_worth_a_look`] for a while, without being in line, and then comes with
    /// [`Arrival::Notified`], whatever it saw. Never blocks.
    fn watch_wake_next(&self) -> bool;

    /// Returns whether a getter would find an item, or the end of the queue. Returns `false` if another thread is
    /// using the queue. Never blocks.
    fn is_worth_a_look(&self) -> bool;

    /// Puts an item in. Blocks while the queue is full, until `context` ends the wait.
    ///
    /// # Errors
    /// The queue stayed full, was shut down or retired, or the host ended the wait; the error returns the item.
    fn put_with(&self, item: S::Item, context: &mut WaitContext<'_>) -> Result<(), PutError<S::Item>>;

    /// Like [`HostQueue::put_with`], but returns whether a getter was waiting. Blocks as that does.
    ///
    /// # Errors
    /// See [`HostQueue::put_with`].
    fn put_outcome_with(
        &self,
        item: S::Item,
        context: &mut WaitContext<'_>,
    ) -> Result<PutOutcome, PutError<S::Item>>;

    /// Puts items in, in order, as many at a time as there is room for. Blocks while the queue is full, until `context`
    /// ends the wait. Items that were put are removed from `items`; the others stay there.
    ///
    /// # Errors
    /// The same as for [`HostQueue::put_with`].
    fn put_many_with(
        &self,
        items: &mut VecDeque<S::Item>,
        context: &mut WaitContext<'_>,
    ) -> Result<(), PutError<()>>;

    /// Takes an item out. Blocks while the queue is empty, until `context` ends the wait.
    ///
    /// # Errors
    /// The queue stayed empty, is shut down and empty, is retired, or the host ended the wait.
    fn get_with(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError>;

    /// Takes out 1 to `most` items (`most` >= 1). Blocks while the queue is empty, until `context` ends the wait.
    ///
    /// # Errors
    /// The same as for [`HostQueue::get_with`].
    fn get_many_with(&self, most: usize, context: &mut WaitContext<'_>) -> Result<Vec<S::Item>, GetError>;

    /// Blocks until the task of every item is done, or until `context` ends the wait.
    ///
    /// # Errors
    /// The deadline passed, the host ended the wait, or the queue was retired.
    fn join_with(&self, context: &mut WaitContext<'_>) -> Result<(), JoinError>;

    /// Puts a task's waiter in line on one side, to be notified when the operation is worth trying. If it is worth
    /// trying now, returns `false` and does nothing. A thread's waiter may stand only in a queue whose getters
    /// [wake in turn](Store::WAKES_IN_TURN). Never blocks.
    fn register(&self, side: Side, waiter: &Arc<Waiter>) -> bool;

    /// Like [`HostQueue::register`], but at the head of the line: for getters that are interchangeable. The last one to
    /// come is the most likely to be awake. Never blocks.
    fn register_first(&self, side: Side, waiter: &Arc<Waiter>) -> bool;

    /// Like [`HostQueue::register`], for a task that is polled at its `turn`. A task that was notified in vain goes
    /// to the head of the line. In a mere look, changes nothing, and returns the same. Never blocks.
    fn register_turn(&self, side: Side, turn: Turn<'_>) -> bool;

    /// Like [`HostQueue::register`] for a getter that calls [`HostQueue::try_get_unreserved`]: it has to wait if
    /// all items are reserved. Never blocks.
    fn register_for_unreserved(&self, waiter: &Arc<Waiter>) -> bool;

    /// Takes a registered waiter out of its line. If it was notified, passes the notification to the next. Never blocks.
    fn unregister(&self, side: Side, waiter: &Arc<Waiter>);

    /// Returns the resource for a thread that calls [`block`](interlock_wait::block()) after
    /// [`HostQueue::register`]. All sides of a queue have the same number.
    fn resource(&self, kind: ResourceKind) -> impl Resource + '_;

    /// Retires the queue and returns its contents; `None` if it was retired before. Later puts, gets and joins fail.
    /// The caller must run the returned wake-ups, which end the waits. Never blocks.
    fn retire(&self) -> Option<(Contents<S>, [Wakeups; 3])>;

    /// Takes all items out at once and changes nothing else: for an owner that is being destroyed, so that no
    /// thread waits. Never blocks.
    fn take_items(&self) -> S;

    /// Lets `take` take items out, notifies as many putters, and returns the result of `take`. `take` runs under
    /// the queue's lock and must do nothing else. Never blocks.
    ///
    /// # Panics
    /// `take` panicked (the putters are notified all the same), or added items.
    fn take_out<R>(&self, take: impl FnOnce(&mut S) -> R) -> R;

    /// Calls `look` with the items, under the queue's lock, and returns its result. `look` must only read. Returns
    /// `None` without calling it if another thread is using the queue. Never blocks.
    fn try_look<R>(&self, look: impl FnOnce(&S) -> R) -> Option<R>;

    /// Returns how many items have an unfinished task, and how many of these items are in the queue, at one moment.
    /// Never blocks.
    fn unfinished_and_len(&self) -> (usize, usize);

    /// Forgets the waiters: for the child of a fork, which has only one thread. Items stay.
    fn reset_waiters(&self);

    /// Puts an item in if there is room. If a getter waits, the item is reserved for it. Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    fn try_put_reserved(&self, item: S::Item) -> Result<(), PutError<S::Item>>;

    /// Takes out an item that is not reserved for a getter, if there is one. Never blocks.
    ///
    /// # Errors
    /// There is no such item, or the queue is retired.
    fn try_get_unreserved(&self) -> Result<S::Item, GetError>;

    /// Takes out an item that is not reserved for another getter. Blocks while there is none, until `context` ends the
    /// wait. While the getter waits, [`HostQueue::try_put_reserved`] can reserve an item for it.
    ///
    /// # Errors
    /// The same as for [`HostQueue::get_with`].
    fn get_reserved_with(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError>;

    /// Returns how many items are not reserved for getters at this moment. Never blocks.
    fn unreserved(&self) -> usize;

    /// Visits each item in place, under the queue's lock. `visit` must only read. If another thread is using the queue,
    /// returns `false` and visits none. Never blocks.
    fn try_for_each(&self, visit: &mut dyn FnMut(&S::Item)) -> bool
    where
        S: Traverse;
}

/// Puts an item in for getters that wake in turn.
struct InTurn;

impl<S: Store> Way<S> for InTurn {
    type Outcome = PutOutcome;

    const WAY: Self = InTurn;

    #[inline(always)]
    fn push(state: &mut State<S>, item: S::Item) -> (PutOutcome, Option<Wakeups>) {
        let (outcome, wakeup) = state.push_wake_one(item);
        (outcome, Some(wakeup.into()))
    }
}

impl<S: Store, L: RawLock> HostQueue<S> for Queue<S, L> {
    fn with_store_in(items: S, bound: usize) -> Self {
        Queue {
            state: StateLock::new(State::new(items, bound)),
        }
    }

    #[inline]
    fn try_put_outcome(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>> {
        self.place_in_room(Telling, item, Arrival::Unasked)
    }

    fn put_unbounded(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>> {
        self.place(Telling, item, State::refuses_unbounded)
    }

    #[inline]
    fn push_wake_one(&self, item: S::Item) -> Result<PutOutcome, PutError<S::Item>> {
        self.place_in_room(InTurn, item, Arrival::Unasked)
    }

    #[inline]
    fn pop_wake_next(&self, arrival: Arrival) -> Result<S::Item, GetError> {
        let (item, getter, putters) = self.state.lock().pop_wake_next(arrival)?;
        getter.run();
        if let Some(putters) = putters {
            putters.run();
        }
        Ok(item)
    }

    fn watch_wake_next(&self) -> bool {
        self.state.lock().count_as_notified()
    }

    fn is_worth_a_look(&self) -> bool {
        let state = self.state.try_lock();
        state.is_some_and(|state| state.is_ready(Side::Get))
    }

    fn put_with(&self, item: S::Item, context: &mut WaitContext<'_>) -> Result<(), PutError<S::Item>> {
        self.put_within(item, context)
    }

    fn put_outcome_with(
        &self,
        item: S::Item,
        context: &mut WaitContext<'_>,
    ) -> Result<PutOutcome, PutError<S::Item>> {
        self.place_with(Telling, item, context)
    }

    fn put_many_with(
        &self,
        items: &mut VecDeque<S::Item>,
        context: &mut WaitContext<'_>,
    ) -> Result<(), PutError<()>> {
        let placed = self.persist(Side::Put, context, |arrival| {
            match self.place_many(arrival, items) {
                Err(PutError::Full(())) => None,
                placed => Some(placed),
            }
        });
        match placed {
            Ok(placed) => placed,
            Err(Wake::Interrupted) => Err(PutError::Interrupted(())),
            Err(_) => Err(PutError::Full(())),
        }
    }

    fn get_with(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError> {
        self.take_with(context)
    }

    fn get_many_with(&self, most: usize, context: &mut WaitContext<'_>) -> Result<Vec<S::Item>, GetError> {
        let mut got = vec![self.take_with(context)?];
        let mut state = self.state.lock();
        let wakeups = state.pop_many(most.saturating_sub(1), &mut got);
        drop(state);
        wakeups.run();
        Ok(got)
    }

    fn join_with(&self, context: &mut WaitContext<'_>) -> Result<(), JoinError> {
        self.wait_for_tasks(context)
    }

    fn register(&self, side: Side, waiter: &Arc<Waiter>) -> bool {
        let mut state = self.state.lock();
        let wait = !state.is_ready(side);
        if wait {
            state.line(side).push_back(waiter.clone());
        }
        wait
    }

    fn register_turn(&self, side: Side, turn: Turn<'_>) -> bool {
        let mut state = self.state.lock();
        let wait = !state.is_ready(side);
        if wait {
            turn.line_up_again(state.line(side));
        }
        wait
    }

    fn register_for_unreserved(&self, waiter: &Arc<Waiter>) -> bool {
        let mut state = self.state.lock();
        let wait = state.unreserved() == 0 && state.mode == Mode::Open;
        if wait {
            state.line(Side::Get).push_back(waiter.clone());
        }
        wait
    }

    fn register_first(&self, side: Side, waiter: &Arc<Waiter>) -> bool {
        let mut state = self.state.lock();
        let wait = !state.is_ready(side);
        if wait {
            state.line(side).push_front(waiter.clone());
        }
        wait
    }

    fn unregister(&self, side: Side, waiter: &Arc<Waiter>) {
        let wakeup = self.state.lock().leave(side, waiter);
        wakeup.run();
    }

    fn resource(&self, kind: ResourceKind) -> impl Resource + '_ {
        self.resource_of(kind)
    }

    fn retire(&self) -> Option<(Contents<S>, [Wakeups; 3])> {
        self.state.lock().retire()
    }

    fn take_items(&self) -> S {
        self.state.lock().items.take()
    }

    fn take_out<R>(&self, take: impl FnOnce(&mut S) -> R) -> R {
        let (taken, wakeups) = self.state.lock().take_out(take);
        // Checked here, where the lock is free: a panic drops the items that were taken.
        assert!(
            wakeups.is_some(),
            "take_out() added items to a queue: only put() does"
        );
        wakeups.into_iter().for_each(Wakeups::run);
        taken.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn try_look<R>(&self, look: impl FnOnce(&S) -> R) -> Option<R> {
        self.state.try_lock().map(|state| look(&state.items))
    }

    fn unfinished_and_len(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.unfinished, state.items.len())
    }

    fn reset_waiters(&self) {
        let forgotten = self.state.lock().forget_waiters();
        drop(forgotten);
    }

    #[inline(always)]
    fn try_put_reserved(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.place_in_room(Reserving, item, Arrival::Unasked)
    }

    #[inline(always)]
    fn try_get_unreserved(&self) -> Result<S::Item, GetError> {
        self.take_unreserved()
    }

    fn get_reserved_with(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError> {
        self.take_reserved(context)
    }

    fn unreserved(&self) -> usize {
        self.state.lock().unreserved()
    }

    fn try_for_each(&self, visit: &mut dyn FnMut(&S::Item)) -> bool
    where
        S: Traverse,
    {
        self.state
            .try_lock()
            .map(|state| state.items.for_each(visit))
            .is_some()
    }
}
