//! Queues for programs: with or without a bound, with tasks that threads can wait for, and with a shutdown.

use std::fmt;
use std::time::{Duration, Instant};

use interlock_wait::{Deadline, TimedOut, WaitContext};

use crate::error::{GetError as NothingGot, PutError as Refused, TooManyDone};
use crate::queue::Queue as Raw;
use crate::refusal::{GetError, PutError};
use crate::state::{Arrival, Discard};
use crate::store::{Deque, Fifo, Lifo, Store};
use crate::task_guard::TaskGuard;
use crate::waiting::OnPanic;

/// A queue that gives out items in the order in which they were put.
pub type FifoQueue<T> = Queue<Fifo<T>>;

/// A queue that gives out the latest item first.
pub type LifoQueue<T> = Queue<Lifo<T>>;

/// A queue that threads and tasks share, by reference or in an `Arc`.
///
/// Any number of threads put items and get them: each item goes to one getter. If a queue has a bound, putters that
/// are too fast wait. [`Queue::join`] waits until every item was not only taken, but also [done](Queue::task_done).
/// A [shutdown](Queue::shutdown) ends the waits on both sides.
///
/// ```
/// use interlock::queue::{Discard, FifoQueue};
///
/// static LINES: FifoQueue<&str> = FifoQueue::bounded(100);
///
/// std::thread::scope(|scope| {
///     let counter = scope.spawn(|| LINES.iter().map(str::len).sum::<usize>());
///     for line in ["to be", "or not"] {
///         LINES.put(line).unwrap();
///     }
///     LINES.shutdown(Discard::Nothing);
///     assert_eq!(counter.join().unwrap(), 11);
/// });
/// ```
pub struct Queue<S: Store> {
    pub(crate) raw: Raw<S>,
}

/// Defines constructors that are `const`, except in a model.
macro_rules! constructors {
    ($store:expr) => {
        constructors! { $store,
            /// Creates an empty queue for at most `bound` items: putters wait while it is full.
            ///
            /// # Panics
            /// `bound` is 0: use `bounded(1)`, or `unbounded()`.
            bounded(bound: usize) => {
                assert!(bound > 0, "a queue for 0 items takes none: use bounded(1), or unbounded()");
                bound
            }
            /// Creates an empty queue for any number of items: putters never wait.
            unbounded() => { usize::MAX }
        }
    };
    ($store:expr, $($(#[$doc:meta])* $name:ident($($bound:ident: usize)?) => $limit:block)*) => {$(
        #[cfg(not(loom))]
        $(#[$doc])*
        pub const fn $name($($bound: usize)?) -> Self {
            Queue { raw: $crate::queue::Queue::empty($store, $limit) }
        }

        #[cfg(loom)]
        $(#[$doc])*
        pub fn $name($($bound: usize)?) -> Self {
            Queue { raw: $crate::queue::Queue::empty($store, $limit) }
        }
    )*};
}

impl<T, const LIFO: bool> Queue<Deque<T, LIFO>> {
    constructors!(Deque::new());
}

pub(crate) use constructors;

/// Operations that put items in.
impl<S: Store> Queue<S> {
    /// Puts an item in. Blocks while the queue is full, until a getter makes room, or until a shutdown.
    ///
    /// # Errors
    /// The queue is shut down; or it is full, and an observer refused the wait. The error returns the item.
    pub fn put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.put_in(item, WaitContext::endless)
    }

    /// Puts an item in if there is room now. Never blocks.
    ///
    /// # Errors
    /// The queue is full, or shut down. The error returns the item.
    ///
    /// ```
    /// use interlock::queue::{FifoQueue, PutError};
    ///
    /// let queue = FifoQueue::bounded(1);
    /// queue.try_put("first").unwrap();
    /// let error = queue.try_put("second").unwrap_err();
    /// assert_eq!(error, PutError::Full("second"));
    /// assert_eq!(error.to_string(), "the queue is full");
    /// assert_eq!(error.into_inner(), "second");
    /// ```
    #[inline]
    pub fn try_put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let put = OnPanic(&self.raw).guard(|| self.raw.put_in_room(item));
        put.map_err(PutError::of)
    }

    /// Puts an item in. Blocks while the queue is full, for at most `timeout`.
    ///
    /// # Errors
    /// The queue was full for all that time, or is shut down. The error returns the item.
    pub fn put_timeout(&self, item: S::Item, timeout: Duration) -> Result<(), PutError<S::Item>> {
        self.put_in(item, || WaitContext::until(Deadline::after(timeout)))
    }

    /// Puts an item in. Blocks while the queue is full, until `deadline` at the latest.
    ///
    /// # Errors
    /// The queue was full until then, or is shut down. The error returns the item.
    pub fn put_deadline(&self, item: S::Item, deadline: Instant) -> Result<(), PutError<S::Item>> {
        self.put_in(item, || WaitContext::until(deadline.into()))
    }

    #[inline]
    fn put_in(
        &self,
        item: S::Item,
        context: impl FnOnce() -> WaitContext<'static>,
    ) -> Result<(), PutError<S::Item>> {
        let put = OnPanic(&self.raw).guard(|| match self.raw.put_in_room(item) {
            Err(Refused::Full(item)) => self.raw.put_within(item, &mut context()),
            put => put,
        });
        put.map_err(PutError::of)
    }
}

/// Operations that take items out.
impl<S: Store> Queue<S> {
    /// Takes an item out. Blocks while the queue is empty, until a putter puts an item in, or until a shutdown.
    ///
    /// # Errors
    /// The queue is shut down, and empty; or it is empty, and an observer refused the wait.
    pub fn get(&self) -> Result<S::Item, GetError> {
        self.get_in(WaitContext::endless)
    }

    /// Takes an item out if there is one now. Never blocks.
    ///
    /// # Errors
    /// The queue is empty, or also shut down.
    #[inline]
    pub fn try_get(&self) -> Result<S::Item, GetError> {
        let got = OnPanic(&self.raw).guard(|| self.raw.take(Arrival::Unasked));
        got.map_err(GetError::of)
    }

    /// Takes an item out. Blocks while the queue is empty, for at most `timeout`.
    ///
    /// # Errors
    /// No item came in that time, or the queue is shut down, and empty.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use interlock::queue::{Discard, FifoQueue, GetError};
    ///
    /// let queue = FifoQueue::<u8>::unbounded();
    /// assert_eq!(queue.get_timeout(Duration::from_millis(1)), Err(GetError::Empty));
    /// queue.shutdown(Discard::Nothing);
    /// assert!(queue.get_timeout(Duration::MAX).unwrap_err().is_shut_down());
    /// ```
    pub fn get_timeout(&self, timeout: Duration) -> Result<S::Item, GetError> {
        self.get_in(|| WaitContext::until(Deadline::after(timeout)))
    }

    /// Takes an item out. Blocks while the queue is empty, until `deadline` at the latest.
    ///
    /// # Errors
    /// No item came until then, or the queue is shut down, and empty.
    pub fn get_deadline(&self, deadline: Instant) -> Result<S::Item, GetError> {
        self.get_in(|| WaitContext::until(deadline.into()))
    }

    #[inline]
    fn get_in(&self, context: impl FnOnce() -> WaitContext<'static>) -> Result<S::Item, GetError> {
        let got = OnPanic(&self.raw).guard(|| match self.raw.take(Arrival::Unasked) {
            Err(NothingGot::Empty) => self.raw.take_with(&mut context()),
            got => got,
        });
        got.map_err(GetError::of)
    }

    /// Returns an iterator over the items as they come. It ends when the queue is shut down and empty. Each step
    /// blocks as [`Queue::get`] does. Several threads may iterate at once: each item goes to one of them.
    pub fn iter(&self) -> Iter<'_, S> {
        Iter(self)
    }

    /// Returns an iterator over the items in the queue, including those that come meanwhile. It ends when the queue
    /// is empty. Never blocks.
    pub fn try_iter(&self) -> TryIter<'_, S> {
        TryIter(self)
    }

    /// Takes all items out, and counts their tasks as done. Putters that wait for room continue. Iterating over them gives the order in
    /// which gets would have taken them out. Never blocks.
    pub fn clear(&self) -> S {
        self.raw.clear()
    }
}

/// Operations on tasks: an item is a task from the moment it is put until it is done.
impl<S: Store> Queue<S> {
    /// Like [`Queue::get`], but the item counts as done when the returned guard is dropped, even by a panic.
    ///
    /// # Errors
    /// The same as for [`Queue::get`].
    ///
    /// ```
    /// use interlock::queue::{Discard, FifoQueue};
    ///
    /// let queue = FifoQueue::unbounded();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         while let Ok(number) = queue.get_task() {
    ///             println!("{}", *number * 2);
    ///         }
    ///     });
    ///     (1..=3).for_each(|number| queue.put(number).unwrap());
    ///     queue.join();
    ///     println!("all three are printed");
    ///     queue.shutdown(Discard::Nothing);
    /// });
    /// ```
    pub fn get_task(&self) -> Result<TaskGuard<'_, S>, GetError> {
        self.get().map(|item| TaskGuard::new(&self.raw, item))
    }

    /// Like [`Queue::try_get`], but returns a guard as [`Queue::get_task`] does.
    ///
    /// # Errors
    /// The same as for [`Queue::try_get`].
    pub fn try_get_task(&self) -> Result<TaskGuard<'_, S>, GetError> {
        self.try_get().map(|item| TaskGuard::new(&self.raw, item))
    }

    /// Like [`Queue::get_timeout`], but returns a guard as [`Queue::get_task`] does.
    ///
    /// # Errors
    /// The same as for [`Queue::get_timeout`].
    pub fn get_task_timeout(&self, timeout: Duration) -> Result<TaskGuard<'_, S>, GetError> {
        self.get_timeout(timeout)
            .map(|item| TaskGuard::new(&self.raw, item))
    }

    /// Like [`Queue::get_deadline`], but returns a guard as [`Queue::get_task`] does.
    ///
    /// # Errors
    /// The same as for [`Queue::get_deadline`].
    pub fn get_task_deadline(&self, deadline: Instant) -> Result<TaskGuard<'_, S>, GetError> {
        self.get_deadline(deadline)
            .map(|item| TaskGuard::new(&self.raw, item))
    }

    /// Counts the task of one item as done. After the last task, the threads that [join](Queue::join) continue.
    /// Never blocks. [`Queue::get_task`] is safer: its guard makes this call.
    ///
    /// # Errors
    /// No task is left: `task_done()` was called more often than items were put.
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        self.raw.task_done()
    }

    /// Returns how many items are not done. Never blocks.
    pub fn unfinished(&self) -> usize {
        self.raw.unfinished()
    }

    /// Blocks until every item is done.
    pub fn join(&self) {
        let _ = self.raw.wait_for_tasks(&mut WaitContext::uninterruptible());
    }

    /// Returns whether every item is done. Never blocks.
    ///
    /// # Errors
    /// An item is not done.
    pub fn try_join(&self) -> Result<(), TimedOut> {
        self.join_in(Deadline::PASSED)
    }

    /// Waits until every item is done, for at most `timeout`.
    ///
    /// # Errors
    /// An item was not done in that time.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use interlock::queue::FifoQueue;
    ///
    /// let queue = FifoQueue::unbounded();
    /// queue.put('a').unwrap();
    /// assert!(queue.join_timeout(Duration::from_millis(1)).is_err());
    /// drop(queue.get_task());
    /// assert!(queue.join_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    pub fn join_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.join_in(Deadline::after(timeout))
    }

    /// Waits until every item is done, until `deadline` at the latest.
    ///
    /// # Errors
    /// An item was not done by then.
    pub fn join_deadline(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.join_in(deadline.into())
    }

    fn join_in(&self, deadline: Deadline) -> Result<(), TimedOut> {
        self.raw
            .wait_for_tasks(&mut WaitContext::until(deadline))
            .map_err(|_| TimedOut)
    }
}

/// Operations on the queue as a whole.
impl<S: Store> Queue<S> {
    /// Shuts the queue down: puts fail from now on, and so do the gets of an empty queue. With [`Discard::Items`], returns the
    /// items that are in it, and counts them as done. Never blocks.
    pub fn shutdown(&self, discard: Discard) -> Option<S> {
        self.raw.shutdown(discard)
    }

    /// Returns whether the queue was shut down. Never blocks.
    pub fn is_shut_down(&self) -> bool {
        self.raw.is_shut_down()
    }

    /// Returns how many items there are at this moment. Never blocks.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Returns whether the queue is empty at this moment. Never blocks.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Returns whether the queue is full at this moment. Never blocks.
    pub fn is_full(&self) -> bool {
        self.raw.is_full()
    }

    /// Returns the bound, if there is one. Never blocks.
    pub fn bound(&self) -> Option<usize> {
        Some(self.raw.state.lock().limit).filter(|&limit| limit != usize::MAX)
    }

    /// Sets the bound: from now on, the queue takes at most `bound` items, or any number if it is `None`. Items
    /// above the bound stay. Never blocks.
    ///
    /// # Panics
    /// `bound` is 0.
    pub fn set_bound(&self, bound: Option<usize>) {
        assert!(
            bound != Some(0),
            "a queue for 0 items takes none: use Some(1), or None"
        );
        self.raw.set_bound(bound.unwrap_or(0));
    }
}

/// See [`Queue::iter`].
pub struct Iter<'a, S: Store>(&'a Queue<S>);

impl<S: Store> Iterator for Iter<'_, S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        self.0.get().ok()
    }
}

/// See [`Queue::try_iter`].
pub struct TryIter<'a, S: Store>(&'a Queue<S>);

impl<S: Store> Iterator for TryIter<'_, S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        self.0.try_get().ok()
    }
}

impl<'a, S: Store> IntoIterator for &'a Queue<S> {
    type Item = S::Item;
    type IntoIter = Iter<'a, S>;

    fn into_iter(self) -> Iter<'a, S> {
        self.iter()
    }
}

impl<S: Store + IntoIterator<Item = <S as Store>::Item>> IntoIterator for Queue<S> {
    type Item = <S as Store>::Item;
    type IntoIter = S::IntoIter;

    /// Returns the items that are in the queue, in the order in which gets would take them out.
    fn into_iter(self) -> S::IntoIter {
        self.raw.clear().into_iter()
    }
}

impl<S: Store + Default> Default for Queue<S> {
    /// Creates an empty queue without a bound.
    fn default() -> Self {
        Queue {
            raw: Raw::empty(S::default(), usize::MAX),
        }
    }
}

impl<S: Store + Default> FromIterator<S::Item> for Queue<S> {
    /// Creates a queue without a bound that contains the items.
    fn from_iter<I: IntoIterator<Item = S::Item>>(items: I) -> Self {
        let mut queue = Self::default();
        queue.extend(items);
        queue
    }
}

impl<S: Store> Extend<S::Item> for Queue<S> {
    /// Puts items in even if the queue is full: with the exclusive reference, no other thread could make room
    /// meanwhile.
    ///
    /// # Panics
    /// The queue is shut down.
    fn extend<I: IntoIterator<Item = S::Item>>(&mut self, items: I) {
        for item in items {
            let put = OnPanic(&self.raw).guard(|| self.raw.put_ignoring_bound(item));
            assert!(put.is_ok(), "a queue that is shut down is extended");
        }
    }
}

impl<S: Store> fmt::Debug for Queue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// Makes the iterators show their queue.
macro_rules! debug {
    ($($name:ident),*) => {$(
        impl<S: Store> fmt::Debug for $name<'_, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(self.0).finish()
            }
        }
    )*};
}

debug!(Iter, TryIter);
