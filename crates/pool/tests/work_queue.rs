//! Tasks and the workers that take them, with real threads. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use interlock_pool::{DEFAULT_PRIORITY, PoolCore};
use interlock_queue::{GetError, PutError, PutOutcome};
use interlock_wait::{
    Deadline, Observer, ResourceKind, TraceEvent, WaitContext, clear_observer, set_observer,
};

/// The ways to put tasks and to take them.
struct Way {
    put: fn(&PoolCore<usize>, usize) -> Result<PutOutcome, PutError<usize>>,
    take: fn(&PoolCore<usize>) -> Result<usize, GetError>,
}

/// Each put notifies a worker; workers wake in turn.
const WAYS: [Way; 2] = [
    Way {
        put: |queue, work| queue.try_put(DEFAULT_PRIORITY, work),
        take: |queue| queue.take_with(&mut WaitContext::endless()),
    },
    Way {
        put: |queue, work| queue.push_wake_one(DEFAULT_PRIORITY, work),
        take: |queue| queue.take_fork_guarded(|_| ()).map(|(work, ())| work),
    },
];

fn put(queue: &PoolCore<usize>, work: usize) -> PutOutcome {
    queue.try_put(DEFAULT_PRIORITY, work).unwrap()
}

#[test]
fn a_worker_is_wanted_when_none_is_idle() {
    let queue = PoolCore::new(1, 0);
    assert_eq!(put(&queue, 1), PutOutcome::NoGetter);
    assert_eq!(put(&queue, 2), PutOutcome::NoGetter);
    assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 2]);
    for Way { put, take } in WAYS {
        let (tell, hear) = mpsc::channel();
        let queue = PoolCore::new(1, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while let Ok(work) = take(&queue) {
                    tell.send(work).unwrap();
                }
            });
            // Until it stands in line.
            while put(&queue, 7) == Ok(PutOutcome::NoGetter) {
                std::thread::yield_now();
                let _ = queue.try_take();
            }
            assert_eq!(hear.recv(), Ok(7));
            queue.shutdown();
        });
    }
}

#[test]
fn workers_that_wake_in_turn_all_wake() {
    const WORKERS: usize = 4;
    let queue = PoolCore::new(1, 0);
    let (took, may_go_on) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while queue.take_fork_guarded(|_| ()).is_ok() {
                    let round = took.fetch_add(1, Ordering::SeqCst) / WORKERS + 1;
                    while may_go_on.load(Ordering::SeqCst) < round {
                        std::thread::yield_now();
                    }
                }
            });
        }
        for round in 1..=1_000 {
            (0..WORKERS).for_each(|work| assert!(queue.push_wake_one(DEFAULT_PRIORITY, work).is_ok()));
            // Each task runs until all of them run.
            while took.load(Ordering::SeqCst) < round * WORKERS {
                std::thread::yield_now();
            }
            may_go_on.store(round, Ordering::SeqCst);
        }
        queue.shutdown();
    });
}

#[test]
fn a_worker_that_is_about_to_run_a_task_is_not_idle() {
    for Way { put, take } in WAYS {
        let queue = PoolCore::new(1, 0);
        let (took, may_go_on) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while take(&queue).is_ok() {
                    let round = took.fetch_add(1, Ordering::SeqCst) + 1;
                    while may_go_on.load(Ordering::SeqCst) < round {
                        std::thread::yield_now();
                    }
                }
            });
            for round in 1..=20_000 {
                // Until it stands in line, or has taken a task before it did.
                while took.load(Ordering::SeqCst) < round {
                    if put(&queue, 1) == Ok(PutOutcome::GetterNotified) {
                        // At different points of its way back: it has, or will have, one of the two, and no worker is there
                        // for the other.
                        (0..round % 1000).for_each(|_| std::hint::spin_loop());
                        assert_eq!(put(&queue, 2), Ok(PutOutcome::NoGetter));
                        break;
                    }
                    std::thread::yield_now();
                    let _ = queue.try_take();
                }
                while took.load(Ordering::SeqCst) < round {
                    std::thread::yield_now();
                }
                drop(queue.drain());
                may_go_on.store(round, Ordering::SeqCst);
            }
            queue.shutdown();
        });
    }
}

#[test]
fn what_was_put_before_the_end_is_done() {
    const TASKS: usize = 10_000;
    for Way { put, take } in WAYS {
        let queue = PoolCore::new(1, 0);
        let done: Vec<_> = (0..TASKS).map(|_| AtomicUsize::new(0)).collect();
        std::thread::scope(|scope| {
            let worker = || {
                while let Ok(work) = take(&queue) {
                    done[work].fetch_add(1, Ordering::SeqCst);
                }
                assert_eq!(take(&queue), Err(GetError::ShutDown));
            };
            scope.spawn(worker);
            scope.spawn(worker);
            for work in 0..TASKS {
                assert!(put(&queue, work).is_ok());
            }
            queue.shutdown();
            assert_eq!(queue.try_put(0, 1), Err(PutError::ShutDown(1)));
        });
        assert!(queue.is_shut_down() && queue.waiting() == 0);
        assert!(done.iter().all(|times| times.load(Ordering::SeqCst) == 1));
    }
}

#[test]
fn a_full_queue_gives_the_task_back_or_waits_for_room() {
    let queue = PoolCore::new(1, 1);
    put(&queue, 1);
    assert_eq!(queue.try_put(0, 2), Err(PutError::Full(2)));
    let mut no_patience = WaitContext::until(Deadline::PASSED);
    assert_eq!(queue.put_with(0, 2, &mut no_patience), Err(PutError::Full(2)));
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| queue.put_with(0, 2, &mut WaitContext::endless()));
        assert_eq!(queue.take_fork_guarded(|_| ()), Ok((1, ())));
        assert_eq!(queue.take_fork_guarded(|_| ()), Ok((2, ())));
        assert!(putter.join().unwrap().is_ok());
    });
}

/// Counts the threads that wait for room.
struct WaitsForRoom(AtomicUsize);

impl Observer for WaitsForRoom {
    fn event(&self, event: TraceEvent) {
        let room = ResourceKind::QueuePut;
        if matches!(event, TraceEvent::WillWait { kind, .. } if kind == room) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_putter_that_waits_for_room_hears_of_tasks_that_are_taken_out() {
    let waits = Arc::new(WaitsForRoom(AtomicUsize::new(0)));
    set_observer(waits.clone());
    assert_eq!(make_room("drain", &waits).waiting(), 1);
    let queue = make_room("take back", &waits);
    clear_observer();
    assert_eq!(queue.take_back(|&work| work == 2), None);
    assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 3]);
}

/// A full queue of two tasks, of which one or both are taken out while a putter waits to put in a third.
fn make_room(how: &str, waits: &WaitsForRoom) -> PoolCore<usize> {
    let queue = PoolCore::new(1, 2);
    put(&queue, 1);
    put(&queue, 2);
    std::thread::scope(|scope| {
        let before = waits.0.load(Ordering::SeqCst);
        let putter = scope.spawn(|| queue.put_with(0, 3, &mut WaitContext::endless()));
        while waits.0.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
        match how {
            "drain" => assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 2]),
            _ => assert_eq!(queue.take_back(|&work| work == 2), Some(2)),
        }
        assert_eq!(putter.join().unwrap(), Ok(PutOutcome::NoGetter));
    });
    queue
}

#[test]
fn the_smallest_number_is_taken_first() {
    let queue = PoolCore::new(1, 0);
    for (priority, work) in [(3, 6), (0, 3), (-1, 1), (0, 4), (1, 5), (-1, 2)] {
        queue.try_put(priority, work).unwrap();
    }
    queue.shutdown();
    let taken: Vec<_> = std::iter::from_fn(|| queue.take_fork_guarded(|&work| work).ok())
        .map(|(_, work)| work)
        .collect();
    assert_eq!(taken, [1, 2, 3, 4, 5, 6]);
}
