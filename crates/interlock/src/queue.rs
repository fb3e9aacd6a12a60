//! Queues between threads and tasks, and channels.
//!
//! A queue is shared: threads use it by reference or in an `Arc`, count what is done, and shut it down. A channel has two sides,
//! and ends when one of them is gone. Both take items in order; [`LifoQueue`] and [`PriorityQueue`] have other orders.
//!
//! What blocks has these forms: `get` as long as it takes, `try_get` without a wait, `get_timeout` for a
//! [`Duration`](std::time::Duration) at most, `get_deadline` until an [`Instant`](std::time::Instant), and `get_async` for tasks.
//! Threads and tasks stand in one line. What can only be late fails with [`TimedOut`](crate::TimedOut); the other errors say
//! which of two things happened, and give back the item.
//!
//! | here | std `mpsc` | `crossbeam-channel`, `flume` | tokio `mpsc` |
//! |---|---|---|---|
//! | [`bounded()`], [`unbounded()`] | `sync_channel`, `channel` | `bounded`, `unbounded` | `channel`, `unbounded_channel` |
//! | [`Sender::send`], [`Receiver::recv`] | `send`, `recv` | `send`, `recv` | `send().await`, `recv().await` |
//! | [`Receiver`] can be cloned | – | the same | – |
//! | [`SendError`], [`RecvError`] | `TrySendError`, `RecvTimeoutError`, … | `SendTimeoutError`, `TryRecvError`, … | `SendTimeoutError`, … |
//! | [`FifoQueue`], [`LifoQueue`], [`PriorityQueue`] | – | – | – |
//! | [`Queue::put`], [`Queue::get`], [`Queue::shutdown`] | – | – | – |
//! | [`Queue::get_task`], [`Queue::join`] | – | – | – |
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
