//! The interface of queues for programs: constructors, the forms of waiting, errors, guards, iterators.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::cmp::{Ordering as Order, Reverse};
use std::error::Error;
use std::future::Future;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::eventually;
use interlock_queue::face::{
    Discard, FifoQueue, GetError, LifoQueue, PriorityQueue, PutError, Receiver, Sender, TaskGuard,
    TooManyDone,
};

const SOON: Duration = Duration::from_millis(5);

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn text(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

static FIFO: FifoQueue<u8> = FifoQueue::bounded(1);
static LIFO: LifoQueue<u8> = LifoQueue::unbounded();
static PRIORITY: PriorityQueue<u8, u8> = PriorityQueue::bounded(2);

#[test]
fn queues_stand_in_statics() {
    FIFO.put(1).unwrap();
    LIFO.put(1).unwrap();
    PRIORITY.put((1, 1)).unwrap();
    assert_eq!(
        (FIFO.bound(), LIFO.bound(), PRIORITY.bound()),
        (Some(1), None, Some(2))
    );
    assert!(FIFO.is_full() && !LIFO.is_full() && !PRIORITY.is_full());
}

#[test]
fn a_bound_of_0_is_refused_with_advice() {
    let panic = catch_unwind(|| FifoQueue::<u8>::bounded(0)).unwrap_err();
    assert!(text(panic).contains("use bounded(1), or unbounded()"));
    let queue = FifoQueue::<u8>::unbounded();
    assert!(catch_unwind(|| queue.set_bound(Some(0))).is_err());
}

#[test]
fn a_bound_can_be_changed_and_removed() {
    let queue = FifoQueue::bounded(1);
    queue.put(1).unwrap();
    queue.set_bound(Some(2));
    queue.try_put(2).unwrap();
    assert!(queue.try_put(3).unwrap_err().is_timed_out());
    queue.set_bound(None);
    queue.try_put(3).unwrap();
    assert_eq!((queue.len(), queue.bound()), (3, None));
}

#[test]
fn each_form_of_putting_gives_the_item_back() {
    let queue = FifoQueue::bounded(1);
    queue.put('a').unwrap();
    let began = Instant::now();
    assert_eq!(queue.try_put('b'), Err(PutError::Full('b')));
    assert_eq!(queue.put_timeout('b', SOON), Err(PutError::Full('b')));
    assert_eq!(
        queue.put_deadline('b', Instant::now() + SOON),
        Err(PutError::Full('b'))
    );
    assert!(began.elapsed() >= 2 * SOON);
    assert_eq!(queue.put_deadline('b', began), Err(PutError::Full('b')));
    let mut putting = pin!(queue.put_async('c'));
    assert!(poll(putting.as_mut()).is_pending());
    queue.shutdown(Discard::Nothing);
    assert_eq!(poll(putting.as_mut()), Poll::Ready(Err(PutError::ShutDown('c'))));
    assert!(putting.is_terminated());
    for refused in [
        queue.put('d'),
        queue.try_put('d'),
        queue.put_timeout('d', Duration::MAX),
    ] {
        assert_eq!(refused.unwrap_err().into_inner(), 'd');
    }
}

#[test]
fn each_form_of_getting_tells_late_from_never() {
    let queue = FifoQueue::<u8>::unbounded();
    let began = Instant::now();
    assert_eq!(queue.try_get(), Err(GetError::Empty));
    assert_eq!(queue.get_timeout(SOON), Err(GetError::Empty));
    assert_eq!(queue.get_deadline(Instant::now() + SOON), Err(GetError::Empty));
    assert!(began.elapsed() >= 2 * SOON);
    assert_eq!(queue.get_task_timeout(SOON).unwrap_err(), GetError::Empty);
    assert_eq!(queue.get_task_deadline(began).unwrap_err(), GetError::Empty);
    queue.put(1).unwrap();
    queue.shutdown(Discard::Nothing);
    assert_eq!(queue.get(), Ok(1));
    for refused in [queue.get(), queue.try_get(), queue.get_timeout(Duration::MAX)] {
        let error = refused.unwrap_err();
        assert!(error.is_shut_down() && !error.is_timed_out());
    }
    assert!(queue.try_get_task().unwrap_err().is_shut_down());
}

#[test]
fn errors_say_what_happened_and_need_no_printable_item() {
    struct Opaque;
    let error: Box<dyn Error> = Box::new(PutError::Full(Opaque));
    assert_eq!(
        (error.to_string(), format!("{error:?}")),
        ("the queue is full".into(), "Full(..)".into())
    );
    let error = PutError::ShutDown(Opaque);
    assert_eq!(
        (error.to_string(), format!("{error:?}")),
        ("the queue is shut down".into(), "ShutDown(..)".into())
    );
    assert!(error.is_shut_down() && !error.is_timed_out());
    assert_eq!(GetError::Empty.to_string(), "the queue is empty");
    assert_eq!(GetError::ShutDown.to_string(), "the queue is shut down");
}

#[test]
fn a_task_is_done_when_its_guard_goes() {
    let queue: FifoQueue<u8> = (1..=5).collect();
    assert_eq!(queue.unfinished(), 5);
    let mut guard = queue.get_task().unwrap();
    *guard += 10;
    assert_eq!(
        (*guard, format!("{guard:?}").as_str(), queue.unfinished()),
        (11, "11", 5)
    );
    drop(guard);
    assert_eq!(queue.unfinished(), 4);
    assert_eq!(TaskGuard::into_inner(queue.try_get_task().unwrap()), 2);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _task = queue.get_task_timeout(SOON).unwrap();
        std::panic::resume_unwind(Box::new("the work fails"));
    }));
    assert!(panicked.is_err());
    let Poll::Ready(Ok(task)) = poll(pin!(queue.get_task_async())) else {
        panic!("there is an item");
    };
    drop(task);
    assert_eq!(queue.unfinished(), 1);
    assert!(queue.try_join().is_err() && queue.join_timeout(SOON).is_err());
    assert!(queue.join_deadline(Instant::now()).is_err());
    let mut joining = pin!(queue.join_async());
    assert!(poll(joining.as_mut()).is_pending());
    assert_eq!(queue.get(), Ok(5));
    queue.task_done().unwrap();
    assert!(poll(joining.as_mut()).is_ready());
    queue.join();
    assert!(queue.try_join().is_ok() && queue.join_timeout(SOON).is_ok());
    assert_eq!(queue.task_done(), Err(TooManyDone));
}

#[test]
fn a_task_whose_item_panics_when_dropped_is_done() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("bad"));
        }
    }
    let queue = FifoQueue::unbounded();
    assert!(queue.put(Bad).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(queue.get_task()))).is_err());
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn queues_are_made_of_iterators_and_are_iterators() {
    let mut fifo: FifoQueue<u8> = [1, 2].into_iter().collect();
    fifo.extend([3]);
    fifo.set_bound(Some(1));
    fifo.extend([4]);
    assert_eq!(fifo.try_iter().take(1).collect::<Vec<_>>(), [1]);
    assert_eq!(fifo.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    let lifo: LifoQueue<u8> = [1, 2].into_iter().collect();
    assert_eq!(lifo.try_iter().collect::<Vec<_>>(), [2, 1]);
    lifo.put(1).unwrap();
    lifo.put(2).unwrap();
    assert_eq!(lifo.into_iter().collect::<Vec<_>>(), [2, 1]);
    let priority: PriorityQueue<_, _> = [(2, 'b'), (1, 'a'), (2, 'c')].into_iter().collect();
    assert_eq!(
        priority.into_iter().map(|(_, name)| name).collect::<String>(),
        "abc"
    );
    let empty = FifoQueue::<u8>::default();
    assert!(empty.is_empty() && empty.bound().is_none());
    empty.put(9).unwrap();
    empty.shutdown(Discard::Nothing);
    let mut all = Vec::new();
    for item in &empty {
        all.push(item);
    }
    assert_eq!(all, [9]);
    let mut over = empty;
    assert!(text(catch_unwind(AssertUnwindSafe(|| over.extend([1]))).unwrap_err()).contains("shut down"));
}

#[test]
fn discarded_and_cleared_items_come_out_and_count_as_done() {
    let queue: FifoQueue<u8> = [1, 2].into_iter().collect();
    assert_eq!(queue.clear().into_iter().collect::<Vec<_>>(), [1, 2]);
    queue.put(3).unwrap();
    let discarded = queue.shutdown(Discard::Items).unwrap();
    assert_eq!(discarded.into_iter().collect::<Vec<_>>(), [3]);
    assert!(queue.is_shut_down() && queue.try_join().is_ok());
}

#[test]
fn priorities_are_of_any_ordered_type() {
    let queue = PriorityQueue::unbounded();
    for (rank, item) in [("b", 1), ("a", 2), ("b", 3)] {
        queue.put((Reverse(rank.to_string()), item)).unwrap();
    }
    assert_eq!(
        queue.try_iter().map(|(_, item)| item).collect::<Vec<_>>(),
        [1, 3, 2]
    );
}

/// While this is set, comparisons panic.
#[derive(PartialEq, Eq)]
struct Picky(u8);

static REFUSES: AtomicBool = AtomicBool::new(false);

/// Only one test at a time sets it.
static PICKY: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    PICKY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialOrd for Picky {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Picky {
    fn cmp(&self, other: &Self) -> Order {
        if REFUSES.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("cannot be compared"));
        }
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_comparison_that_panics_leaves_a_queue_that_works() {
    let _turn = turn();
    let queue = PriorityQueue::bounded(3);
    queue.put((Picky(2), 'a')).unwrap();
    REFUSES.store(true, Ordering::SeqCst);
    let panicked = catch_unwind(AssertUnwindSafe(|| queue.put((Picky(3), 'b')).is_ok()));
    assert!(panicked.is_err());
    REFUSES.store(false, Ordering::SeqCst);
    assert_eq!((queue.len(), queue.unfinished()), (2, 2));
    queue.put((Picky(1), 'c')).unwrap();
    let mut putting = pin!(queue.put_async((Picky(4), 'd')));
    assert!(poll(putting.as_mut()).is_pending());
    REFUSES.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| queue.get().is_ok())).is_err());
    REFUSES.store(false, Ordering::SeqCst);
    // The getter has taken nothing, so there is no room for the putter yet.
    assert_eq!((queue.len(), queue.unfinished()), (3, 3));
    assert!(poll(putting.as_mut()).is_pending());
    for item in ['c', 'a', 'b', 'd'] {
        assert_eq!(queue.get_task().ok().map(|task| task.1), Some(item));
        // The first get has made room for the putter.
        let _ = poll(putting.as_mut());
    }
    assert_eq!(queue.try_join(), Ok(()));
}

/// Uses its queue when it is dropped.
struct Looks;

static LOOKED_AT: PriorityQueue<Picky, Looks> = PriorityQueue::unbounded();

impl Drop for Looks {
    fn drop(&mut self) {
        assert!(LOOKED_AT.len() <= 20);
    }
}

#[test]
fn a_comparison_that_panics_drops_no_item_under_the_lock() {
    let _turn = turn();
    for number in (0..20).rev() {
        LOOKED_AT.put((Picky(number), Looks)).unwrap();
    }
    for _ in 0..3 {
        REFUSES.store(true, Ordering::SeqCst);
        assert!(catch_unwind(|| LOOKED_AT.get().is_ok()).is_err());
        REFUSES.store(false, Ordering::SeqCst);
    }
    for number in 0..20 {
        assert_eq!(LOOKED_AT.get_task().unwrap().0.0, number);
    }
    assert_eq!(LOOKED_AT.try_join(), Ok(()));
}

#[test]
fn a_shutdown_ends_waits_on_both_sides() {
    let (full, empty) = (FifoQueue::bounded(1), FifoQueue::<u8>::unbounded());
    full.put(1).unwrap();
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| full.put(2));
        let getter = scope.spawn(|| empty.get());
        full.shutdown(Discard::Nothing);
        empty.shutdown(Discard::Nothing);
        assert_eq!(putter.join().unwrap(), Err(PutError::ShutDown(2)));
        assert_eq!(getter.join().unwrap(), Err(GetError::ShutDown));
    });
    eventually(|| full.try_get() == Ok(1));
}

#[test]
fn queues_and_channels_cross_threads_and_panics() {
    fn asserts<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    asserts::<FifoQueue<u8>>();
    asserts::<LifoQueue<u8>>();
    asserts::<PriorityQueue<u8, u8>>();
    asserts::<Sender<u8>>();
    asserts::<Receiver<u8>>();
}
