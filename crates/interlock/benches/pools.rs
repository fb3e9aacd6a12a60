//! Thread pools beside `rayon` and the crate `threadpool`, whose results come back through a channel.

mod common;

use std::sync::mpsc;
use std::time::Instant;

use criterion::Criterion;
use interlock::pool::{Task, ThreadPool};

/// The threads of each pool.
const WORKERS: usize = 4;
/// Tasks that are submitted before any result is asked for.
const MANY: u64 = 10_000;

/// Pools that are at work at once, each with a thread that submits.
const POOLS: usize = 8;

/// A pool of threads, of any crate.
trait Pool: Sync {
    /// Submits `tasks` tiny tasks, and waits for the result of each. Returns the sum of the results.
    fn sum(&self, tasks: u64) -> u64;
}

impl Pool for ThreadPool {
    fn sum(&self, tasks: u64) -> u64 {
        let submitted: Vec<_> = (0..tasks)
            .flat_map(|number| self.submit(move || number))
            .collect();
        submitted.into_iter().flat_map(Task::result).sum()
    }
}

impl Pool for rayon::ThreadPool {
    fn sum(&self, tasks: u64) -> u64 {
        let (sender, receiver) = mpsc::channel();
        for number in 0..tasks {
            let sender = sender.clone();
            self.spawn(move || sender.send(number).unwrap_or_default());
        }
        receiver.iter().take(tasks as usize).sum()
    }
}

impl Pool for threadpool::ThreadPool {
    fn sum(&self, tasks: u64) -> u64 {
        let (sender, receiver) = mpsc::channel();
        for number in 0..tasks {
            let sender = sender.clone();
            self.execute(move || sender.send(number).unwrap_or_default());
        }
        receiver.iter().take(tasks as usize).sum()
    }
}

fn pools() -> Vec<(&'static str, Box<dyn Pool>)> {
    let mut pools: Vec<(_, Box<dyn Pool>)> = vec![("interlock", Box::new(ThreadPool::new(WORKERS)))];
    if let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build() {
        pools.push(("rayon", Box::new(pool)));
    }
    pools.push(("threadpool", Box::new(threadpool::ThreadPool::new(WORKERS))));
    pools
}

fn main() {
    let mut criterion = common::criterion();
    let cases = [
        ("submit 10,000 tasks and wait for all", MANY),
        ("submit a task and wait for it", 1),
    ];
    for (case, tasks) in cases {
        measure(&mut criterion, case, tasks);
    }
    measure_at_once(&mut criterion);
    criterion.final_summary();
}

/// Pools that have nothing to do with each other, so none should slow down another.
fn measure_at_once(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("8 pools at once, 10,000 tasks each");
    let many: Vec<_> = (0..POOLS).map(|_| pools()).collect();
    for (place, (name, _)) in pools().into_iter().enumerate() {
        let same: Vec<_> = many.iter().map(|pools| &*pools[place].1).collect();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let bodies = same.iter().map(|&pool| -> Box<dyn FnOnce() + Send + '_> {
                    Box::new(move || {
                        for _ in 0..rounds {
                            assert_eq!(pool.sum(MANY), MANY * (MANY - 1) / 2);
                        }
                    })
                });
                common::together(bodies.collect())
            });
        });
    }
    group.finish();
}

fn measure(criterion: &mut Criterion, case: &str, tasks: u64) {
    let mut group = criterion.benchmark_group(case);
    for (name, pool) in pools() {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let began = Instant::now();
                for _ in 0..rounds {
                    assert_eq!(pool.sum(tasks), tasks * (tasks - 1) / 2);
                }
                began.elapsed()
            });
        });
    }
    group.finish();
}
