//! How fast a queue between processes is: `cargo run --release -p interlock-shm --example queue_speed`.

#![expect(unsafe_code, reason = "the C library forks")]

use std::time::Instant;

use interlock_shm::{Arena, Error, Message, Queue, step};
use interlock_wait::WaitContext;

/// The nanoseconds that one of `rounds` takes by the clock, and what the processor spends on it, in this process and its children.
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

fn endless() -> WaitContext<'static> {
    WaitContext::endless()
}

/// Runs `body` in a forked child, beside `own`.
fn beside(body: impl FnOnce(), own: impl FnOnce()) {
    // SAFETY: the child runs the closure, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        body();
        // SAFETY: the child ends without running what is left of the program.
        unsafe { libc::_exit(0) };
    }
    own();
    // SAFETY: the child is this process's.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
}

fn get(queue: &Queue, buffer: &mut [u8]) {
    let read = |message: Message<'_>| {
        let length = message.len();
        assert!(message.read(&mut buffer[..length]));
        Ok::<_, Error>(())
    };
    queue.get_with(&mut endless(), read).unwrap();
}

fn main() {
    // An armed step is cheaper than one that notes where the process has been.
    step::arm("none", 1);
    let arena = Arena::create().unwrap();
    let mut buffer = vec![0; 1 << 20];

    for maxsize in [None, Some(1000)] {
        let queue = Queue::new(&arena, maxsize).unwrap();
        let count = 3_000_000;
        let time = nanos(count, || {
            for i in 0..count {
                queue.put(&i.to_le_bytes(), &mut endless()).unwrap();
                get(&queue, &mut buffer);
            }
        });
        show(&format!("{maxsize:?}: put + get in one process"), time);
    }
    for (length, count) in [(8, 3_000_000), (1_000, 1_000_000), (1 << 20, 3_000)] {
        let message = vec![7; length];
        for maxsize in [None, Some(1000)] {
            if length > 1_000_000 && maxsize.is_none() {
                continue;
            }
            let queue = Queue::new(
                &arena,
                maxsize.map(|most| if length > 1_000_000 { 8 } else { most }),
            )
            .unwrap();
            let time = nanos(count, || {
                beside(
                    || (0..count).for_each(|_| queue.put(&message, &mut endless()).unwrap()),
                    || (0..count).for_each(|_| get(&queue, &mut buffer)),
                );
            });
            show(&format!("{length} bytes, {maxsize:?}: one to one"), time);
        }
    }
    let (there, back) = (
        Queue::new(&arena, None).unwrap(),
        Queue::new(&arena, None).unwrap(),
    );
    let count = 100_000;
    let time = nanos(count, || {
        beside(
            || {
                let mut buffer = [0; 8];
                for _ in 0..count {
                    get(&there, &mut buffer);
                    back.put(&buffer, &mut endless()).unwrap();
                }
            },
            || {
                for i in 0..count {
                    there.put(&u64::from(i).to_le_bytes(), &mut endless()).unwrap();
                    get(&back, &mut buffer);
                }
            },
        );
    });
    show("ping-pong, a round", time);
    let queue = Queue::new(&arena, None).unwrap();
    let messages = [&[7; 8][..]; 100];
    let time = nanos(3_000_000, || {
        beside(
            || (0..30_000).for_each(|_| assert_eq!(queue.put_many(messages, &mut endless()).0, 100)),
            || {
                let mut got = 0;
                while got < 3_000_000 {
                    got += queue
                        .get_many(100, &mut endless(), |message| {
                            assert!(message.read(&mut buffer[..8]));
                            Ok::<_, Error>(())
                        })
                        .unwrap();
                }
            },
        );
    });
    show("8 bytes, a hundred at once", time);
}
