//! For Linux: locks, conditions, queues, channels, and pools of threads and processes that wait in one place.
//!
//! Interlock is the engine under the Python package of the same name. What Python's `threading`, `queue` and thread pools do, it
//! does for a Rust program: queues that are bounded, joined and shut down, barriers that break, events, counting
//! semaphores, locks at which no thread starves, and conditions whose notified waiters do not all wake to find the lock
//! taken. No Python is needed, and none is in it.
//!
//! | you want | take |
//! |---|---|
//! | to hand work from one thread or task to another | [`FifoQueue`](queue::FifoQueue) |
//! | the same, the newest or the most urgent first | [`LifoQueue`](queue::LifoQueue), [`PriorityQueue`](queue::PriorityQueue) |
//! | a channel that ends when one side is gone | [`queue::bounded`], [`queue::unbounded`] |
//! | that one thread at a time touches a value | [`Mutex`](sync::Mutex) |
//! | to wait until that value has changed | [`Condition`](sync::Condition) |
//! | at most so many threads at a time | [`Semaphore`](sync::Semaphore) |
//! | to say once that something has happened | [`Event`](sync::Event) |
//! | that threads meet at a point | [`Barrier`](sync::Barrier) |
//! | a lock without a value, released by any thread, or taken again by its owner | [`Lock`](sync::Lock), [`RLock`](sync::RLock) |
//! | functions run by a few threads, and their results | [`ThreadPool`](pool::ThreadPool) |
//! | the same in processes that may die | [`ProcessPool`](process::ProcessPool) |
//! | a primitive of your own | [`wait`] |
//! | to hear of every wait in the process | [`observe`] |
//!
//! The documentation of each module has a table of what the standard library, crossbeam, parking_lot and tokio call the same thing.
//!
//! # How long to wait
//!
//! An operation that can block has these forms:
//!
//! | name | waits |
//! |---|---|
//! | `try_get`, `try_acquire`, … | never |
//! | `get`, `acquire`, … | as long as it takes |
//! | `get_timeout`, `acquire_timeout`, … | for a [`Duration`](std::time::Duration) at most |
//! | `get_deadline`, `acquire_deadline`, … | until an [`Instant`](std::time::Instant) at most |
//! | `get_async`, `lock_async`, … | as a future, on any executor |
//!
//! Not all have all of them:
//!
//! - An [`RLock`](sync::RLock) has no `_async` form: its owner is a thread.
//! - What only waits for something to happen has no `try_` form: `wait` of an [`Event`](sync::Event) (look at
//!   [`is_set`](sync::Event::is_set)), a [`Condition`](sync::Condition) and a [`Barrier`](sync::Barrier). `wait_while` of a condition has no
//!   `_async` form: call [`wait_async`](sync::Condition::wait_async) in a loop.
//! - A task is a future itself, so `result` and `wait` have no `_async` form; [`is_done`](pool::Task::is_done) is `wait` without a wait.
//! - `join` of a pool has no `_async` form, nor has [`submit` in a scope](pool::Scope::submit).
//! - Iterators (`iter()`, the maps of pools), [`ThreadPool::scope`](pool::ThreadPool::scope) and
//!   [`try_map`](pool::ThreadPool::try_map) wait as long as it takes. Queues and channels have a `try_iter()`, too.
//!
//! No wait ends by chance: a thread wakes when it is notified, or at its deadline. An operation that can only run out of time returns
//! `Result<_, TimedOut>`. One that can also fail in another way has one error type for all of its forms, and an item or
//! a function that was refused comes back in it.
//!
//! ```
//! use std::time::Duration;
//!
//! use interlock::TimedOut;
//! use interlock::sync::Semaphore;
//!
//! static CONNECTIONS: Semaphore = Semaphore::new(1);
//!
//! let connection = CONNECTIONS.guard();
//! assert_eq!(CONNECTIONS.acquire_timeout(Duration::from_millis(1)), Err(TimedOut));
//! drop(connection);
//! assert_eq!(CONNECTIONS.try_acquire(), Ok(()));
//! ```
//!
//! # A queue between threads
//!
//! ```
//! use interlock::queue::{Discard, FifoQueue};
//!
//! let pages = FifoQueue::<String>::bounded(2);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         // Ends when the queue is shut down and empty.
//!         for page in pages.iter() {
//!             assert!(page.starts_with("page"));
//!             pages.task_done().unwrap();
//!         }
//!     });
//!     for number in 0..10 {
//!         // Waits while there are two in it.
//!         pages.put(format!("page {number}")).unwrap();
//!     }
//!     // Waits until every page is done.
//!     pages.join();
//!     pages.shutdown(Discard::Nothing);
//! });
//! ```
//!
//! What is put is moved: the queue never clones or drops an item, and an item that could not be put comes back
//! in the error. A [`PriorityQueue`](queue::PriorityQueue) orders by a priority beside the item. All threads share one
//! queue, by reference or in an `Arc`; it ends with `shutdown`. A [channel](queue::bounded()) ends when one side of it is dropped.
//!
//! # Tasks at the same queue
//!
//! `get_async`, `put_async` and `join_async` are futures for any executor. Threads and tasks stand in one line; a future
//! that is dropped loses no item, and passes on what had been announced to it.
//!
//! ```
//! use std::future::Future;
//! use std::task::{Context, Poll, Waker};
//!
//! use interlock::queue::FifoQueue;
//!
//! let queue = FifoQueue::unbounded();
//! let mut getting = std::pin::pin!(queue.get_async());
//! let mut context = Context::from_waker(Waker::noop());
//! assert!(getting.as_mut().poll(&mut context).is_pending());
//! queue.put(7).unwrap();
//! assert_eq!(getting.poll(&mut context), Poll::Ready(Ok(7)));
//! ```
//!
//! # Tasks and their results
//!
//! A [`ThreadPool`](pool::ThreadPool) runs functions on a few threads, which it starts when they are wanted. A
//! [`Task`](pool::Task) is the way to the result of one: wait for it, [`await`](std::future::Future) it, cancel it, or leave
//! a continuation. A panic arrives as an error, and costs no worker.
//!
//! ```
//! use interlock::pool::{TaskError, ThreadPool};
//!
//! let pool = ThreadPool::new(4);
//! let words = pool.submit(|| "so many words".split(' ').count()).unwrap();
//! let even = words.then(|count| count.unwrap() % 2 == 0);
//! let fails = pool.submit(|| "many".parse::<u32>().unwrap()).unwrap();
//! assert!(!even.result().unwrap());
//! assert!(matches!(fails.result(), Err(TaskError::Panicked(_))));
//! assert_eq!(pool.stats().failed, 1);
//! ```
//!
//! # Values under a lock
//!
//! A [`Mutex`](sync::Mutex) has a value, and a [`Condition`](sync::Condition) says that it changed. A thread that is
//! notified is not woken to find the mutex taken: it wakes when it is its turn to have it.
//!
//! ```
//! use interlock::sync::{Condition, Mutex};
//!
//! let (balance, changed) = (Mutex::new(0), Condition::new());
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         let mut balance = balance.lock();
//!         *balance += 50;
//!         changed.notify_all();
//!     });
//!     let mut balance = balance.lock();
//!     changed.wait_while(&mut balance, |balance| *balance < 50);
//!     assert_eq!(*balance, 50);
//! });
//! ```
//!
//! # Locks without a value
//!
//! A [`Lock`](sync::Lock) is Python's: it guards nothing by itself, and any thread may release it. It is released by a
//! call, or at the end of a scope by its [`Guard`](sync::Guard). All locks are eventually fair: now and then, a
//! release gives the lock to the first thread in line, even if others try to take it.
//!
//! ```
//! use interlock::sync::RLock;
//!
//! let lock = RLock::new();
//! let outer = lock.guard();
//! // Its owner may have it again.
//! let inner = lock.try_guard();
//! assert!(inner.is_ok());
//! drop((outer, inner));
//! assert!(!lock.is_locked());
//! ```
//!
//! # A primitive of your own
//!
//! Every primitive is some plain fields under a [`WordLock`](wait::WordLock), with [`WaitQueue`](wait::WaitQueue)s among
//! them, and waits in [`block`](wait::block), the only function here that puts a thread to sleep. The steps, and why they
//! lose no wake-up, are in `PROTOCOL.md` of the crate `interlock-wait`. A gate that opens once:
//!
//! ```
//! use interlock::WaitContext;
//! use interlock::observe::{Resource, ResourceId, ResourceKind};
//! use interlock::wait::{WaitQueue, Waiter, WordLock, block};
//!
//! #[derive(Default)]
//! struct Gate(WordLock<(bool, WaitQueue)>);
//!
//! impl Gate {
//!     fn open(&self) {
//!         let mut state = self.0.lock();
//!         state.0 = true;
//!         let wakeups = state.1.notify_all();
//!         // A thread that wakes up should not find the lock taken.
//!         drop(state);
//!         wakeups.run();
//!     }
//!
//!     fn wait(&self) {
//!         let waiter = Waiter::thread();
//!         let mut state = self.0.lock();
//!         if state.0 {
//!             return;
//!         }
//!         state.1.push_back(waiter.clone());
//!         drop(state);
//!         block(&waiter, self, &mut WaitContext::endless(), || {
//!             // An observer has panicked: nothing may stay in line.
//!             self.0.lock().1.remove(&waiter);
//!         });
//!     }
//! }
//!
//! /// How an observer sees it.
//! impl Resource for Gate {
//!     fn id(&self) -> ResourceId {
//!         self.0.lock().1.id()
//!     }
//!
//!     fn kind(&self) -> ResourceKind {
//!         ResourceKind::Event
//!     }
//! }
//!
//! let gate = Gate::default();
//! std::thread::scope(|scope| {
//!     scope.spawn(|| gate.wait());
//!     gate.open();
//! });
//! ```
//!
//! # What it does not do
//!
//! - It does not poison. A guard that is dropped while a panic unwinds releases its lock, and a value stays as it is; what
//!   was acquired by a call stays acquired, as in Python.
//! - A process that forks while other threads are at work here should go on to `exec` (see [`wait::fork`]). The workers of
//!   a [`ThreadPool`](pool::ThreadPool) are no reason for that: they see to it themselves.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]

pub mod queue;

pub mod sync;

pub mod pool;

pub mod process;

/// How long to wait, what may end a wait, and the parts that primitives are made of.
pub mod wait {
    pub use interlock_wait::{
        Deadline, WaitContext, WaitQueue, Waiter, Wake, Wakeup, Wakeups, WordLock, WordLockGuard, block, fork,
    };

    /// For interpreters, and for memory that processes share.
    #[doc(hidden)]
    pub use interlock_wait::{
        Host, HostLock, HostWord, MOST_SHARED_WORDS, RawLock, RawWord, RawWordLock, SharedWord, Slept,
        StateGuard, StateLock, ThreadIdent, block_shared, wake_shared,
    };
}

/// Hearing of what happens to threads: for profilers and deadlock detectors.
///
/// An observer is told of each wait before it begins, and can refuse it. It finds out what all threads wait for at that
/// moment, and which threads own that, by [`pending_waits`](observe::pending_waits).
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
///
/// use interlock::observe::{Observer, TraceEvent, clear_observer, set_observer};
/// use interlock::sync::Semaphore;
///
/// #[derive(Default)]
/// struct CountsWaits(AtomicU32);
///
/// impl Observer for CountsWaits {
///     fn event(&self, event: TraceEvent) {
///         if let TraceEvent::WillWait { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let waits = Arc::new(CountsWaits::default());
/// set_observer(waits.clone());
/// let _ = Semaphore::new(0).acquire_timeout(Duration::from_millis(1));
/// clear_observer();
/// assert_eq!(waits.0.load(Ordering::Relaxed), 1);
/// ```
pub mod observe {
    pub use interlock_wait::{
        Interest, Observer, Owned, Owners, PendingWait, Resource, ResourceId, ResourceKind, ThreadId,
        TraceEvent, Verdict, Wait, clear_observer, next_sequence, observes, pending_waits, report,
        set_observer, take_refusal,
    };
}

/// Deciding which thread runs, and what time it is: for programs that explore or replay schedules.
///
/// A [`Scheduler`](schedule::Scheduler) parks and wakes the threads that use this crate, in place of the operating system.
/// So it can run one thread at a time, on a clock of its own. Threads that it is to drive from their beginning are started
/// by [`spawn`](schedule::spawn), as the workers of a pool are.
pub mod schedule {
    pub use interlock_wait::{Returned, Scheduler, clear_scheduler, now, set_scheduler, spawn};
}

pub use interlock_wait::TimedOut;
pub use wait::{Deadline, WaitContext};

/// The Rust programs of the README are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
