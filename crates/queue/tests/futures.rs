//! Tasks that wait for a queue, run by a minimal executor, beside threads at the same queue.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

#[path = "../../wait/tests/common/mod.rs"]
mod common;
#[path = "../../wait/tests/woken/mod.rs"]
mod woken;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use common::{Counts, eventually};
use interlock_queue::face::FifoQueue;
use interlock_queue::{Discard, Fifo, GetError, HostQueue, JoinError, PutError, Queue};
use interlock_wait::{Deadline, WaitContext, Wakeups};
use woken::Woken;

/// Wakes the thread that runs the task.
struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a task on this thread until it is done.
fn run<F: Future>(task: F) -> F::Output {
    let mut task = pin!(task);
    let waker = Waker::from(Arc::new(Unparks(std::thread::current())));
    loop {
        if let Poll::Ready(result) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        std::thread::park();
    }
}

#[test]
fn tasks_and_threads_share_a_queue() {
    let (there, back) = (Queue::<Fifo<u32>>::new(2), Queue::<Fifo<u32>>::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            run(async {
                while let Ok(item) = there.get_async().await {
                    back.put_async(item * 2).await.unwrap();
                    there.task_done().unwrap();
                }
            });
        });
        let sum = scope.spawn(|| (0..1000).map(|_| back.get().unwrap()).sum::<u32>());
        (0..1000).for_each(|item| there.put(item).unwrap());
        assert_eq!(sum.join().unwrap(), 999 * 1000);
        run(there.join_async()).unwrap();
        there.shutdown(Discard::Nothing);
    });
}

#[test]
fn a_pending_future_is_woken_once_for_each_item() {
    let queue = Queue::<Fifo<u8>>::new(0);
    let counts = Arc::new(Woken::default());
    let mut getting = pin!(queue.get_async());
    assert!(counts.poll(getting.as_mut()).is_pending());
    assert!(counts.poll(getting.as_mut()).is_pending());
    assert_eq!(counts.times(), 0);
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    assert_eq!(counts.times(), 1);
    assert_eq!(counts.poll(getting.as_mut()), Poll::Ready(Ok(1)));
    assert_eq!(queue.try_get(), Ok(2));
}

#[test]
fn a_put_wakes_the_latest_waker() {
    let queue = Queue::<Fifo<u8>>::new(0);
    let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    let mut getting = pin!(queue.get_async());
    assert!(first.poll(getting.as_mut()).is_pending());
    assert!(last.poll(getting.as_mut()).is_pending());
    queue.put(1).unwrap();
    assert_eq!((first.times(), last.times()), (0, 1));
}

#[test]
fn a_future_that_is_polled_again_keeps_its_place() {
    let queue = Queue::<Fifo<u8>>::new(0);
    let (first, second) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    let mut earlier = pin!(queue.get_async());
    let mut later = pin!(queue.get_async());
    assert!(first.poll(earlier.as_mut()).is_pending());
    assert!(second.poll(later.as_mut()).is_pending());
    // With the same waker, and with another one.
    assert!(first.poll(earlier.as_mut()).is_pending());
    let other = Arc::new(Woken::default());
    assert!(other.poll(earlier.as_mut()).is_pending());
    queue.put(1).unwrap();
    assert_eq!((first.times(), second.times(), other.times()), (0, 0, 1));
}

#[test]
fn a_future_takes_one_item_however_often_it_is_polled() {
    let queue = Queue::<Fifo<u8>>::new(2);
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let counts = Arc::new(Woken::default());
    let mut getting = pin!(queue.get_async());
    assert!(!getting.is_terminated());
    assert_eq!(counts.poll(getting.as_mut()), Poll::Ready(Ok(1)));
    assert!(getting.is_terminated());
    assert!(counts.poll(getting.as_mut()).is_pending());
    assert_eq!(queue.len(), 1);
    let mut putting = pin!(queue.put_async(3));
    assert!(counts.poll(putting.as_mut()).is_ready());
    assert!(counts.poll(putting.as_mut()).is_pending() && putting.is_terminated());
    assert_eq!((queue.get(), queue.get()), (Ok(2), Ok(3)));
    let mut joining = pin!(queue.join_async());
    (0..3).for_each(|_| queue.task_done().unwrap());
    assert!(counts.poll(joining.as_mut()).is_ready());
    assert!(counts.poll(joining.as_mut()).is_pending() && joining.is_terminated());
}

#[test]
fn dropping_a_pending_future_loses_no_item_and_passes_its_notification_on() {
    let queue = Queue::<Fifo<u8>>::new(0);
    let (leaver, stayer) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    let mut leaving = Box::pin(queue.get_async());
    let mut staying = pin!(queue.get_async());
    assert!(leaver.poll(leaving.as_mut()).is_pending());
    assert!(stayer.poll(staying.as_mut()).is_pending());
    queue.put(1).unwrap();
    assert_eq!((leaver.times(), stayer.times()), (1, 0));
    drop(leaving);
    assert_eq!(stayer.times(), 1);
    assert_eq!(stayer.poll(staying.as_mut()), Poll::Ready(Ok(1)));
}

#[test]
fn dropping_a_pending_put_makes_room_for_the_next() {
    let queue = Queue::<Fifo<u8>>::new(1);
    queue.put(0).unwrap();
    let (leaver, stayer) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    let mut leaving = Box::pin(queue.put_async(1));
    let mut staying = pin!(queue.put_async(2));
    assert!(leaver.poll(leaving.as_mut()).is_pending());
    assert!(stayer.poll(staying.as_mut()).is_pending());
    assert_eq!(queue.get(), Ok(0));
    drop(leaving);
    assert_eq!(stayer.times(), 1);
    assert_eq!(stayer.poll(staying.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(queue.get(), Ok(2));
}

#[test]
fn a_future_dropped_before_its_notification_leaves_the_line() {
    let queue = Queue::<Fifo<u8>>::new(0);
    let counts = Arc::new(Woken::default());
    let mut getting = Box::pin(queue.get_async());
    assert!(counts.poll(getting.as_mut()).is_pending());
    drop(getting);
    queue.put(1).unwrap();
    assert_eq!((counts.times(), queue.len()), (0, 1));
}

#[test]
fn a_notification_passes_from_a_dropped_task_to_a_thread() {
    let queue = Queue::<Fifo<u8>>::new(0);
    let counts = Arc::new(Woken::default());
    let mut getting = Box::pin(queue.get_async());
    assert!(counts.poll(getting.as_mut()).is_pending());
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get_with(&mut WaitContext::endless()));
        queue.put(7).unwrap();
        drop(getting);
        assert_eq!(getter.join().unwrap(), Ok(7));
    });
}

#[test]
fn a_shutdown_wakes_every_task() {
    let queue = Queue::<Fifo<u8>>::new(1);
    let counts = Arc::new(Woken::default());
    let mut getting = pin!(queue.get_async());
    assert!(counts.poll(getting.as_mut()).is_pending());
    queue.shutdown(Discard::Items);
    assert_eq!(counts.times(), 1);
    assert_eq!(
        counts.poll(getting.as_mut()),
        Poll::Ready(Err(GetError::ShutDown))
    );
    assert_eq!(run(queue.put_async(1)), Err(PutError::ShutDown(1)));
    assert_eq!(run(queue.join_async()), Ok(()));
}

#[test]
fn a_task_joins_until_every_task_of_the_queue_is_done() {
    let queue = Queue::<Fifo<u8>>::new(0);
    queue.put(1).unwrap();
    let counts = Arc::new(Woken::default());
    let mut joining = pin!(queue.join_async());
    assert!(counts.poll(joining.as_mut()).is_pending());
    queue.get().unwrap();
    assert_eq!(counts.times(), 0);
    queue.task_done().unwrap();
    assert_eq!(counts.times(), 1);
    assert_eq!(counts.poll(joining.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn a_task_that_joins_is_told_that_the_queue_is_retired() {
    let queue = Queue::<Fifo<u8>>::new(0);
    queue.put(1).unwrap();
    let counts = Arc::new(Woken::default());
    let mut joining = pin!(queue.join_async());
    assert!(counts.poll(joining.as_mut()).is_pending());
    let (_, wakeups) = queue.retire().unwrap();
    wakeups.into_iter().for_each(Wakeups::run);
    assert_eq!(counts.times(), 1);
    assert_eq!(
        counts.poll(joining.as_mut()),
        Poll::Ready(Err(JoinError::Retired))
    );
    assert_eq!(run(queue.join_async()), Err(JoinError::Retired), "a later join");
}

/// C372
#[test]
fn a_thread_does_not_wait_for_a_future_that_is_not_polled() {
    let (items, room) = (Queue::<Fifo<_>>::new(0), Queue::<Fifo<_>>::new(1));
    let sleeps = AtomicUsize::new(0);
    room.put(0).unwrap();
    let mut asleep: Vec<_> = (0..2)
        .map(|_| (Box::pin(items.get_async()), Box::pin(room.put_async(9))))
        .collect();
    let woken = Arc::new(Woken::default());
    for (getting, putting) in &mut asleep {
        assert!(woken.poll(getting.as_mut()).is_pending() && woken.poll(putting.as_mut()).is_pending());
    }
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| {
            let mut host = Counts(&sleeps);
            items.get_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
        });
        let putter = scope.spawn(|| {
            let mut host = Counts(&sleeps);
            room.put_with(1, &mut WaitContext::hosted(Deadline::NEVER, &mut host))
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 2);
        items.put(7).unwrap();
        room.get().unwrap();
        assert_eq!(getter.join().unwrap(), Ok(7));
        putter.join().unwrap().unwrap();
    });
    assert_eq!((items.len(), room.try_get()), (0, Ok(1)));
    // Both went by in vain, and are at the head of the line, for the next item and the next place.
    for (number, (mut getting, mut putting)) in asleep.into_iter().enumerate() {
        items.put(number).unwrap();
        assert_eq!(woken.poll(getting.as_mut()), Poll::Ready(Ok(number)));
        assert_eq!(woken.poll(putting.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(room.try_get(), Ok(9));
    }
}

/// C372
#[test]
fn one_task_is_woken_for_an_item_if_no_thread_waits() {
    let queue = FifoQueue::unbounded();
    let woken = Arc::new(Woken::default());
    let mut tasks: Vec<_> = (0..3).map(|_| Box::pin(queue.get_async())).collect();
    for task in &mut tasks {
        assert!(woken.poll(task.as_mut()).is_pending());
    }
    queue.put('a').unwrap();
    assert_eq!(woken.times(), 1);
    // Another getter is faster, and the task waits for the next item, before the others.
    assert_eq!(queue.try_get(), Ok('a'));
    assert!(woken.poll(tasks[0].as_mut()).is_pending());
    queue.put('b').unwrap();
    assert_eq!(woken.times(), 2);
    assert_eq!(woken.poll(tasks[0].as_mut()), Poll::Ready(Ok('b')));
}
