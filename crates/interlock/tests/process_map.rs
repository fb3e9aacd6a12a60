//! Calls for many arguments, and the initializer of a worker.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod workers;

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use interlock::process::{Function, MapError, OnWorkerDeath, ProcessPool, Registry, TaskError};
use workers::{DIE, DOUBLE, GONE, PID, builder, eventually, pool, turn};

/// Set by the initializer of these tests.
static BEGUN: AtomicU32 = AtomicU32::new(0);
const BEGUN_IN: Function<(), (u32, u32)> = Function::named("begun in");

/// The test in which the workers of `map` begin.
#[test]
fn worker() {
    workers::serve();
}

/// The test in which workers with an initializer begin.
#[test]
fn worker_that_is_initialized() {
    serve(|| {
        BEGUN.store(std::process::id(), Ordering::Relaxed);
        Ok(())
    });
}

#[test]
fn worker_whose_initializer_fails() {
    serve(|| Err("there is no such dictionary".to_owned()));
}

#[test]
fn worker_whose_initializer_panics() {
    serve(|| panic!("no dictionary"));
}

fn serve(initialize: impl FnOnce() -> Result<(), String> + 'static) {
    let mut registry = Registry::new();
    registry.register_as(BEGUN_IN, |()| (BEGUN.load(Ordering::Relaxed), std::process::id()));
    registry.initialize(initialize);
    registry.serve();
}

/// A pool whose workers begin in this test.
fn pool_of(test: &str) -> ProcessPool {
    let builder = ProcessPool::builder()
        .workers(2)
        .args([test, "--exact", "--nocapture"]);
    builder.build().unwrap()
}

#[test]
fn results_come_in_the_order_of_the_arguments() {
    let _turn = turn();
    let pool = pool(2);
    let doubled: Result<Vec<u64>, MapError> = pool.map(DOUBLE, 0..5000).collect();
    assert_eq!(doubled.unwrap(), (0..5000).map(|n| 2 * n).collect::<Vec<_>>());
    assert_eq!(pool.map(DOUBLE, std::iter::empty()).count(), 0);
    assert_eq!(pool.at(-1).map(DOUBLE, [4]).next().unwrap().unwrap(), 8);
}

#[test]
fn arguments_are_taken_a_little_ahead_of_the_results() {
    let _turn = turn();
    let pool = pool(1);
    let taken = Cell::new(0);
    let endless = (0..).inspect(|_| taken.set(taken.get() + 1));
    let mut results = pool.map(DOUBLE, endless);
    assert_eq!(taken.get(), 0);
    for n in 0..1000 {
        assert_eq!(results.next().unwrap().unwrap(), 2 * n);
    }
    assert_eq!(taken.get(), 1000 + 63);
    drop(results);
    pool.join().unwrap();
    let stats = pool.stats();
    assert_eq!(stats.done + stats.dropped, 1000 + 63);
}

#[test]
fn a_map_that_is_dropped_cancels_what_no_worker_has_taken() {
    let _turn = turn();
    let pool = pool(1);
    let gate = std::env::temp_dir().join(format!("interlock-map-{}", std::process::id()));
    std::fs::write(&gate, "").unwrap();
    let closed = gate.to_str().unwrap().to_owned();
    // 64 are submitted. The first returns at once, and the worker is at the second, or about to.
    let mut results = pool.map(
        GONE,
        std::iter::once(String::new()).chain(std::iter::repeat(closed)),
    );
    results.next().unwrap().unwrap();
    drop(results);
    let dropped = pool.stats().dropped;
    std::fs::remove_file(&gate).unwrap();
    pool.join().unwrap();
    let stats = pool.stats();
    assert!(dropped > 32 && stats.dropped == dropped, "{stats:?}");
    assert_eq!((stats.submitted, stats.done), (64, 64 - dropped));
}

#[test]
fn a_death_costs_one_result() {
    let _turn = turn();
    let pool = builder()
        .workers(2)
        .on_worker_death(OnWorkerDeath::FailTask)
        .build()
        .unwrap();
    let ways = ["kill", "abort", "7"].map(str::to_owned);
    let deaths: Vec<_> = pool.map(DIE, ways).collect();
    for death in deaths {
        assert!(
            matches!(death, Err(MapError::Task(TaskError::WorkerDied(_)))),
            "{death:?}"
        );
    }
    assert!(pool.map(PID, [()]).all(|pid| pid.is_ok()));
    pool.shutdown();
    let refused = pool.map(DOUBLE, [1]).next().unwrap().unwrap_err();
    assert!(matches!(refused, MapError::Submit(_)), "{refused}");
}

#[test]
fn each_worker_is_initialized_before_its_first_task() {
    let _turn = turn();
    let pool = pool_of("worker_that_is_initialized");
    for result in pool.map(BEGUN_IN, [(); 100]) {
        let (begun, pid) = result.unwrap();
        assert_eq!(begun, pid);
    }
    assert_eq!(BEGUN.load(Ordering::Relaxed), 0, "this process is no worker");
}

#[test]
fn an_initializer_that_fails_ends_the_pool_with_its_reason() {
    let _turn = turn();
    for (test, why) in [
        (
            "worker_whose_initializer_fails",
            "the initializer failed: there is no such dictionary",
        ),
        (
            "worker_whose_initializer_panics",
            "the initializer panicked: no dictionary",
        ),
    ] {
        let pool = pool_of(test);
        let error = pool.map(BEGUN_IN, [()]).next().unwrap().unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        eventually("the pool takes no more", || pool.submit(BEGUN_IN, &()).is_err());
    }
}
