//! `LifoQueue` between processes, and deaths at each step of FORMAT.md.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use common::messages::{MESSAGES, dies, message, number};
use common::{Child, alone, arena, asleep, shared_words, within_a_minute};
use interlock_shm::{Arena, Error, Order, OrderedQueue, Shutdown};
use interlock_wait::Wake;

fn put_all(queue: &OrderedQueue) {
    (0..MESSAGES).for_each(|i| queue.try_put(&message(i)).unwrap());
}

fn rest(queue: &OrderedQueue) -> Vec<u64> {
    std::iter::from_fn(|| queue.try_get().ok().map(|bytes| number(&bytes))).collect()
}

fn down_from(count: u64) -> Vec<u64> {
    (0..count).rev().collect()
}

fn works(arena: &Arena, queue: &OrderedQueue, empty: usize) {
    arena.sweep_all();
    put_all(queue);
    assert_eq!(rest(queue), down_from(MESSAGES));
    let used = arena.used_bytes() - empty;
    assert!(used <= 512 << 10, "{used} bytes for an empty queue");
}

#[test]
fn the_last_one_in_is_the_first_one_out_c185() {
    let _alone = alone();
    let arena = arena();
    let queue = OrderedQueue::new(&arena, Some(3), Order::Last).unwrap();
    let before = arena.used_bytes();
    for i in 0..3 {
        queue.try_put(&message(i)).unwrap();
    }
    assert!(queue.is_full());
    let full = queue.try_put(b"x").unwrap_err();
    assert_eq!(full.wake(), Some(Wake::TimedOut));
    let putter = Child::run(|| queue.put(&message(5), &mut within_a_minute()).is_ok());
    asleep(&putter);
    assert_eq!(number(&queue.try_get().unwrap()), 2);
    assert!(putter.succeeded());
    assert_eq!(rest(&queue), [5, 1, 0]);
    let getter = Child::run(|| {
        queue
            .get(&mut within_a_minute())
            .is_ok_and(|bytes| number(&bytes) == 9)
    });
    asleep(&getter);
    queue.try_put(&message(9)).unwrap();
    assert!(getter.succeeded());
    assert_eq!(queue.unfinished(), 5);
    assert!((0..5).all(|_| queue.task_done()));
    assert!(!queue.task_done());
    queue.join(&mut within_a_minute()).unwrap();
    assert!(arena.used_bytes() <= before + (8 << 10));
    assert!(OrderedQueue::open(&arena, queue.object().id()).is_some());
}

#[test]
fn a_shutdown_ends_it_c185() {
    let _alone = alone();
    let arena = arena();
    let queue = OrderedQueue::new(&arena, None, Order::Last).unwrap();
    let empty = arena.used_bytes();
    let getter = Child::run(|| matches!(queue.get(&mut within_a_minute()), Err(Error::ShutDown)));
    asleep(&getter);
    queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
    assert!(getter.succeeded());
    let queue = OrderedQueue::new(&arena, None, Order::Last).unwrap();
    put_all(&queue);
    queue
        .shutdown(Shutdown::Immediate, &mut within_a_minute())
        .unwrap();
    assert!(matches!(queue.try_get(), Err(Error::ShutDown)));
    assert!(matches!(queue.try_put(b"x"), Err(Error::ShutDown)));
    assert_eq!(queue.unfinished(), 0);
    assert!(arena.used_bytes() <= empty + (64 << 10));
}

#[test]
fn a_death_at_any_step_of_a_put_c186() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let steps = [
        "stack.given",
        "stack.segment",
        "stack.written",
        "stack.published",
        "stack.unlocked",
        "stack.retired",
    ];
    let mut died = BTreeSet::new();
    for name in steps {
        for count in [1, 2, 3, 5, 50] {
            let queue = OrderedQueue::new(&arena, None, Order::Last).unwrap();
            let confirmed = &shared_words(1)[0];
            let is_dead = dies(name, count, || {
                for i in 0..MESSAGES {
                    queue.try_put(&message(i)).unwrap();
                    confirmed.store(i + 1, Ordering::Relaxed);
                }
                // An empty segment that is too small is retired by the next put.
                while queue.try_get().is_ok() {}
                confirmed.store(0, Ordering::Relaxed);
            });
            if is_dead {
                died.insert(name);
            }
            let put = queue.unfinished();
            queue.try_put(&message(0)).unwrap();
            assert_eq!(queue.unfinished(), put + 1);
            let mut numbers = rest(&queue);
            assert_eq!(numbers.remove(0), 0);
            assert_eq!(numbers, down_from(numbers.len() as u64), "{name} {count}");
            let confirmed = confirmed.load(Ordering::Relaxed);
            if confirmed < MESSAGES {
                let there = numbers.len() as u64;
                assert!((confirmed..=confirmed + 1).contains(&there), "{name} {count}");
            }
            works(&arena, &queue, empty);
            drop(queue);
            assert_eq!(arena.used_bytes(), empty, "{name} {count}");
        }
    }
    assert_eq!(died, steps.into_iter().collect());
}

#[test]
fn a_death_at_any_step_of_a_get_c186() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let steps = [
        "stack.written",
        "stack.published",
        "stack.received",
        "stack.retired",
        "stack.left",
    ];
    let mut died = BTreeSet::new();
    for name in steps {
        for count in [1, 2, 3, 50] {
            let queue = OrderedQueue::new(&arena, None, Order::Last).unwrap();
            put_all(&queue);
            let got = &shared_words(1)[0];
            let is_dead = dies(name, count, || {
                for i in (0..MESSAGES).rev() {
                    assert_eq!(number(&queue.try_get().unwrap()), i);
                    got.fetch_add(1, Ordering::Relaxed);
                }
            });
            if is_dead {
                died.insert(name);
            }
            let got = got.load(Ordering::Relaxed);
            let numbers = rest(&queue);
            let lost = MESSAGES - got - numbers.len() as u64;
            assert!(lost <= 1, "{name} {count}: {lost} are lost");
            assert_eq!(numbers, down_from(MESSAGES - got - lost), "{name} {count}");
            assert_eq!(u64::from(queue.unfinished()), MESSAGES);
            works(&arena, &queue, empty);
            drop(queue);
            assert_eq!(arena.used_bytes(), empty, "{name} {count}");
        }
    }
    assert_eq!(died, steps.into_iter().collect());
}

#[test]
fn a_death_in_mending_c186() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let steps = ["queue.dirty", "stack.mending", "stack.mended", "stack.orphan"];
    let mut died = BTreeSet::new();
    for first in ["stack.given", "stack.segment", "stack.published"] {
        for second in steps {
            let queue = OrderedQueue::new(&arena, None, Order::Last).unwrap();
            assert!(dies(first, 3, || put_all(&queue)));
            let there = queue.len();
            for _ in 0..2 {
                if dies(second, 1, || drop(queue.try_get())) {
                    died.insert(second);
                }
            }
            queue.try_put(&message(0)).unwrap();
            let numbers = rest(&queue);
            assert!(numbers.len() as u32 > there.saturating_sub(2));
            assert_eq!(numbers[1..], down_from(numbers.len() as u64 - 1));
            works(&arena, &queue, empty);
        }
    }
    assert_eq!(died, steps.into_iter().collect());
    assert_eq!(arena.used_bytes(), empty);
}

/// Several processes put and get at once: each message comes out once.
#[test]
fn processes_work_at_once_c185() {
    let _alone = alone();
    let arena = arena();
    let queue = OrderedQueue::new(&arena, Some(20), Order::Last).unwrap();
    let got = shared_words(MESSAGES as usize);
    let reader = || {
        Child::run(|| {
            while let Ok(bytes) = queue.get(&mut within_a_minute()) {
                got[number(&bytes) as usize].fetch_add(1, Ordering::Relaxed);
            }
            queue.is_shut_down()
        })
    };
    let writer = |first: u64| {
        let queue = &queue;
        Child::run(move || {
            (first..MESSAGES)
                .step_by(2)
                .all(|i| queue.put(&message(i), &mut within_a_minute()).is_ok())
        })
    };
    let readers = [reader(), reader()];
    assert!([writer(0), writer(1)].into_iter().all(Child::succeeded));
    queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
    assert!(readers.into_iter().all(Child::succeeded));
    assert!(got.iter().all(|times| times.load(Ordering::Relaxed) == 1));
}
