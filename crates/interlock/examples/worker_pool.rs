//! A pool of workers over a bounded queue, with an orderly shutdown.
//!
//! Run it with `cargo run --release -p interlock --example worker_pool`.
//!
//! Threads count the primes below a million, a range at a time. The queue of ranges is bounded, so whoever hands them out
//! is never far ahead; results come back through another queue. A shutdown lets the workers finish what is in the queue.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use interlock::Patience;
use interlock::queue::{Discard, FifoQueue};
use interlock::thread::{Group, Job, ThreadId, launch};

const WORKERS: usize = 4;
const LIMIT: u32 = 1_000_000;
const STEP: u32 = 10_000;

/// What the workers and the main thread share.
struct Pool {
    ranges: FifoQueue<Range<u32>>,
    counts: FifoQueue<(ThreadId, usize)>,
    workers: Group,
}

/// The work of one thread: ranges, until the queue is shut down and empty.
struct Worker(Arc<Pool>);

impl Job for Worker {
    fn run(&mut self) {
        let me = ThreadId::current();
        for range in self.0.ranges.iter() {
            let primes = range.filter(|&number| is_prime(number)).count();
            // The queue of results is not bounded, and not shut down before all workers have ended.
            let _ = self.0.counts.put((me, primes));
        }
    }

    fn ended(self: Box<Self>) {
        self.0.workers.leave();
    }
}

fn is_prime(number: u32) -> bool {
    number >= 2
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| !number.is_multiple_of(divisor))
}

fn main() -> std::io::Result<()> {
    let began = Instant::now();
    let pool = Arc::new(Pool {
        ranges: FifoQueue::new(2 * WORKERS),
        counts: FifoQueue::new(0),
        workers: Group::new(),
    });
    for _ in 0..WORKERS {
        pool.workers.enter();
        drop(launch(0, Box::new(Worker(pool.clone())))?);
    }
    for start in (0..LIMIT).step_by(STEP as usize) {
        // Waits while the workers have enough to do.
        if let Err(error) = pool.ranges.put(start..start + STEP) {
            println!("{error}");
        }
    }
    pool.ranges.shutdown(Discard::Nothing);
    pool.workers.wait_with(&mut Patience::endless());

    pool.counts.shutdown(Discard::Nothing);

    let counts: Vec<_> = pool.counts.iter().collect();
    let primes: usize = counts.iter().map(|(_, primes)| primes).sum();
    let mut threads: Vec<_> = counts.iter().map(|(thread, _)| thread.ident()).collect();
    threads.sort_unstable();
    threads.dedup();
    println!(
        "{primes} primes below {LIMIT}, in {} ranges, on {} threads, in {:?}",
        counts.len(),
        threads.len(),
        began.elapsed()
    );
    assert_eq!(primes, 78_498);
    Ok(())
}

#[test]
fn every_range_is_counted() {
    assert!(main().is_ok());
}
