//! The behaviour of a queue when a host, a waker, an item or a closure panics, and when notified threads leave.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;
#[path = "../../wait/tests/woken/mod.rs"]
mod woken;

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use common::{Counts, Handles, Runs, eventually};
use interlock_queue::{Discard, Fifo, FifoQueue, GetError, HostQueue, PutError, Store};
use interlock_wait::{Deadline, WaitContext};
use woken::Woken;

/// Gets, and calls `then` when the getter stands in line, before its first sleep. If that returns true, the host ends the wait.
fn get_hosted(queue: &FifoQueue<u8>, then: impl FnMut() -> bool) -> Result<u8, GetError> {
    let mut host = Runs(then);
    queue.get_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
}

fn put_hosted(queue: &FifoQueue<u8>, item: u8, then: impl FnMut() -> bool) -> Result<(), PutError<u8>> {
    let mut host = Runs(then);
    queue.put_with(item, &mut WaitContext::hosted(Deadline::NEVER, &mut host))
}

#[test]
fn no_second_getter_is_notified_for_the_item_of_one_that_comes() {
    let queue = FifoQueue::new(0);
    let woken = Arc::new(Woken::default());
    let mut next = pin!(queue.get_async());
    let got = get_hosted(&queue, || {
        assert!(woken.poll(next.as_mut()).is_pending());
        queue.put(1).unwrap();
        // Another getter is faster. The first getter still comes, so this item is for it.
        assert_eq!(queue.try_get(), Ok(1));
        queue.put(2).unwrap();
        assert_eq!(woken.times(), 0);
        false
    });
    assert_eq!((got, woken.times()), (Ok(2), 0));
    queue.put(3).unwrap();
    assert_eq!(woken.times(), 1, "nobody comes any more");
}

#[test]
fn no_second_putter_is_notified_for_the_room_of_one_that_comes() {
    let queue = FifoQueue::new(1);
    queue.put(0).unwrap();
    let woken = Arc::new(Woken::default());
    let mut next = pin!(queue.put_async(9));
    let put = put_hosted(&queue, 2, || {
        assert!(woken.poll(next.as_mut()).is_pending());
        assert_eq!(queue.try_get(), Ok(0));
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1));
        assert_eq!(woken.times(), 0);
        false
    });
    assert_eq!((put, woken.times()), (Ok(()), 0));
    assert_eq!(queue.get(), Ok(2));
    assert_eq!(woken.times(), 1, "nobody comes any more");
}

#[test]
fn a_getter_that_leaves_passes_its_duty_on() {
    let queue = FifoQueue::new(0);
    let woken = Arc::new(Woken::default());
    let mut next = pin!(queue.get_async());
    let got = get_hosted(&queue, || {
        assert!(woken.poll(next.as_mut()).is_pending());
        queue.put(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1));
        queue.put(2).unwrap();
        true
    });
    assert_eq!((got, woken.times()), (Err(GetError::Interrupted), 1));
    assert_eq!(woken.poll(next.as_mut()), Poll::Ready(Ok(2)));
}

#[test]
fn a_getter_whose_host_panics_passes_its_duty_on() {
    for reserved in [false, true] {
        let queue = FifoQueue::new(0);
        let woken = Arc::new(Woken::default());
        let mut next = pin!(queue.get_async());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut host = Runs(|| {
                assert!(woken.poll(next.as_mut()).is_pending());
                queue.put(1).unwrap();
                std::panic::resume_unwind(Box::new("the host panics"));
            });
            let context = &mut WaitContext::hosted(Deadline::NEVER, &mut host);
            match reserved {
                true => queue.get_reserved_with(context),
                false => queue.get_with(context),
            }
        }));
        assert!(panicked.is_err());
        assert_eq!(woken.times(), 1);
        assert_eq!(woken.poll(next.as_mut()), Poll::Ready(Ok(1)));
        queue.try_put_reserved(2).unwrap();
        assert_eq!(queue.try_get_unreserved(), Ok(2), "nothing is reserved any more");
    }
}

#[test]
fn a_putter_whose_host_panics_passes_its_duty_on() {
    let queue = FifoQueue::new(1);
    queue.put(0).unwrap();
    let woken = Arc::new(Woken::default());
    let mut next = pin!(queue.put_async(2));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        put_hosted(&queue, 1, || {
            assert!(woken.poll(next.as_mut()).is_pending());
            assert_eq!(queue.try_get(), Ok(0));
            std::panic::resume_unwind(Box::new("the host panics"));
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(woken.times(), 1);
    assert_eq!(woken.poll(next.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(queue.get(), Ok(2));
}

#[test]
fn a_getter_whose_host_panics_before_it_is_notified_leaves_the_line() {
    let queue = FifoQueue::new(0);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        get_hosted(&queue, || std::panic::resume_unwind(Box::new("the host panics")))
    }));
    assert!(panicked.is_err());
    let woken = Arc::new(Woken::default());
    let mut next = pin!(queue.get_async());
    assert!(woken.poll(next.as_mut()).is_pending());
    queue.put(1).unwrap();
    assert_eq!(
        woken.times(),
        1,
        "the getter that panicked is not in line before it"
    );
}

/// While the getter is in a signal handler, an item comes, and is taken by the next in line. The handler may take long.
#[test]
fn a_handler_does_not_hold_up_the_next_getter() {
    let queue = FifoQueue::new(0);
    let woken = Arc::new(Woken::default());
    let mut next = pin!(queue.get_async());
    let handled = Cell::new(false);
    let mut host = Handles(|| {
        if !handled.replace(true) {
            assert!(woken.poll(next.as_mut()).is_pending());
            queue.put(1).unwrap();
            assert_eq!(woken.times(), 1);
            assert_eq!(woken.poll(next.as_mut()), Poll::Ready(Ok(1)));
            queue.put(2).unwrap();
        }
        false
    });
    // The first sleep ends soon, because this thread handles signals.
    let got = queue.get_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    assert_eq!(got, Ok(2));
    let mut third = pin!(queue.get_async());
    assert!(woken.poll(third.as_mut()).is_pending());
    queue.put(3).unwrap();
    assert_eq!(woken.times(), 2);
}

#[test]
fn clearing_a_queue_lets_putters_through_and_counts_its_tasks_as_done() {
    let queue = FifoQueue::new(2);
    queue.put(0).unwrap();
    queue.put(1).unwrap();
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let putters = [2, 3].map(|item| {
            let (queue, sleeps) = (&queue, &sleeps);
            scope.spawn(move || {
                let mut host = Counts(sleeps);
                queue.put_with(item, &mut WaitContext::hosted(Deadline::NEVER, &mut host))
            })
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 2);
        assert_eq!(queue.clear().into_iter().collect::<Vec<_>>(), [0, 1]);
        for putter in putters {
            assert_eq!(putter.join().unwrap(), Ok(()));
        }
    });
    assert_eq!((queue.len(), queue.unfinished()), (2, 2));
    let woken = Arc::new(Woken::default());
    let mut joining = pin!(queue.join_async());
    assert!(woken.poll(joining.as_mut()).is_pending());
    drop(queue.clear());
    assert_eq!(woken.poll(joining.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn a_closure_that_panics_while_it_takes_items_out_costs_nobody_a_notification() {
    let queue = FifoQueue::new(1);
    queue.put(0).unwrap();
    let woken = Arc::new(Woken::default());
    let mut putting = pin!(queue.put_async(1));
    assert!(woken.poll(putting.as_mut()).is_pending());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        queue.take_out(|items| {
            items.pop();
            std::panic::resume_unwind(Box::new("the closure panics"));
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(woken.times(), 1);
    assert_eq!(woken.poll(putting.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn a_closure_that_adds_items_is_told_so() {
    let queue = FifoQueue::new(0);
    let panic = catch_unwind(AssertUnwindSafe(|| queue.take_out(|items| items.push(1)))).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert!(text.starts_with("take_out() added items to a queue"), "{text}");
    queue.put(2).unwrap();
    // What the closure returns is dropped under no lock.
    struct Locks<'a>(&'a FifoQueue<u8>);
    impl Drop for Locks<'_> {
        fn drop(&mut self) {
            assert_eq!(self.0.len(), 3);
        }
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let add = |items: &mut Fifo<u8>| {
            items.push(1);
            Locks(&queue)
        };
        drop(queue.take_out(add));
    }));
    assert!(panicked.is_err());
}

/// Panics when it wakes.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("a waker panics"));
    }
}

#[test]
fn wakers_that_panic_cost_the_others_nothing() {
    let queue = FifoQueue::<u8>::new(1);
    let woken = Arc::new(Woken::default());
    let panics = Waker::from(Arc::new(Panics));
    let mut tasks: Vec<_> = (0..6).map(|_| Box::pin(queue.get_async())).collect();
    for (number, task) in tasks.iter_mut().enumerate() {
        let pending = match number % 2 {
            0 => task.as_mut().poll(&mut Context::from_waker(&panics)),
            _ => woken.poll(task.as_mut()),
        };
        assert!(pending.is_pending());
    }
    assert!(queue.shutdown(Discard::Nothing).is_none());
    assert_eq!(woken.times(), 3);
    assert_eq!(queue.get(), Err(GetError::ShutDown));
}

/// Counts drops. One of them panics.
struct Item<'a> {
    dropped: &'a AtomicUsize,
    panics: bool,
}

impl Drop for Item<'_> {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        if self.panics {
            std::panic::resume_unwind(Box::new("an item panics"));
        }
    }
}

#[test]
fn an_item_that_panics_when_dropped_costs_the_others_nothing() {
    type Way = fn(FifoQueue<Item<'_>>);
    let ways: [Way; 3] = [
        |queue| drop(queue.clear()),
        |queue| drop(queue.shutdown(Discard::Items)),
        |queue| drop(queue),
    ];
    for way in ways {
        let dropped = AtomicUsize::new(0);
        let queue = FifoQueue::new(0);
        for number in 0..5 {
            let panics = number == 1;
            assert!(
                queue
                    .put(Item {
                        dropped: &dropped,
                        panics
                    })
                    .is_ok()
            );
        }
        assert!(catch_unwind(AssertUnwindSafe(|| way(queue))).is_err());
        assert_eq!(dropped.load(Ordering::SeqCst), 5);
    }
}
