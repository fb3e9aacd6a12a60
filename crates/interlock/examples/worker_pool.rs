//! A pool of workers over a bounded queue, with an orderly shutdown.
//!
//! Run it with `cargo run --release -p interlock --example worker_pool`.
//!
//! Threads count the primes below a million, a range at a time. The queue of ranges is bounded, so the thread that hands them
//! out is never far ahead; results come back through another queue. A shutdown lets the workers finish what is in the queue.

use std::collections::HashSet;
use std::ops::Range;
use std::thread::{self, ThreadId};
use std::time::Instant;

use interlock::queue::{Discard, FifoQueue};

const WORKERS: usize = 4;
const LIMIT: u32 = 1_000_000;
const STEP: u32 = 10_000;

/// The work of one thread: ranges, until the queue is shut down and empty.
fn work(ranges: &FifoQueue<Range<u32>>, counts: &FifoQueue<(ThreadId, usize)>) {
    for range in ranges.iter() {
        let primes = range.filter(|&number| is_prime(number)).count();
        // The queue of results is not bounded, and not shut down.
        let _ = counts.put((thread::current().id(), primes));
    }
}

fn is_prime(number: u32) -> bool {
    number >= 2
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| !number.is_multiple_of(divisor))
}

fn main() {
    let began = Instant::now();
    let (ranges, counts) = (FifoQueue::bounded(2 * WORKERS), FifoQueue::unbounded());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(&ranges, &counts));
        }
        for start in (0..LIMIT).step_by(STEP as usize) {
            // Waits while the workers have enough to do.
            if let Err(error) = ranges.put(start..start + STEP) {
                println!("{error}");
            }
        }
        ranges.shutdown(Discard::Nothing);
    });

    let counts: Vec<_> = counts.into_iter().collect();
    let primes: usize = counts.iter().map(|(_, primes)| primes).sum();
    let threads: HashSet<_> = counts.iter().map(|(thread, _)| thread).collect();
    println!(
        "{primes} primes below {LIMIT}, in {} ranges, on {} threads, in {:?}",
        counts.len(),
        threads.len(),
        began.elapsed()
    );
    assert_eq!(primes, 78_498);
}

#[test]
fn every_range_is_counted() {
    main();
}
