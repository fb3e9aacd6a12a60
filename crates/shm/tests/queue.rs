//! `Queue` between processes.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::sync::atomic::Ordering;

use common::{Child, alone, arena, asleep, eventually, shared_words, within_a_minute};
use interlock_shm::{Arena, Error, Message, Queue, Shutdown};
use interlock_wait::Wake;

/// Makes a message that contains its number, of at least `length` bytes.
fn numbered(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((bytes.len()..length).map(|i| (number as usize + i) as u8));
    bytes
}

/// Returns the number of a message, after checking that it is as [`numbered`] made it.
fn number(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert!(bytes == numbered(number, bytes.len()), "message {number} is torn");
    number
}

fn ended(error: &Error) -> bool {
    error.wake() == Some(Wake::TimedOut)
}

#[test]
fn messages_of_all_lengths_come_out_as_they_were_put_c170() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let lengths = [
        8, 9, 15, 16, 17, 100, 4000, 4090, 5000, 32_767, 32_768, 32_769, 100_000, 3_000_000,
    ];
    for round in 0..3 {
        for (i, &length) in lengths.iter().enumerate() {
            queue.try_put(&numbered(i as u64, length)).unwrap();
            assert_eq!(queue.len(), i as u32 + 1);
        }
        let child = Child::run(|| {
            lengths.iter().enumerate().all(|(i, &length)| {
                let bytes = queue.get(&mut within_a_minute()).unwrap();
                number(&bytes) == i as u64 && bytes.len() == length
            })
        });
        assert!(child.succeeded(), "round {round}");
        assert!(queue.is_empty());
        assert!(queue.try_get().is_err_and(|error| ended(&error)));
    }
    queue
        .put_parts(&[b"a", b"", b"bc"], &mut within_a_minute())
        .unwrap();
    queue.try_put(b"").unwrap();
    assert_eq!(queue.try_get().unwrap(), b"abc");
    assert_eq!(queue.try_get().unwrap(), b"");
}

#[test]
fn writers_and_readers_work_at_once_c170() {
    const EACH: u64 = 5_000;
    let _alone = alone();
    let arena = arena();
    for maxsize in [Some(1), Some(10), None] {
        let queue = Queue::new(&arena, maxsize).unwrap();
        let got = shared_words(3 * EACH as usize);
        let writer = |id: u64| {
            let queue = &queue;
            Child::run(move || {
                (0..EACH).all(|i| {
                    let length = if i % 50 == 0 { 2_000 } else { 8 };
                    queue
                        .put(&numbered(id * EACH + i, length), &mut within_a_minute())
                        .is_ok()
                })
            })
        };
        let reader = || {
            Child::run(|| {
                let mut last = [None; 3];
                while let Ok(bytes) = queue.get(&mut within_a_minute()) {
                    let number = number(&bytes);
                    let (id, i) = ((number / EACH) as usize, number % EACH);
                    assert!(last[id] < Some(i), "the order of a writer is lost");
                    last[id] = Some(i);
                    got[number as usize].fetch_add(1, Ordering::Relaxed);
                }
                queue.is_shut_down()
            })
        };
        let readers = [reader(), reader()];
        let writers = [writer(0), writer(1), writer(2)];
        assert!(writers.into_iter().all(Child::succeeded));
        queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
        assert!(readers.into_iter().all(Child::succeeded));
        assert!(got.iter().all(|times| times.load(Ordering::Relaxed) == 1));
    }
}

#[test]
fn a_bounded_queue_is_full_and_a_putter_waits_c171() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, Some(2)).unwrap();
    assert_eq!(queue.maxsize(), Some(2));
    queue.try_put(b"1").unwrap();
    assert!(!queue.is_full());
    queue.try_put(b"2").unwrap();
    assert!(queue.is_full());
    assert!(queue.try_put(b"3").is_err_and(|error| ended(&error)));
    let putter = Child::run(|| queue.put(b"3", &mut within_a_minute()).is_ok());
    asleep(&putter);
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.try_get().unwrap(), b"1");
    assert!(putter.succeeded());
    assert_eq!(queue.try_get().unwrap(), b"2");
    assert_eq!(queue.try_get().unwrap(), b"3");
    assert_eq!(Queue::new(&arena, Some(0)).unwrap().maxsize(), None);
}

#[test]
fn many_at_once_c171() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, Some(10)).unwrap();
    let reader = Child::run(|| {
        let mut next = 0;
        while next < 1_000 {
            let got = queue.get_many(7, &mut within_a_minute(), |message: Message<'_>| {
                assert_eq!(number(&message.to_vec()), next);
                next += 1;
                Ok::<_, Error>(())
            });
            assert!((1..=7).contains(&got.unwrap()));
        }
        queue.is_empty()
    });
    let messages: Vec<_> = (0..1_000)
        .map(|i| numbered(i, if i % 100 == 99 { 50_000 } else { 8 }))
        .collect();
    let (put, outcome) = queue.put_many(messages.iter().map(Vec::as_slice), &mut within_a_minute());
    outcome.unwrap();
    assert_eq!(put, 1_000);
    assert!(reader.succeeded());
    let (put, outcome) = queue.put_many(
        messages.iter().map(Vec::as_slice),
        &mut interlock_wait::WaitContext::until(interlock_wait::Deadline::PASSED),
    );
    assert_eq!(put, 10);
    assert!(outcome.is_err_and(|error| ended(&error)));
}

#[test]
fn a_message_that_cannot_be_read_stays_c170() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    queue.try_put(b"one").unwrap();
    let refused: Result<(), Error> =
        queue.get_with(&mut within_a_minute(), |_| Err(Error::Full { bytes: 3 }));
    assert!(refused.is_err());
    assert_eq!(queue.try_get().unwrap(), b"one");
    queue.try_put(b"two").unwrap();
    let copied = queue.get_with(&mut within_a_minute(), |message| {
        assert_eq!(message.len(), 3);
        let mut bytes = [0; 4];
        assert!(!message.read(&mut bytes));
        assert!(message.read(&mut bytes[..2]));
        Ok::<_, Error>((bytes, message.keep().is_err()))
    });
    assert_eq!(copied.unwrap(), (*b"tw\0\0", true));
}

/// A large message stays where it is for as long as its getter keeps it, and a forked child does not free it.
#[test]
fn a_large_message_is_kept_in_place_c176() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let before = arena.used_bytes();
    let message = numbered(7, 100_000);
    queue.try_put(&message).unwrap();
    let taken = queue
        .get_with(&mut within_a_minute(), |message| {
            Ok::<_, Error>(message.keep().ok())
        })
        .unwrap()
        .unwrap();
    let mut copy = vec![0; taken.len()];
    let child = Child::run(|| {
        drop(unsafe_copy(&taken));
        true
    });
    assert!(child.succeeded());
    queue.try_put(&numbered(8, 100_000)).unwrap();
    assert!(taken.read(&mut copy));
    assert_eq!(copy, message);
    assert_eq!(number(&queue.try_get().unwrap()), 8);
    assert!(arena.used_bytes() > before);
    drop(taken);
    assert_eq!(arena.used_bytes(), before);
}

/// Makes the copy that the child of a fork gets of its parent's value, and drops.
#[expect(unsafe_code, reason = "a fork copies all values")]
fn unsafe_copy<T>(value: &T) -> T {
    // SAFETY: the caller is a child that ends without dropping the original.
    unsafe { std::ptr::read(value) }
}

#[test]
fn sleepers_are_woken_one_for_each_message_c175() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let getter = || Child::run(|| queue.get(&mut within_a_minute()).is_ok());
    let getters = [getter(), getter(), getter(), getter()];
    getters.iter().for_each(asleep);
    queue.try_put(b"1").unwrap();
    queue.try_put(b"2").unwrap();
    let (put, _) = queue.put_many([&b"3"[..], &b"4"[..]], &mut within_a_minute());
    assert_eq!(put, 2);
    assert!(getters.into_iter().all(Child::succeeded));
}

#[test]
fn memory_is_flat_and_comes_back_c176() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let queue = Queue::new(&arena, Some(100)).unwrap();
    assert!(arena.used_bytes() <= empty + 4096);
    let mut most = 0;
    let messages: Vec<_> = (0..50_u64).map(u64::to_le_bytes).collect();
    queue.try_put(&[0; 8]).unwrap();
    // A million messages in the long form.
    let rounds = if std::env::var_os("INTERLOCK_CRASH_SECONDS").is_some() {
        20_000
    } else {
        2_000
    };
    for _ in 0..rounds {
        let (put, _) = queue.put_many(messages.iter().map(|m| &m[..]), &mut within_a_minute());
        assert_eq!(put, 50);
        let mut got = 0;
        while got < 50 {
            got += queue
                .get_many(50 - got, &mut within_a_minute(), |_| Ok::<_, Error>(()))
                .unwrap();
        }
        most = most.max(arena.used_bytes() - empty);
    }
    assert!(most <= 64 << 10, "{most} bytes for a hundred small messages");
    queue.clear(&mut within_a_minute()).unwrap();

    let queue = Queue::new(&arena, None).unwrap();
    for i in 0..10_000_u64 {
        queue.try_put(&numbered(i, 10_000)).unwrap();
    }
    assert!(arena.used_bytes() - empty > 90 << 20);
    for i in 0..10_000_u64 {
        assert_eq!(number(&queue.try_get().unwrap()), i);
    }
    let left = arena.used_bytes() - empty;
    assert!(left <= 1 << 20, "{left} bytes for nothing");
    drop(queue);
}

#[test]
fn nothing_is_put_after_a_shutdown_c177() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, Some(1)).unwrap();
    queue.try_put(b"1").unwrap();
    let putter = Child::run(|| matches!(queue.put(b"2", &mut within_a_minute()), Err(Error::ShutDown)));
    let other = Queue::new(&arena, None).unwrap();
    let getter = Child::run(|| matches!(other.get(&mut within_a_minute()), Err(Error::ShutDown)));
    asleep(&putter);
    asleep(&getter);
    for queue in [&queue, &other] {
        assert!(!queue.is_shut_down());
        queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
        assert!(queue.is_shut_down());
        assert!(matches!(queue.try_put(b"3"), Err(Error::ShutDown)));
    }
    assert!(putter.succeeded());
    assert!(getter.succeeded());
    assert_eq!(queue.try_get().unwrap(), b"1");
    assert!(matches!(queue.try_get(), Err(Error::ShutDown)));
}

#[test]
fn an_immediate_shutdown_drops_what_is_there_c177() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let before = arena.used_bytes();
    (0..500).for_each(|i| {
        queue
            .try_put(&numbered(i, if i % 100 == 0 { 40_000 } else { 50 }))
            .unwrap();
    });
    assert_eq!(number(&queue.try_get().unwrap()), 0);
    let joiner = Child::run(|| queue.join(&mut within_a_minute()).is_ok());
    asleep(&joiner);
    queue
        .shutdown(Shutdown::Immediate, &mut within_a_minute())
        .unwrap();
    assert!(matches!(queue.try_get(), Err(Error::ShutDown)));
    assert_eq!(queue.unfinished(), 1);
    assert!(queue.task_done());
    assert!(joiner.succeeded());
    assert!(arena.used_bytes() <= before + (128 << 10));
}

#[test]
fn a_join_waits_for_all_tasks_c178() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    queue.join(&mut within_a_minute()).unwrap();
    assert!(!queue.task_done());
    (0..10).for_each(|i| queue.try_put(&numbered(i, 8)).unwrap());
    let dead = Child::run(|| queue.try_get().is_ok());
    assert!(dead.succeeded());
    let consumer = Child::run(|| (0..9).all(|_| queue.try_get().is_ok() && queue.task_done()));
    assert!(consumer.succeeded());
    assert_eq!(queue.unfinished(), 1);
    let joiner = Child::run(|| queue.join(&mut within_a_minute()).is_ok());
    asleep(&joiner);
    assert!(queue.task_done());
    assert!(joiner.succeeded());
    assert!(!queue.task_done());
}

#[test]
fn a_queue_is_opened_by_its_number() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let id = queue.object().id();
    queue.try_put(b"1").unwrap();
    let again = Queue::open(&arena, id).unwrap();
    drop(queue);
    assert_eq!(again.try_get().unwrap(), b"1");
    let used = arena.used_bytes();
    drop(again);
    assert!(arena.used_bytes() < used);
    assert!(Queue::open(&arena, id).is_none());
    eventually("the home is there", || Arena::home().is_ok());
}
