//! Workers that wait for their own pool. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use interlock_pool::{JoinError, SubmitError, TaskError, ThreadPool};
use interlock_sync::Event;
use interlock_wait::ThreadIdent;

fn long() -> Duration {
    Duration::from_secs(60)
}

/// Returns the sum of the numbers from `from` up to `to`, by two tasks for the halves.
fn sum(pool: &Arc<ThreadPool>, from: u64, to: u64) -> u64 {
    if to - from <= 1 {
        return from;
    }
    let middle = u64::midpoint(from, to);
    let halves = [(from, middle), (middle, to)].map(|(from, to)| {
        let its = pool.clone();
        pool.submit(move || sum(&its, from, to)).unwrap()
    });
    halves.map(|half| half.result().unwrap()).iter().sum()
}

#[test]
fn a_worker_runs_a_task_that_it_waits_for_and_that_no_other_has_begun_with() {
    for workers in [1, 2] {
        let pool = Arc::new(ThreadPool::new(workers));
        let its = pool.clone();
        let all = pool.submit(move || sum(&its, 0, 1_000)).unwrap();
        assert_eq!(all.result_timeout(long()).unwrap().unwrap(), 499_500);
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.done), (1_999, 1_999));
        assert_eq!((stats.waiting, stats.running, stats.dropped), (0, 0, 0));
    }
}

#[test]
fn a_worker_that_waits_for_a_continuation_runs_its_beginning() {
    let pool = Arc::new(ThreadPool::new(1));
    let its = pool.clone();
    let waits = pool.submit(move || {
        let me = ThreadIdent::current();
        let same = its.submit(move || ThreadIdent::current() == me).unwrap();
        let both = same.then(|same| same.unwrap()).then(|same| same.unwrap());
        both.wait().unwrap();
        assert!(both.is_done());
        both.result().unwrap()
    });
    assert!(waits.unwrap().result_timeout(long()).unwrap().unwrap());
}

#[test]
fn a_worker_that_waits_until_a_deadline_runs_no_other_task() {
    let pool = Arc::new(ThreadPool::new(1));
    let its = pool.clone();
    let waits = pool.submit(move || {
        let other = its.submit(|| 7).unwrap();
        other.result_timeout(Duration::from_millis(1))
    });
    let other = waits
        .unwrap()
        .result_timeout(long())
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(other.result().unwrap(), 7);
}

/// Submits a task that does the same one level deeper, and waits for it. Returns how deep it went.
fn descend(pool: &Arc<ThreadPool>, levels: usize) -> Result<usize, TaskError> {
    if levels == 0 {
        return Ok(0);
    }
    let its = pool.clone();
    let below = pool.submit(move || descend(&its, levels - 1)).unwrap();
    Ok(below.result()?? + 1)
}

/// A pool of one worker with a small stack.
fn small(stack_size: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPool::builder().workers(1).stack_size(stack_size).build())
}

#[test]
fn tasks_that_wait_within_each_other_end_before_the_stack_does() {
    let pool = small(256 << 10);
    for (levels, fits) in [(50, true), (1_000, true), (100_000, false)] {
        let its = pool.clone();
        let deep = pool.submit(move || descend(&its, levels)).unwrap();
        match deep.result_timeout(long()).unwrap().unwrap() {
            Ok(depth) => assert!(fits && depth == levels),
            Err(error) => assert!(!fits && matches!(error, TaskError::TooDeep), "{error}"),
        }
    }
}

/// Like [`descend`], by tasks that take some of the stack themselves, and tell which threads they run on.
fn descend_broadly(pool: &Arc<ThreadPool>, levels: usize, threads: &Arc<Mutex<HashSet<ThreadIdent>>>) {
    let frame = std::hint::black_box([levels; 1_000]);
    threads.lock().unwrap().insert(ThreadIdent::current());
    if levels > 0 {
        let (its, all) = (pool.clone(), threads.clone());
        let below = pool.submit(move || descend_broadly(&its, levels - 1, &all));
        below.unwrap().result().unwrap();
    }
    std::hint::black_box(frame);
}

#[test]
fn a_task_that_finds_half_of_the_stack_used_runs_on_another_one() {
    // 100 tasks of 8 KB each: a few of them are more than half of the smaller stack, and all are less than that of the larger.
    for (stack_size, others) in [(256 << 10, true), (8 << 20, false)] {
        let pool = small(stack_size);
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let (its, all) = (pool.clone(), threads.clone());
        let deep = pool.submit(move || descend_broadly(&its, 100, &all)).unwrap();
        deep.result_timeout(long()).unwrap().unwrap();
        assert_eq!(threads.lock().unwrap().len() > 1, others);
        let stats = pool.stats();
        assert_eq!((stats.done, stats.dropped, stats.workers), (101, 0, 1));
        pool.join().unwrap();
    }
}

#[test]
fn a_time_that_never_comes_is_no_deadline_for_a_worker() {
    let pool = Arc::new(ThreadPool::new(1));
    let its = pool.clone();
    let waits = pool.submit(move || {
        let far = Instant::now() + Duration::from_secs(1 << 60);
        let tasks = [(); 4].map(|()| its.submit(|| 7).unwrap());
        tasks[0].wait_timeout(Duration::MAX).unwrap();
        tasks[1].wait_deadline(far).unwrap();
        assert!(tasks[0].is_done() && tasks[1].is_done());
        let [_, _, third, fourth] = tasks;
        let third = third.result_timeout(Duration::MAX).unwrap().unwrap();
        third + fourth.result_deadline(far).unwrap().unwrap()
    });
    assert_eq!(waits.unwrap().result_timeout(long()).unwrap().unwrap(), 14);
}

/// Maps a function over one item that does the same one level deeper. Returns the most results that a map had.
fn map_below(pool: &Arc<ThreadPool>, levels: usize) -> usize {
    if levels == 0 {
        return 0;
    }
    let its = pool.clone();
    let below = pool.map_unordered([levels - 1], move |levels| map_below(&its, levels));
    let (mut most, mut results) = (0, 0);
    for result in below.take(10) {
        results += 1;
        match result {
            Ok(below) => most = below,
            Err(error) => assert!(matches!(error, TaskError::TooDeep), "{error}"),
        }
    }
    most.max(results)
}

#[test]
fn an_unordered_map_that_is_nested_too_deep_has_one_error_for_each_item() {
    let pool = small(128 << 10);
    let its = pool.clone();
    let deep = pool.submit(move || map_below(&its, 20_000)).unwrap();
    assert_eq!(deep.result_timeout(long()).unwrap().unwrap(), 1);
    // The call that was given up goes on.
    pool.cancel_waiting();
}

#[test]
fn a_task_cannot_join_its_own_pool() {
    let pool = Arc::new(ThreadPool::new(2));
    let its = pool.clone();
    let joins = pool.submit(move || (its.join(), its.try_join()));
    assert_eq!(
        joins.unwrap().result_timeout(long()).unwrap().unwrap(),
        (Err(JoinError::OwnTask), Err(JoinError::OwnTask))
    );
    // It can join another pool.
    let other = ThreadPool::new(1);
    let its = pool.clone();
    let joins = other.submit(move || its.join()).unwrap();
    assert_eq!(joins.result_timeout(long()).unwrap().unwrap(), Ok(()));
    assert!(matches!(pool.submit(|| ()), Err(SubmitError::ShutDown(_))));
}

#[test]
fn a_worker_does_not_wait_for_room_in_its_own_pool() {
    let pool = Arc::new(ThreadPool::builder().workers(1).max_pending(2).build());
    let its = pool.clone();
    let submits = pool.submit(move || {
        let tasks: Vec<_> = (0..10)
            .map(|number| its.submit(move || number).unwrap())
            .collect();
        assert!(matches!(its.try_submit(|| 0), Err(SubmitError::Full(_))));
        assert_eq!(its.stats().waiting, 10);
        tasks
    });
    let tasks = submits.unwrap().result_timeout(long()).unwrap().unwrap();
    assert!(tasks.into_iter().map(|task| task.result().unwrap()).eq(0..10));
}

#[test]
fn a_task_that_is_cancelled_makes_room_for_another() {
    let pool = ThreadPool::builder().workers(1).max_pending(3).build();
    let event = Arc::new(Event::new());
    let its = event.clone();
    let busy = pool.submit(move || its.wait()).unwrap();
    let fill = || [1, 2, 3].map(|number| pool.try_submit(move || number).unwrap());
    let [first, second, third] = fill();
    assert!(matches!(pool.try_submit(|| 4), Err(SubmitError::Full(_))));
    assert!(second.cancel());
    assert_eq!(pool.stats().waiting, 2);
    let fourth = pool.submit(|| 4).unwrap();
    assert!(matches!(pool.try_submit(|| 5), Err(SubmitError::Full(_))));
    // A thread that waits for room learns of it.
    std::thread::scope(|scope| {
        let submits = scope.spawn(|| pool.submit(|| 5).unwrap());
        assert!(first.cancel());
        let fifth = submits.join().unwrap();
        assert!(third.cancel() && fourth.cancel() && fifth.cancel());
    });
    assert_eq!((pool.stats().waiting, pool.stats().dropped), (0, 5));
    let last = fill();
    event.set();
    busy.result().unwrap();
    assert_eq!(last.map(|task| task.result().unwrap()), [1, 2, 3]);
}
