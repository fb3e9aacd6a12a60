//! Deaths of processes that use a `Queue`, at each step of FORMAT.md.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use common::messages::{MESSAGES, dies, message, number};
use common::{Child, alone, arena, asleep, eventually, shared_words, within_a_minute};
use interlock_shm::{Arena, Error, Message, Queue, Shutdown};
use interlock_wait::Wake;

const PUT: &[&str] = &[
    "queue.filled",
    "queue.given",
    "queue.segment",
    "queue.jumped",
    "queue.written",
    "queue.published",
    "queue.unlocked",
    "block.unlinked",
    "block.entered",
    "block.allocated",
];
const GET: &[&str] = &[
    "queue.taken",
    "queue.spared",
    "queue.received",
    "queue.left",
    "block.given-back",
    "block.freed",
    "block.linked",
];
const MEND: &[&str] = &["queue.dirty", "queue.mending", "queue.orphan", "queue.mended"];

fn rest(queue: &Queue) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        match queue.try_get() {
            Ok(bytes) => numbers.push(number(&bytes)),
            Err(error) => {
                assert!(error.wake().is_some());
                return numbers;
            }
        }
    }
}

fn put_all(queue: &Queue) {
    (0..MESSAGES).for_each(|i| queue.try_put(&message(i)).unwrap());
}

/// After a death: the queue works, and no block is left over when it is empty, or gone.
fn works(arena: &Arena, queue: &Queue, empty: usize) {
    arena.sweep_all();
    put_all(queue);
    assert_eq!(rest(queue), (0..MESSAGES).collect::<Vec<_>>());
    let used = arena.used_bytes() - empty;
    assert!(used <= 512 << 10, "{used} bytes for an empty queue");
}

#[test]
fn a_death_at_any_step_of_a_put_c172() {
    let _alone = alone();
    let mut died = BTreeSet::new();
    for &name in PUT {
        // In a new arena no block is free yet.
        let arena = arena();
        let empty = arena.used_bytes();
        for count in [1, 2, 3, 5, 30] {
            let queue = Queue::new(&arena, None).unwrap();
            let confirmed = &shared_words(1)[0];
            let is_dead = dies(name, count, || {
                for i in 0..MESSAGES {
                    queue.put(&message(i), &mut within_a_minute()).unwrap();
                    confirmed.store(i + 1, Ordering::Relaxed);
                }
            });
            if is_dead {
                died.insert(name);
            }
            // The next process puts before any process gets.
            queue.put(&message(0), &mut within_a_minute()).unwrap();
            let mut numbers = rest(&queue);
            assert_eq!(numbers.pop(), Some(0));
            let there = numbers.len() as u64;
            assert_eq!(numbers, (0..there).collect::<Vec<_>>(), "{name} {count}");
            let put = confirmed.load(Ordering::Relaxed);
            assert!(
                (put..=put + 1).contains(&there),
                "{name} {count}: {there} of {put}"
            );
            works(&arena, &queue, empty);
            drop(queue);
            assert_eq!(arena.used_bytes(), empty, "{name} {count}");
        }
    }
    assert_eq!(died, PUT.iter().copied().collect());
}

#[test]
fn a_death_in_a_put_of_many_c172() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let all: Vec<_> = (0..MESSAGES).map(message).collect();
    for &name in PUT {
        for count in [1, 2, 4] {
            let queue = Queue::new(&arena, None).unwrap();
            dies(name, count, || {
                let messages = all.iter().map(Vec::as_slice);
                let (put, _) = queue.put_many(messages, &mut within_a_minute());
                assert_eq!(put, all.len());
            });
            let numbers = rest(&queue);
            assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
            works(&arena, &queue, empty);
        }
    }
    assert_eq!(arena.used_bytes(), empty);
}

#[test]
fn a_death_at_any_step_of_a_get_c173() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let mut died = BTreeSet::new();
    for &name in GET {
        for count in [1, 2, 3, 7, 100] {
            let queue = Queue::new(&arena, None).unwrap();
            put_all(&queue);
            let got = &shared_words(1)[0];
            let is_dead = dies(name, count, || {
                for i in 0..MESSAGES {
                    assert_eq!(number(&queue.get(&mut within_a_minute()).unwrap()), i);
                    got.store(i + 1, Ordering::Relaxed);
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
                (got + lost..MESSAGES).collect::<Vec<_>>(),
                "{name} {count}"
            );
            assert_eq!(u64::from(queue.unfinished()), MESSAGES);
            works(&arena, &queue, empty);
            drop(queue);
            assert_eq!(arena.used_bytes(), empty, "{name} {count}");
        }
    }
    assert_eq!(died, GET.iter().copied().collect());
}

#[test]
fn a_death_in_a_get_of_many_c173() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    for &name in GET {
        for count in [1, 2, 4] {
            let queue = Queue::new(&arena, None).unwrap();
            put_all(&queue);
            dies(name, count, || {
                let mut got = 0;
                while got < MESSAGES as usize {
                    got += queue
                        .get_many(20, &mut within_a_minute(), |_: Message<'_>| Ok::<_, Error>(()))
                        .unwrap();
                }
            });
            let numbers = rest(&queue);
            let first = MESSAGES - numbers.len() as u64;
            assert_eq!(numbers, (first..MESSAGES).collect::<Vec<_>>());
            works(&arena, &queue, empty);
        }
    }
    assert_eq!(arena.used_bytes(), empty);
}

/// One process dies in a put or a get, the next one where it mends the log, and one more there.
#[test]
fn a_death_in_mending_c174() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let mut died = BTreeSet::new();
    let firsts = ["queue.given", "queue.jumped", "queue.written", "queue.taken"];
    for first in firsts {
        for &second in MEND {
            for getter_mends in [false, true] {
                let queue = Queue::new(&arena, None).unwrap();
                put_all(&queue);
                let use_it = || {
                    for i in 0..MESSAGES {
                        queue.put(&message(MESSAGES + i), &mut within_a_minute()).unwrap();
                        let _ = queue.get(&mut within_a_minute()).unwrap();
                    }
                };
                // By the third large message the reader has left a segment.
                assert!(dies(first, if first == "queue.taken" { 6 } else { 1 }, use_it));
                for _ in 0..2 {
                    let is_dead = dies(second, 1, || match getter_mends {
                        true => drop(queue.get(&mut within_a_minute()).unwrap()),
                        false => queue.try_put(&message(0)).unwrap(),
                    });
                    if is_dead {
                        died.insert(second);
                    }
                }
                queue.clear(&mut within_a_minute()).unwrap();
                queue.try_put(&message(0)).unwrap();
                assert_eq!(rest(&queue), [0]);
                works(&arena, &queue, empty);
            }
        }
    }
    assert_eq!(died, MEND.iter().copied().collect());
    assert_eq!(arena.used_bytes(), empty);
}

/// The putter dies before it wakes the sleeping getter.
#[test]
fn a_sleeper_whose_waker_died_looks_again_c175() {
    let _alone = alone();
    let arena = arena();
    for name in ["queue.published", "queue.unlocked"] {
        let queue = Queue::new(&arena, None).unwrap();
        let getter = Child::run(|| queue.get(&mut within_a_minute()).is_ok());
        asleep(&getter);
        assert!(dies(name, 1, || queue.try_put(&message(0)).unwrap()));
        assert!(getter.succeeded());
    }
    for name in ["queue.taken", "queue.left"] {
        let queue = Queue::new(&arena, Some(1)).unwrap();
        queue.try_put(&message(0)).unwrap();
        let putter = Child::run(|| queue.put(&message(1), &mut within_a_minute()).is_ok());
        asleep(&putter);
        assert!(dies(name, 1, || drop(queue.try_get())));
        assert!(putter.succeeded());
    }
    let queue = Queue::new(&arena, None).unwrap();
    let getter = Child::run(|| matches!(queue.get(&mut within_a_minute()), Err(Error::ShutDown)));
    asleep(&getter);
    assert!(dies("queue.shut", 1, || {
        queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
    }));
    assert!(getter.succeeded());
}

/// The getter that was woken is stopped, so it takes nothing, and is killed. Another one sleeps.
#[test]
fn a_sleeper_behind_one_that_dies_looks_again_c175() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let first = Child::run(|| queue.get(&mut within_a_minute()).is_ok());
    asleep(&first);
    let second = Child::run(|| queue.get(&mut within_a_minute()).is_ok());
    asleep(&second);
    first.signal(libc::SIGSTOP);
    queue.try_put(&message(0)).unwrap();
    first.kill();
    assert!(second.succeeded());
    assert_eq!(first.status(), libc::SIGKILL);
}

/// A process that holds a lock and goes on does not keep others for longer than they are ready to wait; and when it dies, the message
/// that it was copying is there.
#[test]
fn a_death_while_a_message_is_copied_loses_nothing_c173() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    queue.try_put(&message(1)).unwrap();
    let is_reading = &shared_words(1)[0];
    let child = Child::run(|| {
        let read = |_: Message<'_>| -> Result<(), Error> {
            is_reading.store(1, Ordering::Relaxed);
            loop {
                std::thread::yield_now();
            }
        };
        queue.get_with(&mut within_a_minute(), read).is_ok()
    });
    eventually("it reads", || is_reading.load(Ordering::Relaxed) == 1);
    child.signal(libc::SIGSTOP);
    assert!(
        queue
            .try_get()
            .is_err_and(|error| error.wake() == Some(Wake::TimedOut))
    );
    queue.try_put(&message(2)).unwrap();
    child.kill();
    assert_eq!(number(&queue.get(&mut within_a_minute()).unwrap()), 1);
    assert_eq!(rest(&queue), [2]);
    drop(child);
}
