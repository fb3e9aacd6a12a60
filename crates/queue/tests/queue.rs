//! `Queue`: order, bounds, deadlines, tasks, shutdown.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Counts, Runs, eventually, ever_later};
use interlock_queue::{
    Discard, Fifo, FifoQueue, GetError, HostQueue, JoinError, Lifo, LifoQueue, Priority, PriorityQueue,
    PutError, Queue, Store, TooManyDone, Traverse,
};
use interlock_wait::{Deadline, WaitContext};

const SOON: Duration = Duration::from_millis(5);

fn soon() -> WaitContext<'static> {
    WaitContext::until(Deadline::after(SOON))
}

fn drain<S: Store>(queue: &Queue<S>) -> Vec<S::Item> {
    std::iter::from_fn(|| queue.try_get().ok()).collect()
}

#[test]
fn each_store_gives_its_order() {
    let (fifo, lifo, priority) = (
        Queue::<Fifo<_>>::new(0),
        Queue::<Lifo<_>>::new(0),
        Queue::<Priority<_, _>>::new(0),
    );
    for item in 0..4 {
        fifo.put(item).unwrap();
        lifo.put(item).unwrap();
        priority.put((item % 2, item)).unwrap();
    }
    assert_eq!(drain(&fifo), [0, 1, 2, 3]);
    assert_eq!(drain(&lifo), [3, 2, 1, 0]);
    assert_eq!(drain(&priority), [(0, 0), (0, 2), (1, 1), (1, 3)]);
}

#[test]
fn a_full_queue_returns_the_item_at_the_deadline() {
    let queue = Queue::<Fifo<_>>::new(1);
    queue.put("first").unwrap();
    assert!(queue.is_full());
    assert_eq!(queue.try_put("second"), Err(PutError::Full("second")));
    let began = Instant::now();
    assert_eq!(
        queue.put_with("second", &mut soon()),
        Err(PutError::Full("second"))
    );
    assert!(began.elapsed() >= SOON);
    assert_eq!(PutError::Full("second").into_inner(), "second");
    let mut host = Runs(|| true);
    assert_eq!(
        queue.put_with("second", &mut WaitContext::hosted(Deadline::NEVER, &mut host)),
        Err(PutError::Interrupted("second"))
    );
    assert_eq!(queue.get(), Ok("first"));
}

#[test]
fn an_empty_queue_reports_empty_at_the_deadline() {
    let queue = Queue::<Fifo<u8>>::new(0);
    assert_eq!(queue.try_get(), Err(GetError::Empty));
    let began = Instant::now();
    assert_eq!(queue.get_with(&mut soon()), Err(GetError::Empty));
    assert!(began.elapsed() >= SOON);
    let mut host = Runs(|| true);
    let result = queue.get_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    assert_eq!(result, Err(GetError::Interrupted));
}

#[test]
fn a_getter_takes_an_item_that_comes_at_the_deadline() {
    let queue = Queue::<Fifo<_>>::new(0);
    let found = ever_later().find_map(|deadline| {
        let mut waits = false;
        let mut host = Runs(|| {
            waits = true;
            while !deadline.has_passed() {
                std::thread::yield_now();
            }
            queue.put(1).unwrap();
            false
        });
        let result = queue.get_with(&mut WaitContext::hosted(deadline, &mut host));
        waits.then_some(result)
    });
    assert_eq!(found, Some(Ok(1)));
}

#[test]
fn a_shutdown_keeps_items_or_discards_them() {
    let queue = Queue::<Fifo<_>>::new(2);
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| {
            let mut host = Counts(&sleeps);
            queue.put_with(3, &mut WaitContext::hosted(Deadline::NEVER, &mut host))
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 1);
        assert!(queue.shutdown(Discard::Nothing).is_none());
        assert_eq!(putter.join().unwrap(), Err(PutError::ShutDown(3)));
    });
    assert!(queue.is_shut_down());
    assert_eq!(
        (queue.get(), queue.try_put(4)),
        (Ok(1), Err(PutError::ShutDown(4)))
    );
    let discarded = queue.shutdown(Discard::Items).unwrap();
    assert_eq!((discarded.len(), queue.get()), (1, Err(GetError::ShutDown)));
    assert_eq!(
        queue.unfinished(),
        1,
        "the item that was taken is still an unfinished task"
    );
}

#[test]
fn tasks_are_counted_from_put_to_done() {
    let queue = Queue::<Fifo<_>>::new(0);
    assert_eq!(queue.task_done(), Err(TooManyDone));
    let mut items = VecDeque::from([1, 2, 3]);
    queue
        .put_many_with(&mut items, &mut WaitContext::endless())
        .unwrap();
    assert_eq!((items.len(), queue.unfinished()), (0, 3));
    assert_eq!(queue.join_with(&mut soon()), Err(JoinError::TimedOut));
    std::thread::scope(|scope| {
        let joiner = scope.spawn(|| queue.join_with(&mut WaitContext::endless()));
        for _ in 0..3 {
            assert!(!joiner.is_finished());
            queue.get().unwrap();
            queue.task_done().unwrap();
        }
        assert_eq!(joiner.join().unwrap(), Ok(()));
    });
}

#[test]
fn the_items_of_a_given_store_count_as_unfinished_tasks() {
    let mut store = Fifo::default();
    store.push(1);
    let queue = Queue::with_store(store, 0);
    assert_eq!((queue.len(), queue.unfinished()), (1, 1));
    queue.get().unwrap();
    assert_eq!(queue.task_done(), Ok(()));
}

#[test]
fn put_many_stops_when_the_queue_is_full_and_get_many_when_it_is_empty() {
    let queue = Queue::<Fifo<_>>::new(3);
    let mut items: VecDeque<_> = (0..5).collect();
    assert_eq!(
        queue.put_many_with(&mut items, &mut soon()),
        Err(PutError::Full(()))
    );
    assert_eq!(items, [3, 4]);
    assert_eq!(
        queue.get_many_with(2, &mut WaitContext::endless()).unwrap(),
        [0, 1]
    );
    assert_eq!(queue.get_many_with(9, &mut WaitContext::endless()).unwrap(), [2]);
    assert_eq!(queue.get_many_with(9, &mut soon()), Err(GetError::Empty));
}

#[test]
fn a_larger_bound_lets_putters_through() {
    let queue = Queue::<Fifo<_>>::new(1);
    queue.put(0).unwrap();
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for item in 1..=2 {
            let (queue, sleeps) = (&queue, &sleeps);
            scope.spawn(move || {
                let mut host = Counts(sleeps);
                queue
                    .put_with(item, &mut WaitContext::hosted(Deadline::NEVER, &mut host))
                    .unwrap();
            });
        }
        eventually(|| sleeps.load(Ordering::SeqCst) >= 2);
        queue.set_bound(0);
    });
    assert_eq!(queue.len(), 3);
}

#[test]
fn a_retired_queue_returns_its_contents_once() {
    let queue = Queue::<Lifo<_>>::new(0);
    queue.put('a').unwrap();
    queue.put('b').unwrap();
    let (contents, _wakeups) = queue.retire().unwrap();
    assert_eq!(
        (contents.items.len(), contents.unfinished, contents.shut_down),
        (2, 2, false)
    );
    assert!(queue.retire().is_none());
    assert_eq!(queue.try_put('c'), Err(PutError::Retired('c')));
    assert_eq!(queue.get(), Err(GetError::Retired));
    assert_eq!(
        queue.join_with(&mut WaitContext::endless()),
        Err(JoinError::Retired)
    );
}

#[test]
fn items_can_be_visited_in_place_unless_the_queue_is_in_use() {
    let queue = Queue::<Fifo<_>>::new(0);
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let mut seen = vec![];
    assert!(queue.try_for_each(&mut |item| {
        seen.push(*item);
        assert!(!queue.try_for_each(&mut |_| unreachable!("the lock is taken")));
    }));
    assert_eq!(seen, [1, 2]);
    let mut store = Lifo::default();
    store.push(1);
    store.push(2);
    let mut seen = vec![];
    store.for_each(&mut |item| seen.push(*item));
    assert_eq!(seen, [2, 1]);
    assert_eq!(queue.clear().len(), 2);
    assert!(queue.is_empty());
}

/// An item whose `drop` uses its queue, which works only if the queue's lock is free.
struct UsesTheQueue(&'static Queue<Fifo<UsesTheQueue>>);

static DROPS: AtomicUsize = AtomicUsize::new(0);

impl Drop for UsesTheQueue {
    fn drop(&mut self) {
        assert!(self.0.try_for_each(&mut |_| {}), "dropped under the queue's lock");
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn items_are_dropped_under_no_lock() {
    let queue: &'static Queue<Fifo<UsesTheQueue>> = Box::leak(Box::new(Queue::new(2)));
    let item = || UsesTheQueue(queue);
    assert!(queue.put(item()).is_ok() && queue.put(item()).is_ok());
    // Refused because the queue is full: at once, and after a wait.
    drop(queue.try_put(item()));
    drop(queue.put_with(item(), &mut WaitContext::until(Deadline::PASSED)));
    // Taken, cleared, discarded, and refused after the shutdown.
    drop(queue.get());
    drop(queue.clear());
    assert!(queue.put(item()).is_ok());
    drop(queue.shutdown(Discard::Items));
    drop(queue.put(item()));
    assert_eq!(DROPS.load(Ordering::Relaxed), 6);
}

#[test]
fn eight_threads_lose_no_item_and_duplicate_none() {
    const ITEMS: usize = 4_000;
    let queue = Queue::<Fifo<usize>>::new(3);
    let sum = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for producer in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                for item in (producer..ITEMS).step_by(4) {
                    // Some puts time out and are repeated.
                    let mut rest = item;
                    while let Err(PutError::Full(refused)) = queue.put_with(rest, &mut some_deadline(item)) {
                        rest = refused;
                    }
                }
            });
        }
        for consumer in 0..4 {
            let (queue, sum) = (&queue, &sum);
            scope.spawn(move || {
                for round in 0.. {
                    match queue.get_with(&mut some_deadline(consumer + round)) {
                        Ok(item) => {
                            sum.fetch_add(item, Ordering::Relaxed);
                            queue.task_done().unwrap();
                        }
                        Err(GetError::Empty) => {}
                        Err(error) => return assert_eq!(error, GetError::ShutDown),
                    }
                }
            });
        }
        eventually(|| sum.load(Ordering::Relaxed) == ITEMS * (ITEMS - 1) / 2);
        queue.join_with(&mut WaitContext::endless()).unwrap();
        queue.shutdown(Discard::Nothing);
    });
}

fn some_deadline(number: usize) -> WaitContext<'static> {
    WaitContext::until(match number % 4 {
        0 => Deadline::after(Duration::from_micros(30)),
        1 => Deadline::PASSED,
        _ => Deadline::NEVER,
    })
}

#[test]
fn each_wait_of_a_queue_ends_at_its_deadline() {
    let queue = FifoQueue::new(1);
    assert_eq!(queue.get_until(Deadline::after(SOON)), Err(GetError::Empty));
    assert_eq!(queue.put_until(1, Deadline::PASSED), Ok(()));
    assert_eq!(queue.put_until(2, Deadline::after(SOON)), Err(PutError::Full(2)));
    assert_eq!(queue.join_until(Deadline::after(SOON)), Err(JoinError::TimedOut));
    assert_eq!(queue.get_until(Deadline::PASSED), Ok(1));
    queue.task_done().unwrap();
    assert_eq!(queue.join_until(Deadline::PASSED), Ok(()));
    assert_eq!(queue.join(), Ok(()));
}

#[test]
fn iterators_share_the_items_until_a_shutdown() {
    let queue = FifoQueue::new(2);
    let sums = std::thread::scope(|scope| {
        let consumers = [0, 1].map(|_| scope.spawn(|| queue.iter().sum::<u32>()));
        (1..=100).for_each(|number| queue.put(number).unwrap());
        queue.shutdown(Discard::Nothing);
        consumers.map(|consumer| consumer.join().unwrap())
    });
    assert_eq!(sums[0] + sums[1], 5050);
}

#[test]
fn debug_output_shows_counts_and_no_items() {
    let queue = PriorityQueue::<i32, &str>::new(0);
    queue.put((1, "secret")).unwrap();
    let shown = format!("{queue:?}");
    assert_eq!(shown, "Queue { len: 1, unfinished: 1, is_shut_down: false, .. }");
    assert!(LifoQueue::<u8>::new(0).is_empty());
}

#[test]
fn put_unbounded_ignores_the_bound_but_its_items_count_towards_it() {
    let queue = FifoQueue::new(1);
    queue.put_unbounded(1).unwrap();
    queue.put_unbounded(2).unwrap();
    assert!(matches!(queue.try_put(3), Err(PutError::Full(3))));
    assert_eq!(queue.try_get().ok(), Some(1));
    assert!(matches!(queue.try_put(3), Err(PutError::Full(3))));
    assert_eq!(queue.try_get().ok(), Some(2));
    queue.try_put(3).unwrap();
    queue.shutdown(Discard::Nothing);
    assert!(matches!(queue.put_unbounded(4), Err(PutError::ShutDown(4))));
}
