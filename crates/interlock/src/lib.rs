//! Locks, conditions, queues, channels, and pools of threads and of processes, for Linux.
//!
//! Interlock is the engine under the Python package of the same name. It gives a Rust program what Python's
//! `threading`, `queue` and thread pools offer: queues that are bounded, joined and shut down, barriers that
//! break, events, counting semaphores, locks at which no thread starves, and conditions whose notified
//! waiters do not all wake up just to find the lock taken. It neither needs nor contains Python.
//!
//! | you want | use |
//! |---|---|
//! | to hand work from one thread or task to another | [`FifoQueue`](queue::FifoQueue) |
//! | the same, the newest or the most urgent first | [`LifoQueue`](queue::LifoQueue), [`PriorityQueue`](queue::PriorityQueue) |
//! | a channel that disconnects when one side is dropped | [`queue::bounded`], [`queue::unbounded`] |
//! | a value that one thread at a time can use | [`Mutex`](sync::Mutex) |
//! | to wait until that value changes | [`Condition`](sync::Condition) |
//! | to limit how many threads do something at a time | [`Semaphore`](sync::Semaphore) |
//! | to announce that something has happened | [`Event`](sync::Event) |
//! | a point where threads wait for each other | [`Barrier`](sync::Barrier) |
//! | a lock without a value, released by any thread, or taken again by its owner | [`Lock`](sync::Lock), [`RLock`](sync::RLock) |
//! | to run functions on a few threads, and get their results | [`ThreadPool`](pool::ThreadPool) |
//! | the same, in processes that may crash | [`ProcessPool`](process::ProcessPool) |
//! | a primitive of your own | [`wait`] |
//! | to observe every wait in the process | [`observe`] |
//!
//! # Names that you may know
//!
//! | here | std | crossbeam, rayon | parking_lot | tokio |
//! |---|---|---|---|---|
//! | [`queue::bounded`], [`queue::unbounded`] | `sync_channel`, `channel` | `bounded`, `unbounded` | – | `mpsc::channel`, `unbounded_channel` |
//! | [`Sender::send`](queue::Sender::send), [`Receiver::recv`](queue::Receiver::recv); many receivers | `send`, `recv`; one receiver | `send`, `recv`; many receivers | – | `send().await`, `recv().await`; one receiver |
//! | [`SendError`](queue::SendError), [`RecvError`](queue::RecvError) | `TrySendError`, `RecvTimeoutError`, … | `SendTimeoutError`, `TryRecvError`, … | – | `SendTimeoutError`, … |
//! | [`FifoQueue`](queue::FifoQueue), [`LifoQueue`](queue::LifoQueue), [`PriorityQueue`](queue::PriorityQueue); [`get_task`](queue::Queue::get_task), [`join`](queue::Queue::join) | – | – | – | – |
//! | [`Mutex`](sync::Mutex) | `Mutex`, poisoned by a panic | – | `Mutex` | `Mutex` |
//! | [`MutexGuard::map`](sync::MutexGuard::map) | `MutexGuard::map`, unstable | – | `MutexGuard::map` | `MutexGuard::map` |
//! | [`Condition`](sync::Condition) | `Condvar` | – | `Condvar` | `Notify` |
//! | [`Lock`](sync::Lock) | – | – | `RawMutex` | – |
//! | [`RLock`](sync::RLock) | `ReentrantLock`, unstable | – | `ReentrantMutex` | – |
//! | [`Semaphore`](sync::Semaphore), [`Semaphore::guard`](sync::Semaphore::guard) | – | – | – | `Semaphore`, a permit |
//! | [`Event`](sync::Event) | – | – | – | `watch` of a flag |
//! | [`Barrier`](sync::Barrier), which breaks when a thread gives up | `Barrier` | – | – | `Barrier` |
//! | [`ThreadPool::submit`](pool::ThreadPool::submit), and [`Task`](pool::Task) for the result | `thread::spawn`, `JoinHandle` | `spawn` | – | `spawn_blocking`, `JoinHandle` |
//! | [`Task::result`](pool::Task::result), or `.await` | `join` | – | – | `.await` |
//! | [`ThreadPool::scope`](pool::ThreadPool::scope), [`Scope::map`](pool::Scope::map) | `thread::scope` | `scope`, `par_iter().map` | – | – |
//! | [`ThreadPool::map`](pool::ThreadPool::map), [`map_unordered`](pool::ThreadPool::map_unordered), [`map_chunked`](pool::ThreadPool::map_chunked) | – | `par_iter().map` | – | – |
//! | [`ThreadPool::try_map`](pool::ThreadPool::try_map) | – | `par_iter().map().collect::<Result<_, _>>()` | – | – |
//! | [`ThreadPool::submit_cancellable`](pool::ThreadPool::submit_cancellable), [`CancelToken`](pool::CancelToken) | – | – | – | `CancellationToken` |
//!
//! # How long to wait
//!
//! An operation that can block has these forms:
//!
//! | name | waits |
//! |---|---|
//! | `try_get`, `try_acquire`, … | never |
//! | `get`, `acquire`, … | without a limit |
//! | `get_timeout`, `acquire_timeout`, … | for a [`Duration`](std::time::Duration) at most |
//! | `get_deadline`, `acquire_deadline`, … | until an [`Instant`](std::time::Instant) at most |
//! | `get_async`, `lock_async`, … | without blocking a thread: it returns a future, for any executor |
//!
//! Some operations lack some of these forms:
//!
//! - An [`RLock`](sync::RLock) has no `_async` form: its owner is a thread.
//! - `wait` of an [`Event`](sync::Event), a [`Condition`](sync::Condition) and a [`Barrier`](sync::Barrier)
//!   has no `try_` form. (To look at an event, call [`is_set`](sync::Event::is_set).) `wait_while` of a
//!   condition has no `_async` form: call [`wait_async`](sync::Condition::wait_async) in a loop.
//! - A task is a future itself, so `result` and `wait` have no `_async` form;
//!   [`is_done`](pool::Task::is_done) takes the place of a `try_wait`.
//! - Neither `join` of a pool nor [`submit` in a scope](pool::Scope::submit) has an `_async` form.
//! - Iterators (`iter()`, the maps of pools and scopes), [`ThreadPool::scope`](pool::ThreadPool::scope) and
//!   [`try_map`](pool::ThreadPool::try_map) wait without a limit. Queues and channels have a `try_iter()`,
//!   too.
//!
//! There are no spurious wake-ups: a thread wakes when it is notified, or at its deadline. An operation that
//! can fail only by running out of time returns `Result<_, TimedOut>`. An operation that can also fail in
//! another way has one error type for all its forms; if it refuses an item or a function, the error returns
//! it.
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
//! `put` moves the item. The queue never clones or drops an item, and if an item can't be put, the error
//! returns it. A [`PriorityQueue`](queue::PriorityQueue) orders by a priority beside the item. All threads
//! share one queue, by reference or in an `Arc`; it ends with `shutdown`. A [channel](queue::bounded()) ends
//! when one side of it is dropped.
//!
//! # Tasks at the same queue
//!
//! `get_async`, `put_async` and `join_async` are futures for any executor. Threads and tasks wait in one
//! line. Dropping a future loses no item: if it was notified already, the notification passes on to the next
//! in line.
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
//! A [`ThreadPool`](pool::ThreadPool) runs functions on a few threads, which it starts when they are needed.
//! A [`Task`](pool::Task) stands for the result of one function: wait for it, [`await`](std::future::Future)
//! it, cancel it, or attach a continuation. If the function panics, the result is an error, and the worker
//! goes on.
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
//! A [`Mutex`](sync::Mutex) holds a value, and a [`Condition`](sync::Condition) tells waiting threads that it
//! changed. A notified thread does not wake up just to find the mutex taken: it wakes when its turn comes to
//! lock it.
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
//! A [`Lock`](sync::Lock) works as Python's does: it holds no value, and any thread may release it, either by
//! a call or by dropping a [`Guard`](sync::Guard). All locks are eventually fair: now and then, a release
//! gives the lock to the first thread in line, even if others try to take it.
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
//! Every primitive consists of a few plain fields under a [`WordLock`](wait::WordLock), with
//! [`WaitQueue`](wait::WaitQueue)s among them. Its threads wait in [`block`](wait::block). `PROTOCOL.md` of
//! the crate `interlock-wait` describes the steps, and why they lose no wake-up. A gate that opens once:
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
//!             // For an interpreter's code that panics in a wait: nothing may stay in line.
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
//! - It does not let a panic of a waker or of an [observer](observe) out. The panic hook reports the panic. The
//!   thread that called the waker or the observer goes on, because it may hold an item, a guard or a lock, and all
//!   the other waiters are woken.
//! - It does not poison. A guard that is dropped while a panic unwinds releases its lock, and the value stays
//!   as it is. A lock that was acquired by a call stays acquired, as in Python.
//! - It does not make `fork` safe for every program. A process that forks while other threads use this crate
//!   should go on to `exec`: a thread that does not exist in the child may hold an internal lock there. The
//!   workers of a [`ThreadPool`](pool::ThreadPool) alone do not require that: they take care of forks themselves.
//!   In the child, all lines of waiters are empty, and locks that other threads hold stay held.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![forbid(unsafe_code)]

pub mod queue;

pub mod sync;

pub mod pool;

pub mod process;

/// How long to wait, what may end a wait, and the building blocks of primitives.
pub mod wait {
    pub use interlock_wait::{
        Deadline, WaitContext, WaitQueue, Waiter, Wake, Wakeup, Wakeups, WordLock, WordLockGuard, block,
    };

    /// For interpreters, and for memory that processes share.
    #[doc(hidden)]
    pub use interlock_wait::{
        Host, HostLock, HostWord, MOST_SHARED_WORDS, RawLock, RawWord, RawWordLock, SharedWord, Slept,
        StateGuard, StateLock, ThreadIdent, block_shared, wake_shared,
    };
}

/// Observing what happens to threads: for profilers and deadlock detectors.
///
/// The crate calls the observer before each wait, and the observer can refuse the wait.
/// [`pending_waits`](observe::pending_waits) tells it what all threads wait for at that moment, and which
/// threads can end these waits.
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
        TraceEvent, Verdict, Wait, clear_observer, pending_waits, set_observer, take_refusal,
    };
}

/// Deciding which thread runs, and what time it is: for programs that explore or replay schedules.
///
/// A [`Scheduler`](schedule::Scheduler) parks and wakes the threads that use this crate, in place of the
/// operating system. So it can run one thread at a time, on a clock of its own. To have it drive a thread
/// from the start, start the thread with [`spawn`](schedule::spawn), as pools start their workers.
pub mod schedule {
    pub use interlock_wait::{Returned, Scheduler, clear_scheduler, now, set_scheduler, spawn};
}

pub use interlock_wait::TimedOut;
pub use wait::{Deadline, WaitContext};

/// The Rust programs of the README are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
