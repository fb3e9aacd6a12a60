//! The common parts of all measurements: their length, and threads that begin together.

#![allow(dead_code, reason = "each file of measurements uses what it needs")]

use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// Short runs: for the order of magnitude beside the others, not for the last nanosecond.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .without_plots()
        .configure_from_args()
}

/// Returns the time from when all `bodies` may begin, each on a thread of its own, until the last has ended.
pub(crate) fn together<'a>(bodies: Vec<Box<dyn FnOnce() + Send + 'a>>) -> Duration {
    let start = Barrier::new(bodies.len() + 1);
    std::thread::scope(|scope| {
        let start = &start;
        let threads: Vec<_> = bodies
            .into_iter()
            .map(|body| {
                scope.spawn(move || {
                    start.wait();
                    body();
                })
            })
            .collect();
        // Read before the others start: one of them may be done by the time that this thread runs again.
        let began = Instant::now();
        start.wait();
        for thread in threads {
            let _ = thread.join();
        }
        began.elapsed()
    })
}

/// Measures the contestants in turn, again and again, so that other load of the machine affects all of them
/// equally. Prints the median time of one round of each, and the median of its ratios to the first in the list.
pub(crate) fn in_turn<C: ?Sized>(
    name: &str,
    contestants: &[(&'static str, Box<C>)],
    measure: impl Fn(&C, u64) -> Duration,
) {
    if std::env::args()
        .skip(1)
        .any(|wanted| !wanted.starts_with('-') && !name.contains(&wanted))
    {
        return;
    }
    const TURNS: usize = 31;
    let mut rounds = 1000;
    while measure(&contestants[0].1, rounds) < Duration::from_millis(8) {
        rounds *= 2;
    }
    let mut times = vec![Vec::with_capacity(TURNS); contestants.len()];
    for _ in 0..TURNS {
        for ((_, contestant), times) in contestants.iter().zip(&mut times) {
            times.push(measure(contestant, rounds).as_secs_f64() * 1e9 / rounds as f64);
        }
    }
    println!("{name}");
    let median = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    for ((name, _), own) in contestants.iter().zip(&times) {
        let ratios = own
            .iter()
            .zip(&times[0])
            .map(|(own, first)| own / first)
            .collect();
        println!(
            "  {name:24} {:9.1} ns   {:5.2}",
            median(own.clone()),
            median(ratios)
        );
    }
}
