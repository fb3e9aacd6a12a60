//! Locks and semaphores beside those of std and `parking_lot`. Times are for one acquisition and one release, all threads
//! together.

mod common;

use std::hint::black_box;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use common::together;
use interlock::sync::{self, Lock, RLock, Semaphore};

/// Something that is acquired, used and released.
trait Excludes: Sync {
    fn once(&self, work: &dyn Fn());
}

impl Excludes for Lock {
    fn once(&self, work: &dyn Fn()) {
        let _guard = self.guard();
        work();
    }
}

impl Excludes for RLock {
    fn once(&self, work: &dyn Fn()) {
        let _guard = self.guard();
        work();
    }
}

impl Excludes for Semaphore {
    fn once(&self, work: &dyn Fn()) {
        let _guard = self.guard();
        work();
    }
}

impl Excludes for sync::Mutex<u64> {
    fn once(&self, work: &dyn Fn()) {
        *self.lock() += 1;
        work();
    }
}

impl Excludes for Mutex<u64> {
    fn once(&self, work: &dyn Fn()) {
        if let Ok(mut value) = self.lock() {
            *value += 1;
            work();
        }
    }
}

impl Excludes for parking_lot::Mutex<u64> {
    fn once(&self, work: &dyn Fn()) {
        let mut value = self.lock();
        *value += 1;
        work();
    }
}

impl Excludes for parking_lot::ReentrantMutex<()> {
    fn once(&self, work: &dyn Fn()) {
        let _guard = self.lock();
        work();
    }
}

/// A semaphore as one would write it with std, which has none.
struct StdSemaphore {
    permits: Mutex<usize>,
    some: Condvar,
}

impl Excludes for StdSemaphore {
    fn once(&self, work: &dyn Fn()) {
        let permits = self.permits.lock();
        let some = permits.and_then(|permits| self.some.wait_while(permits, |permits| *permits == 0));
        if let Ok(mut permits) = some {
            *permits -= 1;
        }
        work();
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

impl Excludes for ParkingLotSemaphore {
    fn once(&self, work: &dyn Fn()) {
        let mut permits = self.permits.lock();
        self.some.wait_while(&mut permits, |permits| *permits == 0);
        *permits -= 1;
        drop(permits);
        work();
        *self.permits.lock() += 1;
        self.some.notify_one();
    }
}

type Contestants = Vec<(&'static str, Box<dyn Excludes>)>;

fn mutexes() -> Contestants {
    vec![
        ("std", Box::new(Mutex::new(0))),
        ("interlock Lock", Box::new(Lock::new())),
        ("interlock Mutex", Box::new(sync::Mutex::new(0))),
        ("parking_lot", Box::new(parking_lot::Mutex::new(0))),
    ]
}

fn reentrant_locks() -> Contestants {
    vec![
        ("interlock", Box::new(RLock::new())),
        ("parking_lot", Box::new(parking_lot::ReentrantMutex::new(()))),
    ]
}

fn semaphores() -> Contestants {
    let (permits, some) = (Mutex::new(2), Condvar::new());
    let std = StdSemaphore { permits, some };
    let (permits, some) = (parking_lot::Mutex::new(2), parking_lot::Condvar::new());
    let parking_lot = ParkingLotSemaphore { permits, some };
    vec![
        ("interlock", Box::new(Semaphore::new(2))),
        ("std by hand", Box::new(std)),
        ("parking_lot by hand", Box::new(parking_lot)),
    ]
}

/// The work under a contended lock: some nanoseconds.
fn work() {
    for number in 0..16 {
        black_box(number);
    }
}

fn uncontended(name: &str, contestants: &Contestants) {
    common::in_turn(name, contestants, |contestant, rounds| {
        let began = Instant::now();
        (0..rounds).for_each(|_| contestant.once(&|| {}));
        began.elapsed()
    });
}

fn contended(name: &str, threads: u64, contestants: &Contestants) {
    common::in_turn(name, contestants, |contestant, rounds| {
        use_on_threads(contestant, threads, rounds)
    });
}

/// Returns the time in which so many threads together acquire and release `rounds` times.
fn use_on_threads(contestant: &dyn Excludes, threads: u64, rounds: u64) -> Duration {
    let share = |thread| rounds / threads + u64::from(thread < rounds % threads);
    let body = |thread| -> Box<dyn FnOnce() + Send + '_> {
        let rounds = share(thread);
        Box::new(move || (0..rounds).for_each(|_| contestant.once(&work)))
    };
    together((0..threads).map(body).collect())
}

fn main() {
    uncontended("uncontended lock", &mutexes());
    contended("lock contended by 2", 2, &mutexes());
    contended("lock contended by 8", 8, &mutexes());
    uncontended("uncontended reentrant lock", &reentrant_locks());
    contended("reentrant lock contended by 2", 2, &reentrant_locks());
    uncontended("uncontended semaphore", &semaphores());
    contended("2 permits contended by 4", 4, &semaphores());
}
