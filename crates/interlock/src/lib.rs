//! Locks, conditions, queues and threads that wait in one place: Python's concurrency toolbox, for Rust programs.
//!
//! Interlock is the engine under the Python package of the same name. What Python's `threading` and `queue` do, it does
//! for a Rust program, in Python's words and with Python's semantics: bounded queues that can be joined and shut down,
//! barriers that break, events, counting semaphores, conditions whose notified waiters do not all wake to one taken lock.
//!
//! | module | what is there |
//! |---|---|
//! | [`queue`] | [`Queue`](queue::Queue) between threads and tasks: FIFO, LIFO, priority |
//! | [`sync`] | [`Lock`](sync::Lock), [`RLock`](sync::RLock), [`Condition`](sync::Condition), [`Semaphore`](sync::Semaphore), [`Event`](sync::Event), [`Barrier`](sync::Barrier) |
//! | [`thread`] | threads that are kept for reuse, and waiting for them |
//! | [`wait`] | how long to wait and what may end a wait; the parts to build a primitive of your own |
//! | [`observe`] | hearing of every wait in the process: profilers, deadlock detectors |
//!
//! # A queue between threads
//!
//! ```
//! use interlock::queue::{Discard, Fifo, Queue};
//!
//! let pages = Queue::<Fifo<String>>::new(2);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         // Ends when the queue is shut down and empty.
//!         while let Ok(page) = pages.get() {
//!             assert!(page.starts_with("page"));
//!             pages.task_done().unwrap();
//!         }
//!     });
//!     for number in 0..10 {
//!         // Waits while there are two in it.
//!         pages.put(format!("page {number}")).unwrap();
//!     }
//!     pages.join_with(&mut interlock::Patience::endless()).unwrap();
//!     pages.shutdown(Discard::Nothing);
//! });
//! ```
//!
//! What is put is moved: the queue never clones, compares or drops an item, and an item that could not be put comes back
//! in the error. [`Priority`](queue::Priority) orders by a number beside the item.
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
//! use interlock::queue::{Fifo, Queue};
//!
//! let queue = Queue::<Fifo<u8>>::new(0);
//! let mut getting = std::pin::pin!(queue.get_async());
//! let mut context = Context::from_waker(Waker::noop());
//! assert!(getting.as_mut().poll(&mut context).is_pending());
//! queue.put(7).unwrap();
//! assert_eq!(getting.poll(&mut context), Poll::Ready(Ok(7)));
//! ```
//!
//! # How long to wait
//!
//! `try_…` never waits. Plain methods wait as long as it takes. Methods named `…_with` take a [`Patience`]: a
//! [`Deadline`], made once where a timeout enters the program, and perhaps a [`Host`](wait::Host), which may end the wait.
//!
//! ```
//! use std::time::Duration;
//!
//! use interlock::sync::{Semaphore, WaitError};
//! use interlock::{Deadline, Patience};
//!
//! let connections = Semaphore::bounded(1, 1);
//! connections.acquire();
//! let soon = Deadline::after(Duration::from_millis(1));
//! let result = connections.acquire_with(&mut Patience::until(soon));
//! assert_eq!(result, Err(WaitError::TimedOut));
//! ```
//!
//! # Locks
//!
//! A [`Lock`](sync::Lock) is Python's: it guards nothing by itself, any thread may release it, and releasing is a call, not
//! the end of a scope. It is eventually fair: every half millisecond, a release gives it to the first in line, whoever else wants it.
//!
//! ```
//! use interlock::Patience;
//! use interlock::sync::{Condition, RLock};
//!
//! let (lock, changed) = (RLock::new(), Condition::new());
//! std::thread::scope(|scope| {
//!     lock.acquire();
//!     scope.spawn(|| {
//!         lock.acquire();
//!         changed.notify_with(&lock, 1);
//!         lock.release().unwrap();
//!     });
//!     // Releases the lock, waits for the notification, and has the lock again.
//!     changed.wait_with(&lock, &mut Patience::endless()).unwrap();
//!     lock.release().unwrap();
//! });
//! ```
//!
//! # A primitive of your own
//!
//! Every primitive is some plain fields under a [`WordLock`](wait::WordLock), with [`WaitQueue`](wait::WaitQueue)s among
//! them, and waits in [`block`](wait::block), the only function here that puts a thread to sleep. The steps, and why they
//! lose no wake-up, are in `PROTOCOL.md` of the crate `interlock-wait`. A gate that opens once:
//!
//! ```
//! use interlock::Patience;
//! use interlock::observe::{Kind, Resource};
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
//!         // Who wakes up should not find the lock taken.
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
//!         let resource = Resource { kind: Kind::Event, address: self.0.address() };
//!         block(&waiter, resource, None, &mut Patience::endless());
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
//! It does not poison: a thread that panics with a lock leaves it locked, as in Python. It supports Linux only. A process
//! that forks while other threads are at work here should go on to `exec` (see [`wait::fork`]).

#![forbid(unsafe_code)]

/// Queues between threads and tasks.
pub mod queue {
    pub use interlock_queue::{
        Contents, Counters, Discard, Either, Fifo, GetError, Getting, Hooked, HookedError, Joining, Lifo,
        Priority, PutError, Putting, Queue, Side, Store, TooManyDone, Traverse,
    };
}

/// Locks, conditions, semaphores, events and barriers.
pub mod sync {
    pub use interlock_sync::{
        Arrival, Barrier, Broken, Condition, Event, Exclusive, Lock, NotHeld, RLock, Saved, Semaphore,
        TooMany, WaitError,
    };
}

/// Operating-system threads that are kept for reuse, and waiting for them.
pub mod thread {
    pub use interlock_pool::{Group, Job, Latch, idle, launch};
    pub use interlock_wait::ThreadId;
}

/// How long to wait, what may end a wait, and the parts that primitives are made of.
pub mod wait {
    pub use interlock_wait::{
        Deadline, Host, Patience, Slept, WaitQueue, Waiter, Wake, Wakeup, Wakeups, WordLock, WordLockGuard,
        block, fork,
    };
}

/// Hearing of what happens to threads: for profilers and deadlock detectors.
pub mod observe {
    pub use interlock_wait::{Event, Kind, Probe, Resource, clear_probe, probed, report, set_probe};
}

pub use wait::{Deadline, Patience};
