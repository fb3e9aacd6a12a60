//! A queue of items, with or without a bound, that threads can join and shut down.

use std::fmt;

use interlock_wait::{Deadline, RawLock, RawWordLock, StateLock, WaitContext};

use crate::error::{GetError, JoinError, PutError, TooManyDone};
use crate::line::run_all;
use crate::priority::Priority;
use crate::state::{Arrival, Discard, Mode, State};
use crate::store::{Fifo, Lifo, Store};

/// A queue that gives out items in the order in which they were put: Python's `queue.Queue`.
pub type FifoQueue<T> = Queue<Fifo<T>>;

/// A queue that gives out the latest item first: Python's `queue.LifoQueue`.
pub type LifoQueue<T> = Queue<Lifo<T>>;

/// A queue of pairs of a priority and an item that gives out the smallest priority first: Python's `queue.PriorityQueue`.
pub type PriorityQueue<P, T> = Queue<Priority<P, T>>;

/// A queue for hosts and pools: with a raw lock of their choice, waits that a host may end, and
/// [`retire`](crate::HostQueue::retire) besides the shutdown. The interface for programs is in
/// [`face`](crate::face).
pub struct Queue<S: Store, L: RawLock = RawWordLock> {
    pub(crate) state: StateLock<State<S>, L>,
}

impl<S: Store + Default> Queue<S> {
    /// Creates an empty queue for at most `bound` items; 0 means no bound.
    pub fn new(bound: usize) -> Self {
        Self::with_store(S::default(), bound)
    }
}

impl<S: Store> Queue<S> {
    /// Creates a queue that holds `items`, with an unfinished task for each, and takes at most `bound` items;
    /// 0 means no bound.
    pub fn with_store(items: S, bound: usize) -> Self {
        Queue {
            state: StateLock::new(State::new(items, bound)),
        }
    }
}

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Creates a queue that takes at most `limit` items. `items` is empty.
    #[cfg(not(loom))]
    pub(crate) const fn empty(items: S, limit: usize) -> Self {
        Queue {
            state: StateLock::new(State::empty(items, limit)),
        }
    }

    /// Creates a queue that takes at most `limit` items. `items` is empty.
    #[cfg(loom)]
    pub(crate) fn empty(items: S, limit: usize) -> Self {
        Queue {
            state: StateLock::new(State::empty(items, limit)),
        }
    }

    /// Puts an item in if there is room. Never blocks.
    ///
    /// # Errors
    /// The queue is full, shut down or retired.
    #[inline(always)]
    pub fn try_put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.put_in_room(item)
    }

    /// Puts an item in. Blocks while the queue is full.
    ///
    /// # Errors
    /// The queue is shut down or retired.
    pub fn put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.put_within(item, &mut WaitContext::endless())
    }

    /// Puts an item in. Blocks while the queue is full, until `deadline`.
    ///
    /// # Errors
    /// The queue stayed full, or was shut down or retired; the error returns the item.
    pub fn put_until(&self, item: S::Item, deadline: Deadline) -> Result<(), PutError<S::Item>> {
        self.put_within(item, &mut WaitContext::until(deadline))
    }

    /// Takes an item out if there is one. Never blocks.
    ///
    /// # Errors
    /// The queue is empty, or retired.
    #[inline(always)]
    pub fn try_get(&self) -> Result<S::Item, GetError> {
        self.take(Arrival::Unasked)
    }

    /// Takes an item out. Blocks while the queue is empty.
    ///
    /// # Errors
    /// The queue is shut down and empty, or retired.
    pub fn get(&self) -> Result<S::Item, GetError> {
        self.take_with(&mut WaitContext::endless())
    }

    /// Takes an item out. Blocks while the queue is empty, until `deadline`.
    ///
    /// # Errors
    /// The queue stayed empty, is shut down and empty, or is retired.
    pub fn get_until(&self, deadline: Deadline) -> Result<S::Item, GetError> {
        self.take_with(&mut WaitContext::until(deadline))
    }

    /// Yields items as they come, until the queue is shut down and empty, or retired. Several threads may iterate at
    /// once: each item goes to one of them. Each step blocks while the queue is empty.
    pub fn iter(&self) -> impl Iterator<Item = S::Item> + '_ {
        std::iter::from_fn(|| self.get().ok())
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

    /// Blocks until the task of every item is done.
    ///
    /// # Errors
    /// The queue was retired.
    pub fn join(&self) -> Result<(), JoinError> {
        self.wait_for_tasks(&mut WaitContext::endless())
    }

    /// Blocks until the task of every item is done, or until `deadline`.
    ///
    /// # Errors
    /// The deadline passed, or the queue was retired.
    pub fn join_until(&self, deadline: Deadline) -> Result<(), JoinError> {
        self.wait_for_tasks(&mut WaitContext::until(deadline))
    }

    /// Takes all items out, and counts their tasks as done. Putters that waited for room continue. Never blocks.
    pub fn clear(&self) -> S {
        let (items, wakeups) = self.state.lock().clear();
        run_all(wakeups);
        items
    }

    /// Shuts the queue down: it takes no more items. Getters can still take the items that are in it. With
    /// [`Discard::Items`], this returns those items instead, and counts their tasks as done. Never blocks.
    pub fn shutdown(&self, discard: Discard) -> Option<S> {
        let (discarded, wakeups) = self.state.lock().shut_down(discard);
        run_all(wakeups);
        discarded
    }

    /// Returns how many items there are at this moment. Never blocks.
    #[inline]
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Returns whether the queue is empty at this moment. Never blocks.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the queue is full at this moment. Never blocks.
    #[inline]
    pub fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.items.len() >= state.limit
    }

    /// Returns whether the queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.state.lock().mode == Mode::ShutDown
    }

    /// Returns whether the queue takes no more items because it was shut down or retired.
    pub fn is_over(&self) -> bool {
        self.state.lock().mode != Mode::Open
    }

    /// Returns how many items have an unfinished task at this moment. Never blocks.
    pub fn unfinished(&self) -> usize {
        self.state.lock().unfinished
    }

    /// Changes the bound to at most `bound` items; 0 means no bound. Items above the bound stay. Never blocks.
    pub fn set_bound(&self, bound: usize) {
        let wakeups = self.state.lock().set_bound(bound);
        wakeups.run();
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
