//! Measures the speed of a queue between processes, for people:
//! `cargo test --release -p interlock-shm --test queue_speed -- --ignored --nocapture`.

#![cfg(not(loom))]
#![expect(unsafe_code, reason = "the C library tells the time of the processor")]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::sync::Arc;
use std::time::Instant;

use common::{Child, endless};
use interlock_shm::{Arena, Error, Message, Queue, channel, step};

/// Returns the nanoseconds that one of `rounds` takes by the clock, and the processor time that it takes in this
/// process and its children.
fn nanos(rounds: u32, body: impl FnOnce()) -> (f64, f64) {
    let (begin, spent) = (Instant::now(), processor());
    body();
    let rounds = f64::from(rounds);
    let clock = begin.elapsed().as_nanos() as f64 / rounds;
    (clock, (processor() - spent) / rounds)
}

/// The nanoseconds of processor time of this process, and of its children that have ended.
fn processor() -> f64 {
    let time = |who| {
        // SAFETY: all zeros is a value of it, which the call fills.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to the value above.
        assert_eq!(unsafe { libc::getrusage(who, &raw mut usage) }, 0);
        let nanos = |time: libc::timeval| time.tv_sec as f64 * 1e9 + time.tv_usec as f64 * 1e3;
        nanos(usage.ru_utime) + nanos(usage.ru_stime)
    };
    time(libc::RUSAGE_SELF) + time(libc::RUSAGE_CHILDREN)
}

fn show(what: &str, (clock, processor): (f64, f64)) {
    println!("{what}: {clock:.0} ns, {processor:.0} ns of a processor");
}

/// Runs `body` in a forked child, beside `own`.
fn beside(body: impl FnOnce(), own: impl FnOnce()) {
    let child = Child::run(|| {
        body();
        true
    });
    own();
    assert!(child.succeeded());
}

fn get(queue: &Queue, buffer: &mut [u8]) {
    let read = |message: Message<'_>| {
        let length = message.len();
        assert!(message.read(&mut buffer[..length]));
        Ok::<_, Error>(())
    };
    queue.get_with(&mut endless(), read).unwrap();
}

fn in_one_process(arena: &Arc<Arena>, maxsize: Option<u32>) {
    let queue = Queue::new(arena, maxsize).unwrap();
    let mut buffer = [0; 8];
    let count = 3_000_000;
    let time = nanos(count, || {
        for i in 0..count {
            queue.put(&i.to_le_bytes(), &mut endless()).unwrap();
            get(&queue, &mut buffer);
        }
    });
    show(&format!("put + get in one process, {maxsize:?}"), time);
}

fn one_to_one(arena: &Arc<Arena>, length: usize, maxsize: Option<u32>, count: u32) {
    let message = vec![7; length];
    let mut buffer = vec![0; length];
    let queue = Queue::new(arena, maxsize).unwrap();
    let time = nanos(count, || {
        beside(
            || (0..count).for_each(|_| queue.put(&message, &mut endless()).unwrap()),
            || (0..count).for_each(|_| get(&queue, &mut buffer)),
        );
    });
    show(&format!("{length} bytes, one to one, {maxsize:?}"), time);
}

fn ping_pong(arena: &Arc<Arena>) {
    let (there, back) = (Queue::new(arena, None).unwrap(), Queue::new(arena, None).unwrap());
    let count = 100_000;
    let pong = || {
        let mut buffer = [0; 8];
        for _ in 0..count {
            get(&there, &mut buffer);
            back.put(&buffer, &mut endless()).unwrap();
        }
    };
    let mut buffer = [0; 8];
    let ping = || {
        for i in 0..count {
            there.put(&u64::from(i).to_le_bytes(), &mut endless()).unwrap();
            get(&back, &mut buffer);
        }
    };
    show("ping-pong, a round", nanos(count, || beside(pong, ping)));
}

fn channels(arena: &Arc<Arena>) {
    let (there, to_there) = channel(arena).unwrap();
    let (back, to_back) = channel(arena).unwrap();
    let bytes = [7; 8];
    let count = 1_000_000;
    let sink = || (0..count).for_each(|_| drop(there.receive(&mut endless()).unwrap()));
    let source = || (0..count).for_each(|_| to_there.send(&[&bytes], &mut endless()).unwrap());
    show("8 bytes through a channel", nanos(count, || beside(sink, source)));
    let count = 100_000;
    let pong = || {
        for _ in 0..count {
            let bytes = there.receive(&mut endless()).unwrap();
            to_back.send(&[&bytes], &mut endless()).unwrap();
        }
    };
    let ping = || {
        for _ in 0..count {
            to_there.send(&[&bytes], &mut endless()).unwrap();
            assert_eq!(back.receive(&mut endless()).unwrap(), bytes);
        }
    };
    show("ping-pong through channels", nanos(count, || beside(pong, ping)));
}

fn many_at_once(arena: &Arc<Arena>) {
    let queue = Queue::new(arena, None).unwrap();
    let messages = [&[7; 8][..]; 100];
    let writer = || (0..30_000).for_each(|_| assert_eq!(queue.put_many(messages, &mut endless()).0, 100));
    let mut buffer = [0; 8];
    let mut read = |message: Message<'_>| {
        assert!(message.read(&mut buffer));
        Ok::<_, Error>(())
    };
    let reader = || {
        let mut got = 0;
        while got < 3_000_000 {
            got += queue.get_many(100, &mut endless(), &mut read).unwrap();
        }
    };
    show(
        "8 bytes, a hundred at once",
        nanos(3_000_000, || beside(writer, reader)),
    );
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    // An armed step is cheaper than one that notes where the process has been.
    step::arm("none", 1);
    let arena = Arena::create().unwrap();
    for maxsize in [None, Some(1000)] {
        in_one_process(&arena, maxsize);
        one_to_one(&arena, 8, maxsize, 3_000_000);
        one_to_one(&arena, 1_000, maxsize, 1_000_000);
    }
    one_to_one(&arena, 1 << 20, Some(8), 3_000);
    ping_pong(&arena);
    channels(&arena);
    many_at_once(&arena);
}
