//! A pool of threads for Rust programs. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use common::occupy;
use interlock_pool::{JoinError, SubmitError, Task, TaskError, ThreadPool};
use interlock_sync::Event;
use interlock_wait::{ThreadIdent, TimedOut};

fn long() -> Duration {
    Duration::from_secs(60)
}

#[test]
fn every_task_is_run_once_and_its_result_comes_back() {
    const EACH: usize = 2_000;
    let pool = ThreadPool::new(3);
    let runs: Arc<Vec<_>> = Arc::new((0..3 * EACH).map(|_| AtomicUsize::new(0)).collect());
    std::thread::scope(|scope| {
        for submitter in 0..3 {
            let (pool, runs) = (&pool, &runs);
            scope.spawn(move || {
                let tasks: Vec<_> = (0..EACH)
                    .map(|number| {
                        let (number, runs) = (submitter * EACH + number, runs.clone());
                        let task = move || {
                            runs[number].fetch_add(1, Ordering::SeqCst);
                            number
                        };
                        pool.submit(task).unwrap()
                    })
                    .collect();
                for (number, task) in tasks.into_iter().enumerate() {
                    assert_eq!(task.result().unwrap(), submitter * EACH + number);
                }
            });
        }
    });
    assert!(runs.iter().all(|runs| runs.load(Ordering::SeqCst) == 1));
    let stats = pool.stats();
    assert_eq!(
        (stats.submitted, stats.done, stats.failed),
        (3 * EACH as u64, 3 * EACH as u64, 0)
    );
    assert_eq!((stats.waiting, stats.running), (0, 0));
    assert!(stats.workers <= 3);
}

#[test]
fn as_many_tasks_run_at_once_as_there_are_workers_for() {
    // Each task waits for the next one to run: a task that no worker takes would stop all of them.
    const WORKERS: usize = 4;
    for _ in 0..500 {
        let pool = ThreadPool::new(WORKERS);
        let together = Arc::new(Barrier::new(WORKERS));
        let tasks: Vec<_> = (0..WORKERS)
            .map(|_| {
                let together = together.clone();
                pool.submit(move || together.wait().is_leader()).unwrap()
            })
            .collect();
        for task in tasks {
            task.result_timeout(long()).unwrap().unwrap();
        }
    }
}

#[test]
fn workers_are_started_when_they_are_wanted_and_no_more_than_allowed() {
    let pool = ThreadPool::new(2);
    assert_eq!(pool.stats().workers, 0);
    let may_end = Arc::new(Event::new());
    let first = occupy(&pool, &may_end);
    assert_eq!(pool.stats().workers, 1);
    let second = occupy(&pool, &may_end);
    let third = pool.submit(|| ()).unwrap();
    let stats = pool.stats();
    assert_eq!((stats.workers, stats.running, stats.waiting), (2, 2, 1));
    may_end.set();
    for task in [first, second, third] {
        task.result().unwrap();
    }
}

#[test]
fn a_panic_is_the_error_of_its_task_and_ends_no_worker() {
    let pool = ThreadPool::new(1);
    let worker = pool.submit(ThreadIdent::current).unwrap().result().unwrap();
    for round in 0..100 {
        let task = pool.submit(move || assert!(round < 0, "round {round}")).unwrap();
        match task.result() {
            Err(TaskError::Panicked(panic)) => {
                assert_eq!(panic.message(), format!("round {round}"));
                assert!(panic.into_payload().is::<String>());
            }
            other => panic!("{other:?}"),
        }
    }
    let after = pool.submit(ThreadIdent::current).unwrap();
    assert_eq!(after.result().unwrap(), worker);
    let stats = pool.stats();
    assert_eq!((stats.done, stats.failed), (102, 100));
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("a panic that the test asked for"));
    }
}

#[test]
fn a_result_that_panics_when_it_is_dropped_ends_no_worker() {
    let pool = ThreadPool::new(1);
    let worker = pool.submit(ThreadIdent::current).unwrap().result().unwrap();
    let may_end = Arc::new(Event::new());
    let first = occupy(&pool, &may_end);
    drop(pool.submit(|| Bomb).unwrap());
    may_end.set();
    first.result().unwrap();
    assert_eq!(
        pool.submit(ThreadIdent::current).unwrap().result().unwrap(),
        worker
    );
}

#[test]
fn a_task_is_run_or_cancelled_and_never_both() {
    let pool = ThreadPool::new(2);
    let runs = Arc::new(AtomicUsize::new(0));
    let mut cancelled = 0;
    const TASKS: usize = 20_000;
    for _ in 0..TASKS {
        let runs = runs.clone();
        let task = pool.submit(move || runs.fetch_add(1, Ordering::SeqCst)).unwrap();
        if task.cancel() {
            cancelled += 1;
            assert!(task.is_done());
            assert!(matches!(task.result(), Err(TaskError::Cancelled)));
        } else {
            assert!(task.result().is_ok());
        }
    }
    assert_eq!(runs.load(Ordering::SeqCst) + cancelled, TASKS);
    pool.join().unwrap();
    assert_eq!(pool.stats().done as usize + cancelled, TASKS);
}

#[test]
fn a_cancelled_task_drops_its_function_at_once() {
    let pool = ThreadPool::new(1);
    let may_end = Arc::new(Event::new());
    let busy = occupy(&pool, &may_end);
    let owned = Arc::new(());
    let its = owned.clone();
    let task = pool.submit(move || drop(its)).unwrap();
    assert!(!busy.cancel(), "it runs");
    assert!(task.cancel() && task.cancel());
    assert_eq!(Arc::strong_count(&owned), 1);
    may_end.set();
    busy.result().unwrap();
}

#[test]
fn a_wait_ends_at_its_deadline_and_the_task_comes_back() {
    let pool = ThreadPool::new(1);
    let may_end = Arc::new(Event::new());
    let task = occupy(&pool, &may_end);
    assert_eq!(task.wait_timeout(Duration::from_millis(5)), Err(TimedOut));
    let task = task.try_result().unwrap_err();
    may_end.set();
    task.result_timeout(long()).unwrap().unwrap();
}

#[test]
fn a_continuation_is_called_once_with_the_result() {
    let pool = ThreadPool::new(2);
    for round in 0..20_000_usize {
        let task = pool.submit(move || round).unwrap();
        let cancelled = round % 3 == 0 && task.cancel();
        let after = task.then(move |result| match result {
            Ok(number) => number + 1,
            Err(TaskError::Cancelled) => 0,
            Err(error) => panic!("{error}"),
        });
        let expected = if cancelled { 0 } else { round + 1 };
        assert_eq!(after.result_timeout(long()).unwrap().unwrap(), expected);
    }
}

#[test]
fn a_chain_of_continuations_carries_panics_and_can_be_cut() {
    let pool = ThreadPool::new(1);
    let may_end = Arc::new(Event::new());
    let busy = occupy(&pool, &may_end);
    let cut = pool.submit(|| 1).unwrap().then(|one| one.unwrap() + 1);
    let fails = pool.submit(|| 1).unwrap().then(|_| panic!("in a continuation"));
    let told: Task<bool> = fails.then(|result: Result<(), _>| matches!(result, Err(TaskError::Panicked(_))));
    let cancelled = pool.submit(|| 1).unwrap();
    assert!(cancelled.cancel());
    let of_cancelled = cancelled.then(|result| matches!(result, Err(TaskError::Cancelled)));
    assert!(cut.cancel());
    assert!(matches!(cut.result(), Err(TaskError::Cancelled)));
    assert!(of_cancelled.is_done(), "it ran on this thread");
    assert!(of_cancelled.result().unwrap());
    may_end.set();
    busy.result().unwrap();
    assert!(told.result().unwrap());
}

#[test]
fn tasks_are_taken_by_priority_and_then_in_their_order() {
    let pool = ThreadPool::new(1);
    let may_end = Arc::new(Event::new());
    let busy = occupy(&pool, &may_end);
    let order = Arc::new(Mutex::new(Vec::new()));
    let submit = |priority, name| {
        let order = order.clone();
        pool.at(priority)
            .submit(move || order.lock().unwrap().push(name))
            .unwrap()
    };
    let tasks = [
        submit(0, "c"),
        submit(5, "e"),
        submit(-3, "a"),
        submit(0, "d"),
        submit(-1, "b"),
    ];
    may_end.set();
    busy.result().unwrap();
    tasks.into_iter().for_each(|task| task.result().unwrap());
    assert_eq!(order.lock().unwrap().concat(), "abcde");
}

#[test]
fn a_submitter_that_is_too_fast_waits_or_gets_the_function_back() {
    let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    let may_end = Arc::new(Event::new());
    let busy = occupy(&pool, &may_end);
    let waits = pool.submit(|| 1).unwrap();
    let refused = pool.try_submit(|| 2).unwrap_err();
    assert!(matches!(refused, SubmitError::Full(_)));
    assert_eq!(refused.into_inner()(), 2);
    let soon = Duration::from_millis(5);
    assert!(matches!(
        pool.at(0).submit_timeout(soon, || 3),
        Err(SubmitError::Full(_))
    ));
    std::thread::scope(|scope| {
        let submitted = scope.spawn(|| pool.submit(|| 4));
        may_end.set();
        assert_eq!(submitted.join().unwrap().unwrap().result().unwrap(), 4);
    });
    busy.result().unwrap();
    assert_eq!(waits.result().unwrap(), 1);
    assert_eq!(pool.stats().submitted, 3, "those that were refused do not count");
}

#[test]
fn the_results_of_a_map_come_in_order_and_the_rest_is_cancelled_with_it() {
    let pool = ThreadPool::new(3);
    let squares = pool.map(0..5_000_u64, |number| number * number);
    assert!(
        squares
            .map(Result::unwrap)
            .eq((0..5_000).map(|number| number * number))
    );

    let pool = ThreadPool::new(1);
    let (began, may_end) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let runs = Arc::new(AtomicUsize::new(0));
    let (tells, waits, its) = (began.clone(), may_end.clone(), runs.clone());
    let mut mapped = pool.map(0..100, move |number| {
        its.fetch_add(1, Ordering::SeqCst);
        if number == 1 {
            tells.set();
            waits.wait();
        }
    });
    mapped.next().unwrap().unwrap();
    began.wait();
    drop(mapped);
    may_end.set();
    pool.join().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let refused: Vec<_> = pool.map([1, 2], |one| one).collect();
    assert!(matches!(
        refused[..],
        [Err(TaskError::NotSubmitted(SubmitError::ShutDown(())))]
    ));
}

#[test]
fn what_was_submitted_before_the_end_of_a_pool_is_done() {
    const TASKS: usize = 100;
    for round in 0..200 {
        let pool = ThreadPool::new(2);
        let runs = Arc::new(AtomicUsize::new(0));
        for _ in 0..TASKS {
            let runs = runs.clone();
            drop(pool.submit(move || runs.fetch_add(1, Ordering::SeqCst)).unwrap());
        }
        if round % 2 == 0 {
            assert_eq!(pool.join_timeout(long()), Ok(()));
            assert_eq!(runs.load(Ordering::SeqCst), TASKS);
            assert_eq!(pool.stats().workers, 0);
            assert!(matches!(pool.submit(|| 1), Err(SubmitError::ShutDown(_))));
        } else {
            let last = pool.submit(|| 7).unwrap();
            drop(pool);
            assert_eq!(last.result_timeout(long()).unwrap().unwrap(), 7);
        }
    }
}

#[test]
fn a_task_submitted_at_the_end_of_a_pool_is_done_or_comes_back() {
    let pool = ThreadPool::new(1);
    pool.shutdown();
    assert!(matches!(pool.submit(|| 1), Err(SubmitError::ShutDown(_))));
    assert_eq!(pool.stats().submitted, 0);
    for _ in 0..2_000 {
        let pool = ThreadPool::new(2);
        let together = Barrier::new(2);
        std::thread::scope(|scope| {
            let submits = scope.spawn(|| {
                together.wait();
                pool.submit(|| 1)
            });
            together.wait();
            assert_eq!(pool.join_timeout(long()), Ok(()));
            match submits.join().unwrap() {
                Ok(task) => assert!(task.is_done(), "the thread that joins has waited for it"),
                Err(refused) => assert!(matches!(refused, SubmitError::ShutDown(_))),
            }
        });
    }
}

#[test]
fn what_waits_can_be_cancelled_together() {
    let pool = ThreadPool::new(1);
    let may_end = Arc::new(Event::new());
    let busy = occupy(&pool, &may_end);
    let tasks: Vec<_> = (0..10)
        .map(|number| pool.submit(move || number).unwrap())
        .collect();
    assert!(tasks[0].cancel());
    assert_eq!(
        pool.cancel_waiting(),
        10,
        "they are cancelled now, those before included"
    );
    assert!(
        tasks
            .into_iter()
            .all(|task| matches!(task.result(), Err(TaskError::Cancelled)))
    );
    assert_eq!(pool.try_join(), Err(JoinError::TimedOut));
    may_end.set();
    busy.result().unwrap();
    assert_eq!(pool.join_timeout(long()), Ok(()));
}

#[test]
fn the_threads_of_a_pool_bear_its_name_and_a_number() {
    let pool = ThreadPool::builder()
        .workers(1)
        .name("named")
        .stack_size(1 << 18)
        .build();
    let look = || std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    assert_eq!(pool.submit(look).unwrap().result().unwrap(), "named-1\n");
}
