//! Queues in the order of ranks, and deaths at each step of FORMAT.md.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use common::messages::{MESSAGES, dies, message, number};
use common::{Child, alone, arena, asleep, shared_words, within_a_minute};
use interlock_shm::{Arena, Error, Order, OrderedQueue, Rank, Shutdown};
use interlock_wait::Wake;

const RANKS: u64 = 50;

/// Few ranks, so that many messages have the same.
fn rank_of(i: u64) -> u64 {
    i * 7919 % RANKS
}

fn rank(i: u64) -> Rank {
    let mut rank = Rank::new();
    rank.tuple();
    rank.number(rank_of(i) as f64, 0);
    rank.text(["", "a rank of some length"][usize::from(rank_of(i) == 3)]);
    rank.end();
    rank
}

fn new(arena: &std::sync::Arc<Arena>, maxsize: Option<u32>) -> OrderedQueue {
    OrderedQueue::new(arena, maxsize, Order::Rank).unwrap()
}

fn put(queue: &OrderedQueue, i: u64) -> Result<(), Error> {
    queue.put_ranked(rank(i).bytes(), &[&message(i)], &mut within_a_minute())
}

fn put_all(queue: &OrderedQueue) {
    (0..MESSAGES).for_each(|i| put(queue, i).unwrap());
}

fn rest(queue: &OrderedQueue) -> Vec<u64> {
    std::iter::from_fn(|| queue.try_get().ok().map(|bytes| number(&bytes))).collect()
}

/// The order in which they come out; messages of equal ranks in the order in which they were put.
fn sorted(numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.into_iter().collect();
    numbers.sort_by_key(|&i| (rank_of(i), i));
    numbers
}

fn works(arena: &Arena, queue: &OrderedQueue, empty: usize) {
    arena.sweep_all();
    put_all(queue);
    assert_eq!(rest(queue), sorted(0..MESSAGES));
    let used = arena.used_bytes() - empty;
    assert!(used <= 128 << 10, "{used} bytes for an empty queue");
}

#[test]
fn the_least_one_comes_first_c220() {
    let _alone = alone();
    let arena = arena();
    let queue = new(&arena, Some(3));
    let before = arena.used_bytes();
    for i in [2, 0, 1] {
        put(&queue, i).unwrap();
    }
    assert!(queue.is_full());
    let full = queue.try_put(b"x").unwrap_err();
    assert_eq!(full.wake(), Some(Wake::TimedOut));
    let putter = Child::run(|| put(&queue, RANKS).is_ok());
    asleep(&putter);
    assert_eq!(number(&queue.try_get().unwrap()), 0);
    assert!(putter.succeeded());
    assert_eq!(rest(&queue), sorted([1, 2, RANKS]));
    let getter = Child::run(|| {
        queue
            .get(&mut within_a_minute())
            .is_ok_and(|bytes| number(&bytes) == 9)
    });
    asleep(&getter);
    put(&queue, 9).unwrap();
    assert!(getter.succeeded());
    assert_eq!(queue.unfinished(), 5);
    assert!((0..5).all(|_| queue.task_done()));
    assert!(!queue.task_done());
    queue.join(&mut within_a_minute()).unwrap();
    assert!(arena.used_bytes() <= before + (8 << 10));
    assert!(OrderedQueue::open(&arena, queue.object().id()).is_some());
}

#[test]
fn equal_ones_come_as_they_were_put_c220() {
    let _alone = alone();
    let arena = arena();
    let queue = new(&arena, None);
    put_all(&queue);
    assert_eq!(rest(&queue), sorted(0..MESSAGES));
    // Memory is used again while there are messages, and given back when there are none.
    put_all(&queue);
    let used = arena.used_bytes();
    for i in MESSAGES..20 * MESSAGES {
        put(&queue, i).unwrap();
        queue.try_get().unwrap();
    }
    assert!(
        arena.used_bytes() <= used + (12 << 20),
        "{used} {}",
        arena.used_bytes()
    );
    rest(&queue);
    assert!(arena.used_bytes() <= 128 << 10);
}

#[test]
fn what_has_no_order_is_refused_c220() {
    let _alone = alone();
    let arena = arena();
    let queue = new(&arena, None);
    put(&queue, 1).unwrap();
    let mut text = Rank::new();
    text.text("one");
    for length in [10, 100_000] {
        let refused = queue.put_ranked(text.bytes(), &[&vec![0; length]], &mut within_a_minute());
        assert!(matches!(refused, Err(Error::NotComparable)));
    }
    assert_eq!((queue.len(), queue.unfinished()), (1, 1));
    assert_eq!(rest(&queue), [1]);
}

#[test]
fn a_shutdown_ends_it_c220() {
    let _alone = alone();
    let arena = arena();
    let queue = new(&arena, None);
    let empty = arena.used_bytes();
    let getter = Child::run(|| matches!(queue.get(&mut within_a_minute()), Err(Error::ShutDown)));
    asleep(&getter);
    queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
    assert!(getter.succeeded());
    let queue = new(&arena, None);
    put_all(&queue);
    queue
        .shutdown(Shutdown::Immediate, &mut within_a_minute())
        .unwrap();
    assert!(matches!(queue.try_get(), Err(Error::ShutDown)));
    assert!(matches!(put(&queue, 1), Err(Error::ShutDown)));
    assert_eq!(queue.unfinished(), 0);
    assert!(arena.used_bytes() <= empty + (64 << 10));
}

#[test]
fn a_death_at_any_step_of_a_put_c221() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let steps = [
        "ranking.given",
        "ranking.root",
        "ranking.segment",
        "ranking.written",
        "ranking.linked",
        "ranking.published",
        "stack.unlocked",
    ];
    let mut died = BTreeSet::new();
    for name in steps {
        for count in [1, 2, 3, 5, 50] {
            let queue = new(&arena, None);
            let confirmed = &shared_words(1)[0];
            let is_dead = dies(name, count, || {
                for i in 0..MESSAGES {
                    put(&queue, i).unwrap();
                    confirmed.store(i + 1, Ordering::Relaxed);
                }
            });
            if is_dead {
                died.insert(name);
            }
            put(&queue, MESSAGES).unwrap();
            let confirmed = confirmed.load(Ordering::Relaxed);
            let (there, tasks) = (u64::from(queue.len()) - 1, u64::from(queue.unfinished()));
            assert!((confirmed..=confirmed + 1).contains(&there), "{name} {count}");
            assert_eq!(tasks, there + 1, "{name} {count}");
            let numbers = rest(&queue);
            assert_eq!(numbers, sorted((0..there).chain([MESSAGES])), "{name} {count}");
            works(&arena, &queue, empty);
            drop(queue);
            assert_eq!(arena.used_bytes(), empty, "{name} {count}");
        }
    }
    assert_eq!(died, steps.into_iter().collect());
}

#[test]
fn a_death_at_any_step_of_a_get_c221() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let steps = [
        "ranking.published",
        "ranking.unlinked",
        "ranking.received",
        "ranking.retired",
        "stack.left",
    ];
    let mut died = BTreeSet::new();
    for name in steps {
        for count in [1, 2, 3, 50] {
            let queue = new(&arena, None);
            put_all(&queue);
            let got = &shared_words(1)[0];
            let is_dead = dies(name, count, || {
                for i in sorted(0..MESSAGES) {
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
            assert_eq!(
                numbers,
                sorted(0..MESSAGES)[(got + lost) as usize..],
                "{name} {count}"
            );
            assert_eq!(u64::from(queue.unfinished()), MESSAGES);
            works(&arena, &queue, empty);
            drop(queue);
            assert_eq!(arena.used_bytes(), empty, "{name} {count}");
        }
    }
    assert_eq!(died, steps.into_iter().collect());
}

#[test]
fn a_death_in_mending_c221() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let steps = [
        "queue.dirty",
        "ranking.mending",
        "ranking.mended",
        "ranking.orphan",
    ];
    let mut died = BTreeSet::new();
    for first in [
        "ranking.given",
        "ranking.segment",
        "ranking.linked",
        "ranking.published",
    ] {
        for second in steps {
            let queue = new(&arena, None);
            assert!(dies(first, 3, || put_all(&queue)));
            let there = queue.len();
            for _ in 0..2 {
                if dies(second, 1, || drop(queue.try_get())) {
                    died.insert(second);
                }
            }
            put(&queue, MESSAGES + 1).unwrap();
            let numbers = rest(&queue);
            assert!(numbers.len() as u32 > there.saturating_sub(2));
            assert_eq!(numbers, sorted(numbers.iter().copied()), "{first} {second}");
            works(&arena, &queue, empty);
        }
    }
    assert_eq!(died, steps.into_iter().collect());
    assert_eq!(arena.used_bytes(), empty);
}

/// Several processes put and get at once: each message comes out once.
#[test]
fn processes_work_at_once_c220() {
    let _alone = alone();
    let arena = arena();
    let queue = new(&arena, Some(20));
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
        Child::run(move || (first..MESSAGES).step_by(2).all(|i| put(queue, i).is_ok()))
    };
    let readers = [reader(), reader()];
    assert!([writer(0), writer(1)].into_iter().all(Child::succeeded));
    queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
    assert!(readers.into_iter().all(Child::succeeded));
    assert!(got.iter().all(|times| times.load(Ordering::Relaxed) == 1));
}

/// Putters and getters are killed at random instants: no message is torn or doubled, a killed getter loses one at most, and what is
/// left is in order.
#[test]
fn a_storm_of_kills_c221() {
    let _alone = alone();
    let arena = arena();
    let queue = new(&arena, None);
    let empty = arena.used_bytes();
    const ROUNDS: u64 = 40;
    const EACH: u64 = 1 << 12;
    let got = shared_words((ROUNDS * EACH) as usize);
    let confirmed = shared_words(ROUNDS as usize);
    let mut seed = 88_172_645_463_325_252_u64;
    for round in 0..ROUNDS {
        let getter = Child::run(|| {
            while let Ok(bytes) = queue.get(&mut within_a_minute()) {
                got[number(&bytes) as usize].fetch_add(1, Ordering::Relaxed);
            }
            true
        });
        let putter = Child::run(|| {
            for i in 0..EACH {
                put(&queue, round * EACH + i).unwrap();
                confirmed[round as usize].store(i + 1, Ordering::Relaxed);
            }
            true
        });
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let end = 1 + seed % (EACH / 2);
        common::eventually("a put", || {
            confirmed[round as usize].load(Ordering::Relaxed) >= end
        });
        let (first, second) = if seed & 1 == 0 {
            (getter, putter)
        } else {
            (putter, getter)
        };
        first.kill();
        second.kill();
        first.status();
        second.status();
        arena.sweep_all();
    }
    let numbers = rest(&queue);
    for window in numbers.windows(2) {
        assert!(rank_of(window[0]) <= rank_of(window[1]));
    }
    numbers.iter().for_each(|&i| {
        got[i as usize].fetch_add(1, Ordering::Relaxed);
    });
    assert!(got.iter().all(|times| times.load(Ordering::Relaxed) <= 1));
    let lost = (0..ROUNDS)
        .flat_map(|round| {
            let confirmed = confirmed[round as usize].load(Ordering::Relaxed);
            (0..confirmed).map(move |i| (round * EACH + i) as usize)
        })
        .filter(|&i| got[i].load(Ordering::Relaxed) == 0)
        .count();
    assert!(lost as u64 <= ROUNDS, "{lost} are lost");
    works(&arena, &queue, empty);
}
