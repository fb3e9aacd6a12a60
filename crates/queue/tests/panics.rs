//! Hosts that panic in a wait for a queue: nothing is left in line, and the waiter's notification goes to the next. Wakers
//! that panic: no item is lost.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::Scope;

use common::{Counts, eventually, panics_in, poll_explosive};
use interlock_queue::face::{FifoQueue, TaskGuard, bounded};
use interlock_queue::{Fifo, HostQueue, Queue};
use interlock_wait::{Deadline, WaitContext};

/// Starts a thread that waits in line, behind this one.
fn next_in_line<'s, 'e: 's>(
    scope: &'s Scope<'s, 'e>,
    sleeps: &'e AtomicUsize,
    wait: impl FnOnce(&mut WaitContext<'_>) + Send + 's,
) {
    let before = sleeps.load(Ordering::SeqCst);
    scope.spawn(move || {
        let mut host = Counts(sleeps);
        wait(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    });
    eventually(|| sleeps.load(Ordering::SeqCst) > before);
}

#[test]
fn an_item_goes_to_the_next_getter_when_the_first_has_panicked() {
    let (queue, sleeps) = (Queue::<Fifo<_>>::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        panics_in(
            |context| queue.get_with(context),
            || {
                next_in_line(scope, &sleeps, |context| {
                    assert_eq!(queue.get_with(context), Ok(1));
                });
                queue.put(1).unwrap();
            },
        );
    });
    assert!(queue.is_empty());
}

#[test]
fn no_getter_is_left_in_line_by_a_panic() {
    let (queue, sleeps) = (Queue::<Fifo<_>>::new(0), AtomicUsize::new(0));
    panics_in(|context| queue.get_with(context), || ());
    std::thread::scope(|scope| {
        next_in_line(scope, &sleeps, |context| {
            assert_eq!(queue.get_with(context), Ok(1));
        });
        queue.put(1).unwrap();
    });
}

#[test]
fn room_goes_to_the_next_putter_when_the_first_has_panicked() {
    let (queue, sleeps) = (Queue::<Fifo<_>>::new(1), AtomicUsize::new(0));
    queue.put(0).unwrap();
    std::thread::scope(|scope| {
        panics_in(
            |context| queue.put_with(1, context),
            || {
                next_in_line(scope, &sleeps, |context| queue.put_with(2, context).unwrap());
                assert_eq!(queue.get(), Ok(0));
            },
        );
    });
    assert_eq!((queue.try_get().ok(), queue.try_get().ok()), (Some(2), None));
}

#[test]
fn a_join_that_panics_leaves_the_queue_as_it_is() {
    let queue = Queue::<Fifo<_>>::new(0);
    queue.put(0).unwrap();
    panics_in(|context| queue.join_with(context), || ());
    queue.task_done().unwrap();
    queue.join().unwrap();
}

#[test]
fn an_item_that_was_reserved_for_a_getter_that_panicked_goes_to_the_next() {
    let (queue, sleeps) = (Queue::<Fifo<_>>::new(0), AtomicUsize::new(0));
    panics_in(
        |context| queue.get_reserved_with(context),
        || queue.try_put_reserved(1).unwrap(),
    );
    assert_eq!(queue.unreserved(), 1);
    assert_eq!(queue.try_get_unreserved(), Ok(1));
    std::thread::scope(|scope| {
        panics_in(
            |context| queue.get_reserved_with(context),
            || {
                next_in_line(scope, &sleeps, |context| {
                    assert_eq!(queue.get_reserved_with(context), Ok(2));
                });
                queue.try_put_reserved(2).unwrap();
            },
        );
    });
}

/// C370
#[test]
fn an_item_is_not_lost_when_the_waker_of_a_putter_panics() {
    type Take = fn(&FifoQueue<u8>) -> Option<u8>;
    let takes: [Take; 6] = [
        |queue| queue.get().ok(),
        |queue| queue.try_get().ok(),
        |queue| queue.iter().next(),
        |queue| queue.clear().into_iter().next(),
        |queue| queue.get_task().ok().map(TaskGuard::into_inner),
        |queue| match poll_explosive(&mut queue.get_async()) {
            Poll::Ready(item) => item.ok(),
            Poll::Pending => None,
        },
    ];
    for take in takes {
        let queue = FifoQueue::bounded(1);
        queue.put(1).unwrap();
        let mut putting = queue.put_async(2);
        assert!(poll_explosive(&mut putting).is_pending());
        assert_eq!(take(&queue), Some(1));
        assert!(poll_explosive(&mut putting).is_ready());
        assert_eq!(queue.try_get(), Ok(2));
    }
    let (sender, receiver) = bounded(1);
    sender.send(1).unwrap();
    let mut sending = sender.send_async(2);
    assert!(poll_explosive(&mut sending).is_pending());
    assert_eq!(receiver.recv(), Ok(1));
    let queue = Queue::<Fifo<_>>::new(1);
    queue.put(1).unwrap();
    let mut putting = queue.put_async(2);
    assert!(poll_explosive(&mut putting).is_pending());
    let mut context = WaitContext::endless();
    assert_eq!(queue.get_many_with(2, &mut context), Ok(vec![1]));
}

/// C370
#[test]
fn a_task_is_done_once_although_the_waker_of_a_joiner_panics() {
    let queue = FifoQueue::unbounded();
    queue.put(1).unwrap();
    let mut joining = queue.join_async();
    assert!(poll_explosive(&mut joining).is_pending());
    let task = queue.get_task().unwrap();
    assert_eq!(queue.unfinished(), 1);
    drop(task);
    assert_eq!(queue.unfinished(), 0);
    assert!(poll_explosive(&mut joining).is_ready());
    assert!(queue.try_join().is_ok());
}
