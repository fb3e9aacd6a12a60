//! How a model is run: every interleaving, or every one with a few preemptions, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `body` in every order in which its threads can run, with at most `preemptions` of them taken off the processor
/// while they could have gone on. `LOOM_MAX_PREEMPTIONS` asks for another number. Prints how many orders there are.
pub fn check(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound.get_or_insert(preemptions);
    model.max_branches = 100_000;
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = orders.clone();
    let began = std::time::Instant::now();
    model.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        body();
    });
    let test = std::thread::current();
    println!(
        "{}: {} orders, {} ms",
        test.name().unwrap_or("a model"),
        orders.load(Ordering::Relaxed),
        began.elapsed().as_millis()
    );
}
