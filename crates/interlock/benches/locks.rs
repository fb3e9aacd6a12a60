//! Locks and semaphores beside those of std and `parking_lot`. Times are for one acquisition and one release.

use std::hint::black_box;
use std::sync::{Barrier, Condvar, Mutex};
use std::time::{Duration, Instant};

use criterion::Criterion;
use interlock::sync::{Lock, RLock, Semaphore};

/// The time of `rounds` calls of `body` on each of `threads` threads at once.
fn on_threads(threads: usize, rounds: u64, body: impl Fn() + Sync) -> Duration {
    let start = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    (0..rounds).for_each(|_| body());
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        for worker in workers {
            let _ = worker.join();
        }
        began.elapsed()
    })
}

/// The work under a lock: some twenty nanoseconds.
fn work() {
    for _ in 0..8 {
        black_box(0);
    }
}

fn use_lock(lock: &Lock) {
    lock.acquire();
    work();
    let _ = lock.release();
}

fn use_std(lock: &Mutex<()>) {
    let guard = lock.lock();
    work();
    drop(guard);
}

fn use_parking_lot(lock: &parking_lot::Mutex<()>) {
    let guard = lock.lock();
    work();
    drop(guard);
}

fn use_reentrant(lock: &RLock) {
    lock.acquire();
    work();
    let _ = lock.release();
}

fn use_reentrant_parking_lot(lock: &parking_lot::ReentrantMutex<()>) {
    let guard = lock.lock();
    work();
    drop(guard);
}

fn locks(criterion: &mut Criterion) {
    for (name, threads) in [("uncontended lock", 1), ("lock contended by 2", 2)] {
        let mut group = criterion.benchmark_group(name);
        let (ours, std, theirs) = (Lock::new(), Mutex::new(()), parking_lot::Mutex::new(()));
        group.bench_function("interlock", |bencher| {
            bencher.iter_custom(|rounds| on_threads(threads, rounds, || use_lock(&ours)));
        });
        group.bench_function("std", |bencher| {
            bencher.iter_custom(|rounds| on_threads(threads, rounds, || use_std(&std)));
        });
        group.bench_function("parking_lot", |bencher| {
            bencher.iter_custom(|rounds| on_threads(threads, rounds, || use_parking_lot(&theirs)));
        });
        group.finish();
    }
    let mut group = criterion.benchmark_group("uncontended reentrant lock");
    let (ours, theirs) = (RLock::new(), parking_lot::ReentrantMutex::new(()));
    group.bench_function("interlock", |bencher| bencher.iter(|| use_reentrant(&ours)));
    group.bench_function("parking_lot", |bencher| {
        bencher.iter(|| use_reentrant_parking_lot(&theirs));
    });
    group.finish();
}

/// A semaphore as one writes it with std, which has none.
struct StdSemaphore {
    permits: Mutex<usize>,
    some: Condvar,
}

impl StdSemaphore {
    fn acquire(&self) {
        if let Ok(mut permits) = self.permits.lock() {
            while *permits == 0 {
                match self.some.wait(permits) {
                    Ok(woken) => permits = woken,
                    Err(_) => return,
                }
            }
            *permits -= 1;
        }
    }

    fn release(&self) {
        if let Ok(mut permits) = self.permits.lock() {
            *permits += 1;
        }
        self.some.notify_one();
    }
}

/// As [`StdSemaphore`], with `parking_lot`.
struct ParkingLotSemaphore {
    permits: parking_lot::Mutex<usize>,
    some: parking_lot::Condvar,
}

impl ParkingLotSemaphore {
    fn acquire(&self) {
        let mut permits = self.permits.lock();
        self.some.wait_while(&mut permits, |permits| *permits == 0);
        *permits -= 1;
    }

    fn release(&self) {
        *self.permits.lock() += 1;
        self.some.notify_one();
    }
}

fn semaphores(criterion: &mut Criterion) {
    for (name, threads) in [("uncontended semaphore", 1), ("semaphore of 2 used by 4", 4)] {
        let mut group = criterion.benchmark_group(name);
        let ours = Semaphore::new(2);
        let std = StdSemaphore {
            permits: Mutex::new(2),
            some: Condvar::new(),
        };
        let theirs = ParkingLotSemaphore {
            permits: parking_lot::Mutex::new(2),
            some: parking_lot::Condvar::new(),
        };
        let use_ours = || {
            ours.acquire();
            work();
            let _ = ours.release();
        };
        let use_std = || {
            std.acquire();
            work();
            std.release();
        };
        let use_theirs = || {
            theirs.acquire();
            work();
            theirs.release();
        };
        group.bench_function("interlock", |bencher| {
            bencher.iter_custom(|rounds| on_threads(threads, rounds, use_ours));
        });
        group.bench_function("std, hand-made", |bencher| {
            bencher.iter_custom(|rounds| on_threads(threads, rounds, use_std));
        });
        group.bench_function("parking_lot, hand-made", |bencher| {
            bencher.iter_custom(|rounds| on_threads(threads, rounds, use_theirs));
        });
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    locks(&mut criterion);
    semaphores(&mut criterion);
    criterion.final_summary();
}
