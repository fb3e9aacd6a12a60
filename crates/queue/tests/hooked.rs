//! Queues whose items are kept by somebody else's code, which may fail, compare items and use the queue.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use common::{Counts as CountsSleeps, Runs, eventually};
use interlock_queue::{Counters, Discard, Hooked, HookedError, Side, TooManyDone};
use interlock_sync::{Condition, Lock};
use interlock_wait::{Deadline, Patience, StateLock, Waiter};

/// The largest first, kept in a sorted vector: hooks as a subclass of Python's `Queue` has them.
#[derive(Default)]
struct Sorted {
    mutex: Lock,
    not_empty: Condition,
    not_full: Condition,
    all_done: Condition,
    counters: StateLock<Counters>,
    items: Mutex<Vec<u32>>,
    fails: AtomicBool,
}

#[derive(Debug, PartialEq, Eq)]
struct Failed;

impl Sorted {
    fn bounded(bound: usize) -> Self {
        let queue = Sorted::default();
        queue.counters.lock().bound = bound;
        queue
    }

    /// Each hook fails if it is told to, and always finds the mutex taken.
    fn hook<T>(&self, body: impl FnOnce(&mut Vec<u32>) -> T) -> Result<T, Failed> {
        assert!(self.mutex.is_locked());
        if self.fails.load(Ordering::SeqCst) {
            return Err(Failed);
        }
        Ok(body(
            &mut self.items.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    fn put(&self, item: u32) -> Result<(), HookedError<Failed>> {
        self.put_with(item, true, &mut Patience::endless())
    }

    fn get(&self) -> Result<u32, HookedError<Failed>> {
        self.get_with(true, &mut Patience::endless())
    }
}

impl Hooked for Sorted {
    type Item = u32;
    type Error = Failed;

    fn mutex(&self) -> &Lock {
        &self.mutex
    }

    fn condition(&self, side: Side) -> &Condition {
        match side {
            Side::Get => &self.not_empty,
            Side::Put => &self.not_full,
            Side::Join => &self.all_done,
        }
    }

    fn counters(&self) -> &StateLock<Counters> {
        &self.counters
    }

    fn size(&self) -> Result<usize, Failed> {
        self.hook(|items| items.len())
    }

    fn push(&self, item: u32) -> Result<(), Failed> {
        self.hook(|items| {
            items.push(item);
            items.sort_unstable();
        })
    }

    fn pop(&self) -> Result<u32, Failed> {
        self.hook(|items| items.pop().unwrap_or_default())
    }
}

#[test]
fn the_hooks_decide_the_order() {
    let queue = Sorted::default();
    for item in [1, 3, 2] {
        queue.put(item).unwrap();
    }
    assert_eq!([queue.get(), queue.get(), queue.get()], [Ok(3), Ok(2), Ok(1)]);
}

#[test]
fn a_full_or_empty_queue_waits_as_long_as_it_is_told_to() {
    let queue = Sorted::bounded(1);
    let mut over = Patience::until(Deadline::PASSED);
    assert_eq!(queue.get_with(false, &mut over), Err(HookedError::NotReady));
    assert_eq!(queue.get_with(true, &mut over), Err(HookedError::NotReady));
    queue.put(1).unwrap();
    assert_eq!(queue.put_with(2, false, &mut over), Err(HookedError::NotReady));
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut host = CountsSleeps(&sleeps);
            queue
                .put_with(2, true, &mut Patience::hosted(Deadline::NEVER, &mut host))
                .unwrap();
        });
        eventually(|| sleeps.load(Ordering::SeqCst) >= 1);
        assert_eq!(queue.get(), Ok(1));
        assert_eq!(queue.get(), Ok(2));
    });
    assert!(!queue.mutex.is_locked());
}

#[test]
fn a_hook_that_fails_leaves_the_mutex_free_and_the_counters_as_they_were() {
    let queue = Sorted::default();
    queue.put(1).unwrap();
    queue.fails.store(true, Ordering::SeqCst);
    assert_eq!(queue.put(2), Err(HookedError::Hook(Failed)));
    assert_eq!(queue.get(), Err(HookedError::Hook(Failed)));
    assert!(!queue.mutex.is_locked());
    assert_eq!(queue.counters.lock().unfinished, 1);
}

#[test]
fn an_interrupted_operation_does_nothing_and_frees_the_mutex() {
    let queue = Sorted::default();
    let mut host = Runs(|| true);
    let result = queue.get_with(true, &mut Patience::hosted(Deadline::NEVER, &mut host));
    assert_eq!(result, Err(HookedError::Interrupted));
    assert!(!queue.mutex.is_locked() && queue.not_empty.waiting() == 0);
    queue.mutex.acquire();
    let result = queue.put_with(1, false, &mut Patience::hosted(Deadline::NEVER, &mut host));
    assert_eq!(result, Err(HookedError::Interrupted));
    queue.mutex.release().unwrap();
    assert_eq!(queue.size_now(), 0);
}

impl Sorted {
    fn size_now(&self) -> usize {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[test]
fn tasks_are_counted_and_joined() {
    let queue = Sorted::default();
    let mut endless = Patience::endless();
    assert_eq!(queue.task_done_with(&mut endless), Ok(Err(TooManyDone)));
    queue.put(1).unwrap();
    std::thread::scope(|scope| {
        let joiner = scope.spawn(|| queue.join_with(&mut Patience::endless()));
        eventually(|| queue.all_done.waiting() == 1);
        queue.get().unwrap();
        assert_eq!(queue.task_done_with(&mut endless), Ok(Ok(())));
        assert_eq!(joiner.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_shutdown_ends_every_wait() {
    let queue = Sorted::bounded(1);
    queue.put(1).unwrap();
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| queue.put(2));
        let joiner = scope.spawn(|| queue.join_with(&mut Patience::endless()));
        eventually(|| queue.not_full.waiting() + queue.all_done.waiting() == 2);
        queue
            .shutdown_with(Discard::Items, &mut Patience::endless())
            .unwrap();
        assert_eq!(putter.join().unwrap(), Err(HookedError::ShutDown));
        assert_eq!(joiner.join().unwrap(), Ok(()));
    });
    assert_eq!(queue.get(), Err(HookedError::ShutDown));
}

#[test]
fn a_task_lines_up_and_leaves() {
    let queue = Sorted::default();
    let noop = std::task::Waker::noop();
    let mut endless = Patience::endless();
    let (first, second) = (Waiter::task(noop.clone()), Waiter::task(noop.clone()));
    assert_eq!(queue.register(Side::Get, &first, &mut endless), Ok(true));
    assert_eq!(queue.register(Side::Get, &second, &mut endless), Ok(true));
    queue.put(1).unwrap();
    assert!(first.is_notified() && !second.is_notified());
    queue.unregister(Side::Get, &first);
    assert!(second.is_notified(), "the notification went to the next in line");
    assert_eq!(queue.register(Side::Get, &first, &mut endless), Ok(false));
}

#[test]
fn eight_threads_lose_nothing_and_make_nothing() {
    const ITEMS: u32 = 1_000;
    let queue = Sorted::bounded(3);
    let sum = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for producer in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                for item in (producer..ITEMS).step_by(4) {
                    queue.put(item).unwrap();
                }
            });
        }
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..ITEMS / 4 {
                    sum.fetch_add(queue.get().unwrap() as usize, Ordering::Relaxed);
                    queue.task_done_with(&mut Patience::endless()).unwrap().unwrap();
                }
            });
        }
        queue.join_with(&mut Patience::endless()).unwrap();
    });
    assert_eq!(sum.into_inner(), (ITEMS * (ITEMS - 1) / 2) as usize);
}
