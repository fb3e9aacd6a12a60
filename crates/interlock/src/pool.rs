//! Pools of threads, and tasks with results.
//!
//! [The crate's documentation](crate#names-that-you-may-know) has a table of the names that other crates use.
//!
//! A program can wait for results in any order, and for a limited time. A pool can bound the number of tasks
//! that wait for a worker: then a thread that submits one more waits for room.
//!
//! ```
//! use std::time::Duration;
//!
//! use interlock::pool::ThreadPool;
//!
//! let pool = ThreadPool::builder().workers(2).name("sums").max_pending(1000).build();
//! let sums = pool.map(1..=100_u64, |limit| (1..=limit).sum::<u64>());
//! assert_eq!(sums.map(Result::unwrap).max(), Some(5050));
//!
//! let urgent = pool.at(-1).submit(|| 7).unwrap();
//! let Ok(seven) = urgent.result_timeout(Duration::from_secs(10)) else { panic!("it takes too long") };
//! assert_eq!(seven.unwrap(), 7);
//!
//! pool.join().unwrap();
//! assert!(pool.submit(|| 8).unwrap_err().is_shut_down());
//! ```
//!
//! A task may wait for other tasks of its pool, by [`Task::result`] or [`ThreadPool::scope`]: meanwhile its
//! worker runs those of them that no other worker has started. The pool can't notice an `await` in an
//! executor that the task runs; in that case, other workers have to run the awaited tasks.
//!
//! Any executor can await a [`Task`]:
//!
//! ```
//! use std::future::Future;
//! use std::pin::pin;
//! use std::task::{Context, Poll, Waker};
//!
//! use interlock::pool::ThreadPool;
//!
//! let pool = ThreadPool::new(1);
//! let mut answer = pin!(async { pool.submit_async(|| 42).await.unwrap().await.unwrap() });
//! // An executor that has nothing else to do.
//! let answer = loop {
//!     match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
//!         Poll::Ready(answer) => break answer,
//!         Poll::Pending => std::thread::yield_now(),
//!     }
//! };
//! assert_eq!(answer, 42);
//! ```

pub use interlock_pool::{
    At, Builder, CancelToken, JoinError, MapError, Mapped, MappedUnordered, Panic, Scope, ScopedMapped,
    ScopedTask, Stats, SubmitError, Submitting, SubmittingCancellable, Task, TaskError, ThreadPool,
};
