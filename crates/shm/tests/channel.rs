//! Channels between processes: messages, and the effects of closing an end.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::sync::atomic::Ordering;

use common::{Child, alone, arena, asleep, eventually, shared_words, within_a_minute};
use interlock_shm::{ChannelReader, ChannelWriter, Error, Lock, OnOwnerDeath, channel, step};
use interlock_wait::{Deadline, WaitContext, Wake};

fn message(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((8..length).map(|at| (number as usize + at) as u8));
    bytes
}

fn is_end(outcome: &Result<Vec<u8>, Error>) -> bool {
    matches!(outcome, Err(Error::EndOfFile))
}

fn send(writer: &ChannelWriter, bytes: &[u8]) -> Result<(), Error> {
    writer.send(&[bytes], &mut within_a_minute())
}

fn no_time() -> WaitContext<'static> {
    WaitContext::until(Deadline::PASSED)
}

fn timed_out<T>(outcome: Result<T, Error>) -> bool {
    outcome.is_err_and(|error| error.wake() == Some(Wake::TimedOut))
}

#[test]
fn messages_come_in_order_and_a_sender_waits_for_room_c180() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer) = channel(&arena).unwrap();
    let lengths = [8, 100, 30_000, 40_000, 1_500_000, 8, 100_000, 9];
    let sender = Child::run(|| {
        (0..80).all(|i| send(&writer, &message(i, lengths[i as usize % lengths.len()])).is_ok())
    });
    for i in 0..80 {
        let bytes = reader.receive(&mut within_a_minute()).unwrap();
        assert!(
            bytes == message(i, lengths[i as usize % lengths.len()]),
            "message {i}"
        );
    }
    assert!(sender.succeeded());
    assert!(timed_out(reader.poll(&mut no_time())));
    // A full channel: this process reads nothing.
    let sent = (0..)
        .take_while(|_| writer.send(&[&[0; 10_000]], &mut no_time()).is_ok())
        .count();
    assert!((100..110).contains(&sent), "{sent}");
    let waiting = Child::run(|| send(&writer, b"more").is_ok());
    asleep(&waiting);
    assert!(reader.receive(&mut within_a_minute()).is_ok());
    assert!(waiting.succeeded());
}

#[test]
fn the_last_writer_to_close_ends_the_channel_c181() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer) = channel(&arena).unwrap();
    let go = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let _ = go.try_acquire().unwrap();
    let other = Child::run(|| go.acquire(&mut within_a_minute()).is_ok() && send(&writer, b"last").is_ok());
    drop(writer);
    assert!(timed_out(reader.receive(&mut no_time())));
    assert!(timed_out(reader.poll(&mut no_time())));
    assert!(go.release());
    assert_eq!(reader.receive(&mut within_a_minute()).unwrap(), b"last");
    assert!(is_end(&reader.receive(&mut within_a_minute())));
    assert!(reader.poll(&mut no_time()).is_ok());
    assert!(other.succeeded());
}

/// The child of a fork gets all ends, as with a pipe.
#[test]
fn a_child_that_closes_its_writer_sees_the_end_c181() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer) = channel(&arena).unwrap();
    let (mut given, mut others) = (Some(writer), reader.clone());
    let child = Child::run(|| {
        drop(given.take());
        let first = others.receive(&mut within_a_minute());
        first.is_ok_and(|bytes| bytes == b"last") && is_end(&others.receive(&mut within_a_minute()))
    });
    send(given.as_ref().unwrap(), b"last").unwrap();
    drop(given.take());
    assert!(child.succeeded());
    others = reader;
    assert!(is_end(&others.receive(&mut within_a_minute())));
}

/// A sleeping receiver is woken when the last writer is closed here, or dead.
#[test]
fn a_receiver_learns_of_the_end_at_once_c181() {
    let _alone = alone();
    let arena = arena();
    for is_killed in [false, true] {
        for writers in 1..4 {
            let (reader, writer) = channel(&arena).unwrap();
            let ready = &shared_words(1)[0];
            let children: Vec<_> = (0..writers)
                .map(|_| {
                    Child::run(|| {
                        ready.fetch_add(1, Ordering::Relaxed);
                        while ready.load(Ordering::Relaxed) < 100 {
                            std::thread::yield_now();
                        }
                        true
                    })
                })
                .collect();
            let (end, rest) = (reader.objects()[0].id(), reader.clone());
            drop(rest);
            assert!(ChannelReader::open(&arena, end).is_some());
            assert!(ChannelWriter::open(&arena, end).is_none());
            drop(writer);
            eventually("they have started", || ready.load(Ordering::Relaxed) == writers);
            let receiver = std::thread::spawn(move || reader.receive(&mut within_a_minute()));
            if is_killed {
                children.iter().for_each(Child::kill);
            } else {
                ready.store(100, Ordering::Relaxed);
            }
            // (A receiver that is not woken at once looks within a second, for each of those that died.)
            assert!(is_end(&receiver.join().unwrap()));
            drop(children);
        }
    }
}

#[test]
fn a_sender_learns_that_nobody_reads_c182() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer) = channel(&arena).unwrap();
    let ready = &shared_words(1)[0];
    let child = Child::run(|| {
        ready.store(1, Ordering::Relaxed);
        loop {
            std::thread::yield_now();
        }
    });
    eventually("it has started", || ready.load(Ordering::Relaxed) == 1);
    drop(reader);
    while !timed_out(writer.send(&[&[0; 100_000]], &mut no_time())) {}
    let sender = std::thread::spawn(move || {
        let blocked = writer.send(&[&[0; 2_000_000]], &mut within_a_minute());
        (blocked, send(&writer, b"x"))
    });
    child.kill();
    let (blocked, after) = sender.join().unwrap();
    assert!(matches!(blocked, Err(Error::BrokenPipe)));
    assert!(matches!(after, Err(Error::BrokenPipe)));
    drop(child);

    let (reader, writer) = channel(&arena).unwrap();
    send(&writer, b"y").unwrap();
    drop(reader);
    assert!(matches!(send(&writer, b"x"), Err(Error::BrokenPipe)));
}

#[test]
fn a_death_at_any_step_leaves_whole_messages_c183() {
    let _alone = alone();
    let arena = arena();
    let empty = arena.used_bytes();
    let sender_steps = [
        "queue.filled",
        "queue.given",
        "queue.segment",
        "queue.jumped",
        "queue.written",
        "queue.published",
    ];
    for name in sender_steps {
        let (reader, writer) = channel(&arena).unwrap();
        let child = Child::run(|| {
            step::arm(name, 2);
            (0..2000).all(|i| send(&writer, &message(i, if i % 9 == 3 { 40_000 } else { 100 })).is_ok())
        });
        drop(writer);
        let mut next = 0;
        let end = loop {
            match reader.receive(&mut within_a_minute()) {
                Ok(bytes) => assert!(bytes == message(next, bytes.len())),
                Err(error) => break error,
            }
            next += 1;
        };
        assert!(matches!(end, Error::EndOfFile));
        assert_eq!(child.status(), libc::SIGKILL, "{name}");
        drop(reader);
        assert_eq!(arena.used_bytes(), empty, "{name}");
    }
    for name in ["queue.taken", "queue.spared", "queue.received", "queue.left"] {
        let (reader, writer) = channel(&arena).unwrap();
        let child = Child::run(|| {
            step::arm(name, 2);
            while reader.receive(&mut within_a_minute()).is_ok() {}
            true
        });
        drop(reader);
        let refused =
            (0..).find_map(|i| send(&writer, &message(i, if i % 9 == 3 { 40_000 } else { 100 })).err());
        assert!(matches!(refused, Some(Error::BrokenPipe)));
        assert_eq!(child.status(), libc::SIGKILL, "{name}");
        drop(writer);
        assert_eq!(arena.used_bytes(), empty, "{name}");
    }
}
