//! Queues between threads and tasks, and channels.
//!
//! A queue is shared: threads use it by reference or in an `Arc`, mark items as done, and shut it down. A
//! channel has two sides, and disconnects when one of them is dropped. Both give out items in the order in
//! which they were put; [`LifoQueue`] and [`PriorityQueue`] have other orders.
//!
//! Operations that can block have these forms: `get` waits without a limit, `try_get` does not wait,
//! `get_timeout` waits for a [`Duration`](std::time::Duration) at most, `get_deadline` until an
//! [`Instant`](std::time::Instant), and `get_async` for tasks. Threads and tasks wait in one line. An
//! operation that can fail only by running out of time returns [`TimedOut`](crate::TimedOut). The other
//! errors tell why the operation failed, and return the item.
//!
//! [The crate's documentation](crate#names-that-you-may-know) has a table of the names that other crates use.
//!
//! ```
//! use interlock::queue::{Discard, PriorityQueue, PutError};
//!
//! let orders = PriorityQueue::bounded(2);
//! orders.put((2, "coffee")).unwrap();
//! orders.put((1, "water")).unwrap();
//! assert_eq!(orders.try_put((3, "tea")), Err(PutError::Full((3, "tea"))));
//! assert_eq!(orders.get(), Ok((1, "water")));
//! orders.shutdown(Discard::Nothing);
//! assert_eq!(orders.try_put((3, "tea")), Err(PutError::ShutDown((3, "tea"))));
//! assert_eq!(orders.iter().count(), 1);
//! ```

pub use interlock_queue::face::*;
