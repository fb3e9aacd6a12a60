//! A schedule of several threads, replayed.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

#[path = "../../wait/tests/simulator/mod.rs"]
mod simulator;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interlock_pool::ThreadPool;
use interlock_queue::{FifoQueue, GetError};
use interlock_sync::Lock;
use interlock_wait::{Deadline, now};
use simulator::{Simulator, Step, Thread, simulate};

const HOUR: Duration = Duration::from_secs(3600);

/// A process has one scheduler, so these tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Three threads that contend for two locks, and hand on an item. The last one waits an hour for an item that does not
/// come.
fn three_threads() -> Vec<Thread> {
    let left = Arc::new(Lock::new());
    let right = Arc::new(Lock::new());
    let items = Arc::new(FifoQueue::new(1));
    let thread = |body: fn(&Simulator, &Lock, &Lock, &FifoQueue<u32>)| -> Thread {
        let (left, right, items) = (left.clone(), right.clone(), items.clone());
        Box::new(move |simulator| body(simulator, &left, &right, &items))
    };
    vec![
        thread(|simulator, left, right, items| {
            let both = (left.guard(), right.guard());
            items.put(1).unwrap();
            drop(both);
            items.put(2).unwrap();
            simulator.say("put both");
        }),
        thread(|simulator, left, right, items| {
            let item = items.get_until(Deadline::after(HOUR)).unwrap();
            let _both = (left.guard(), right.guard());
            simulator.say(if item == 1 { "got 1" } else { "got 2" });
        }),
        thread(|simulator, _, right, items| {
            drop(right.guard());
            items.get().unwrap();
            let begin = now();
            let next = items.get_until(Deadline::after(HOUR));
            assert_eq!(next, Err(GetError::Empty));
            assert_eq!(now() - begin, HOUR);
            simulator.say("an hour later");
        }),
    ]
}

#[test]
fn a_seed_gives_a_schedule_and_its_replay_the_same_events() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let steps = simulate(42, three_threads());
    assert!(steps.contains(&Step::Says(2, "an hour later")));
    for _ in 0..100 {
        assert_eq!(simulate(42, three_threads()), steps);
    }
    let schedules: HashSet<_> = (0..100).map(|seed| simulate(seed, three_threads())).collect();
    assert!(schedules.len() > 10, "{}", schedules.len());
}

#[test]
fn the_workers_of_a_pool_are_started_by_the_scheduler() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let program = || -> Vec<Thread> {
        vec![Box::new(|simulator| {
            let pool = ThreadPool::new(2);
            let tasks: Vec<_> = (0..4)
                .map(|number| pool.submit(move || number).unwrap())
                .collect();
            let sum: i32 = tasks.into_iter().map(|task| task.result().unwrap()).sum();
            assert_eq!(sum, 6);
            pool.join().unwrap();
            simulator.say("joined");
        })]
    };
    let steps = simulate(7, program());
    assert!(steps.contains(&Step::Says(0, "joined")));
    for _ in 0..20 {
        assert_eq!(simulate(7, program()), steps);
    }
}
