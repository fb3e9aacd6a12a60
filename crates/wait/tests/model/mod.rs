//! Runs a model in every order of its threads' steps, or in every order with a few preemptions. Prints how many
//! orders there were.
//!
//! `MODEL_BOUND` allows each model that many preemptions at most (`make test` does, `make models` does not);
//! `LOOM_MAX_PREEMPTIONS` asks for another number than a model has, also for more.

#![allow(dead_code, reason = "each file of models uses what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `body` in every order in which its threads can run.
pub(crate) fn check(body: impl Fn() + Send + Sync + 'static) {
    run(None, body);
}

/// Like [`check`], but with at most `preemptions` threads taken off the processor while they could have gone on, for models
/// with too many orders.
pub(crate) fn check_bounded(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    run(Some(preemptions), body);
}

fn run(preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    let bound: Option<usize> = std::env::var("MODEL_BOUND")
        .ok()
        .and_then(|number| number.parse().ok());
    let bounded = [bound, preemptions].into_iter().flatten().min();
    model.preemption_bound = model.preemption_bound.or(bounded);
    model.max_branches = 100_000;
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = orders.clone();
    let began = std::time::Instant::now();
    model.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        body();
    });
    println!(
        "{}: {} orders, {} ms",
        std::thread::current().name().unwrap_or("a model"),
        orders.load(Ordering::Relaxed),
        began.elapsed().as_millis()
    );
}
