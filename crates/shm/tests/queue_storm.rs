//! Writers and readers of one `Queue` are killed at random instants, while the others go on.
//!
//! `INTERLOCK_CRASH_SECONDS` says how long (3 if it is not set), `INTERLOCK_CRASH_SEED` with which seed.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Child, alone, arena, eventually, shared_words, within_a_minute};
use interlock_shm::{Arena, Error, Message, Queue, Shutdown};

const KILLS: usize = 60;
const WRITERS: usize = 3;
const READERS: usize = 3;
/// How many numbers each writer that was ever started has at most.
const NUMBERS: usize = 1 << 17;
const AT_ONCE: usize = 4;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Writer, number, and bytes that follow from both.
fn message(writer: u64, number: u64) -> Vec<u8> {
    let mut random = Random(writer << 32 | number << 1 | 1);
    let length = match random.below(200) {
        0 => 33_000 + random.below(100_000),
        1..10 => 1_000 + random.below(5_000),
        _ => random.below(100),
    };
    let mut bytes = [writer.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend((0..length).map(|at| (at ^ random.0) as u8));
    bytes
}

/// The notes of all processes of a round.
struct Notes {
    /// 1 when the writers are to end.
    stop: &'static AtomicU64,
    received: &'static AtomicU64,
    /// How many processes were started: a child that is killed before it has come to its slot leaves that for ever.
    born: &'static AtomicU64,
    /// Messages that were torn, doubled, or out of order.
    wrong: &'static [AtomicU64],
    /// For each writer, how many of its messages were certainly put.
    put: &'static [AtomicU64],
    /// For each writer and number, a bit.
    got: &'static [AtomicU64],
}

impl Notes {
    fn new() -> Self {
        let words = shared_words(6 + (KILLS + WRITERS) * (1 + NUMBERS / 64));
        let (few, words) = words.split_at(6);
        let (put, got) = words.split_at(KILLS + WRITERS);
        let (stop, received, born, wrong) = (&few[0], &few[1], &few[2], &few[3..]);
        Notes {
            stop,
            received,
            born,
            wrong,
            put,
            got,
        }
    }

    fn clear(&self) {
        let all = [std::slice::from_ref(self.stop), self.wrong, self.put, self.got];
        for word in all.into_iter().flatten() {
            // (Most of the words were never written to, and have no page.)
            if word.load(Ordering::Relaxed) != 0 {
                word.store(0, Ordering::Relaxed);
            }
        }
    }

    fn note(&self, bytes: &[u8], last: &mut HashMap<u64, u64>) {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let (writer, number) = (word(0), word(8));
        if writer as usize >= self.put.len()
            || number as usize >= NUMBERS
            || *bytes != message(writer, number)
        {
            self.wrong[0].fetch_add(1, Ordering::Relaxed);
            return;
        }
        let place = writer as usize * NUMBERS + number as usize;
        let bit = 1 << (place % 64);
        if self.got[place / 64].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            self.wrong[1].fetch_add(1, Ordering::Relaxed);
        }
        if last.insert(writer, number).is_some_and(|last| last >= number) {
            self.wrong[2].fetch_add(1, Ordering::Relaxed);
        }
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Starts a process that runs `body`.
    fn start(&self, body: impl FnOnce() -> bool) -> Child {
        let before = self.born.load(Ordering::Relaxed);
        let child = Child::run(|| {
            self.born.fetch_add(1, Ordering::Relaxed);
            body()
        });
        eventually("the child is there", || {
            self.born.load(Ordering::Relaxed) > before
        });
        child
    }

    /// Returns whether this writer has used up its numbers.
    fn is_through(&self, writer: usize) -> bool {
        self.put[writer].load(Ordering::Relaxed) as usize + AT_ONCE >= NUMBERS
    }

    fn has(&self, writer: usize, number: usize) -> bool {
        let place = writer * NUMBERS + number;
        self.got[place / 64].load(Ordering::Relaxed) >> (place % 64) & 1 == 1
    }
}

fn writer(queue: &Queue, notes: &Notes, id: usize) -> Child {
    notes.start(|| {
        let mut number = 0;
        while notes.stop.load(Ordering::Relaxed) == 0 && !notes.is_through(id) {
            let count = if number % 3 == 0 { AT_ONCE } else { 1 };
            let messages: Vec<_> = (number..number + count)
                .map(|number| message(id as u64, number as u64))
                .collect();
            if count == 1 {
                queue.put(&messages[0], &mut within_a_minute()).unwrap();
            } else {
                let slices = messages.iter().map(Vec::as_slice);
                let (put, outcome) = queue.put_many(slices, &mut within_a_minute());
                outcome.unwrap();
                assert_eq!(put, count);
            }
            number += count;
            notes.put[id].store(number as u64, Ordering::Relaxed);
        }
        // A writer that has used up its numbers waits to be killed.
        while notes.stop.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        true
    })
}

/// A reader that takes `most` messages at once.
fn reader(queue: &Queue, notes: &Notes, most: usize) -> Child {
    notes.start(|| {
        let mut last = HashMap::new();
        loop {
            let mut got = Vec::new();
            let outcome = queue.get_many(most, &mut within_a_minute(), |message: Message<'_>| {
                got.push(message.to_vec());
                Ok::<_, Error>(())
            });
            match outcome {
                Ok(_) => got.iter().for_each(|bytes| notes.note(bytes, &mut last)),
                Err(error) => return matches!(error, Error::ShutDown),
            }
        }
    })
}

/// Runs one round with this many kills. After that, all messages that were put must be there, except those that
/// killed readers were taking.
fn round(arena: &std::sync::Arc<Arena>, notes: &Notes, random: &mut Random) {
    let empty = arena.used_bytes();
    let maxsize = [None, Some(1), Some(20)][random.below(3) as usize];
    let queue = Queue::new(arena, maxsize).unwrap();
    let mut ids = WRITERS;
    let mut alive: Vec<_> = (0..WRITERS).collect();
    let mut may_be_lost = 0;
    let mut writers: Vec<_> = (0..WRITERS).map(|id| writer(&queue, notes, id)).collect();
    let batches = [1, 1, AT_ONCE];
    let mut readers: Vec<_> = batches.map(|most| reader(&queue, notes, most)).into();
    for _ in 0..KILLS {
        let next = notes.received.load(Ordering::Relaxed) + random.below(30);
        // While this thread had no processor, the writers may have used up their numbers, and the readers got all.
        eventually("messages go on", || {
            notes.received.load(Ordering::Relaxed) >= next || alive.iter().all(|&id| notes.is_through(id))
        });
        let victim = random.below((WRITERS + READERS) as u64) as usize;
        if victim < WRITERS {
            let dead = std::mem::replace(&mut writers[victim], writer(&queue, notes, ids));
            alive[victim] = ids;
            ids += 1;
            dead.kill();
            assert_eq!(dead.status(), libc::SIGKILL);
        } else {
            let (victim, most) = (victim - WRITERS, batches[victim - WRITERS]);
            let dead = std::mem::replace(&mut readers[victim], reader(&queue, notes, most));
            may_be_lost += most;
            dead.kill();
            assert_eq!(dead.status(), libc::SIGKILL);
        }
    }
    notes.stop.store(1, Ordering::Relaxed);
    assert!(writers.into_iter().all(Child::succeeded));
    queue.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
    assert!(readers.into_iter().all(Child::succeeded));
    assert!(queue.is_empty());
    let wrong = [0, 1, 2].map(|i| notes.wrong[i].load(Ordering::Relaxed));
    assert_eq!(wrong, [0; 3], "torn, doubled, out of order");
    let mut lost = 0;
    for id in 0..ids {
        let put = notes.put[id].load(Ordering::Relaxed) as usize;
        lost += (0..put).filter(|&number| !notes.has(id, number)).count();
        let beyond = (put + AT_ONCE..NUMBERS).any(|number| notes.has(id, number));
        assert!(!beyond, "messages of writer {id} that were not put");
    }
    assert!(lost <= may_be_lost, "{lost} lost, {may_be_lost} may be");
    drop(queue);
    arena.sweep_all();
    assert_eq!(arena.used_bytes(), empty);
}

#[test]
fn a_storm_of_kills_c179() {
    let _alone = alone();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds = number("INTERLOCK_CRASH_SECONDS").unwrap_or(3);
    let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let seed = number("INTERLOCK_CRASH_SEED").unwrap_or(clock.as_nanos() as u64 | 1);
    println!("INTERLOCK_CRASH_SEED={seed}");
    let mut random = Random(seed);
    let arena = arena();
    let notes = Notes::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < end {
        notes.clear();
        round(&arena, &notes, &mut random);
        rounds += 1;
    }
    let received = notes.received.load(Ordering::Relaxed);
    println!("{rounds} rounds, {received} messages");
}
