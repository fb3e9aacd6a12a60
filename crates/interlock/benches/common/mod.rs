//! What all measurements share: how long they take, and threads that begin together.

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

/// The time from when all `bodies` may begin, each on a thread of its own, until the last has ended.
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
        // Before the others are let go: one of them may be done by the time that this thread runs again.
        let began = Instant::now();
        start.wait();
        for thread in threads {
            let _ = thread.join();
        }
        began.elapsed()
    })
}
