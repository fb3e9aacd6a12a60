//! Pools in the child of a fork. There is a single test, because it forks the process of all tests.

#![allow(unsafe_code, reason = "a test forks")]
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use interlock_pool::{TaskError, ThreadPool};
use interlock_sync::Event;

/// Runs `body` in a forked child. Returns whether it returned true there, within a hundred seconds.
fn in_a_child(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `body`, which allocates and uses the engine, and ends; the C library's allocator can be used
    // in the child of a process with threads.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: the alarm ends a child that hangs; `_exit` ends it without running what is left of the test.
        unsafe { libc::alarm(100) };
        let status = if body() { 0 } else { 1 };
        // SAFETY: as above.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: the child is this process's, and nobody else waits for it.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

fn long() -> Duration {
    Duration::from_secs(60)
}

#[test]
fn the_child_of_a_fork_has_the_pool_without_its_workers_and_tasks() {
    a_child_has_workers_of_its_own();
    a_pool_at_work_can_be_forked();
    a_task_may_fork();
    a_chain_of_any_length_can_be_given_up();
    a_scope_may_be_forked();
    a_map_may_be_forked();
}

fn a_child_has_workers_of_its_own() {
    let pool = ThreadPool::builder().workers(1).max_pending(2).build();
    let may_end = Arc::new(Event::new());
    let its = may_end.clone();
    let done = pool.submit(|| 1).unwrap();
    done.wait_timeout(long()).unwrap();
    let running = pool.submit(move || its.wait()).unwrap();
    while pool.stats().running == 0 {
        std::thread::yield_now();
    }
    let waiting = [2, 3].map(|number| pool.submit(move || number).unwrap());

    let (mut done, mut running, mut waiting) = (Some(done), Some(running), Some(waiting));
    let as_expected = in_a_child(|| {
        let stats = pool.stats();
        let nothing_here = (stats.workers, stats.running, stats.waiting) == (0, 0, 0);
        // There is room for them, though the queue was full.
        let own: Vec<_> = (0..100)
            .map(|number| pool.submit(move || number).unwrap())
            .collect();
        let own = own
            .into_iter()
            .map(|task| task.result_timeout(long()).unwrap().unwrap());
        let own_are_run = own.eq(0..100);
        let after = running
            .take()
            .unwrap()
            .then(|result| matches!(result, Err(TaskError::Forked)));
        let foreign = waiting
            .take()
            .unwrap()
            .map(|task| task.is_done() && matches!(task.result(), Err(TaskError::Forked)));
        let result = done.take().unwrap().result();
        nothing_here
            && own_are_run
            && after.result().unwrap()
            && foreign == [true; 2]
            && matches!(result, Ok(1))
            && pool.join_timeout(long()).is_ok()
    });
    assert!(as_expected);
    may_end.set();
    running.unwrap().result().unwrap();
    assert!(waiting.unwrap().map(|task| task.result().unwrap()) == [2, 3]);
    assert_eq!(done.unwrap().result().unwrap(), 1);
}

/// Workers, and tasks that submit others, hold no lock while this thread forks.
fn a_pool_at_work_can_be_forked() {
    let pool = Arc::new(ThreadPool::new(3));
    let stop = Arc::new(AtomicBool::new(false));
    let feeders: Vec<_> = (0..2)
        .map(|_| {
            let (its, stop) = (pool.clone(), stop.clone());
            let source = move || {
                while !stop.load(Ordering::SeqCst) {
                    drop(its.submit(|| ()).unwrap());
                    while its.stats().waiting > 50 {
                        std::thread::yield_now();
                    }
                }
            };
            pool.submit(source).unwrap()
        })
        .collect();
    for _ in 0..100 {
        assert!(in_a_child(|| {
            let task = pool.submit(|| 5).unwrap();
            matches!(task.result_timeout(long()), Ok(Ok(5)))
        }));
    }
    stop.store(true, Ordering::SeqCst);
    feeders.into_iter().for_each(|feeder| feeder.result().unwrap());
    pool.join().unwrap();
}

fn a_task_may_fork() {
    let pool = Arc::new(ThreadPool::new(2));
    let its = pool.clone();
    let forks = pool.submit(move || {
        in_a_child(|| {
            let tasks = [1, 2, 3].map(|number| its.submit(move || number).unwrap());
            tasks.map(|task| task.result_timeout(long()).unwrap().unwrap()) == [1, 2, 3]
        })
    });
    assert!(forks.unwrap().result().unwrap());
    assert_eq!(pool.stats().running, 0);
}

/// The child drops the tasks that wait in the parent, without a nested call for each link.
fn a_chain_of_any_length_can_be_given_up() {
    const LINKS: usize = 200_000;
    let pool = ThreadPool::new(1);
    let may_end = Arc::new(Event::new());
    let its = may_end.clone();
    let busy = pool.submit(move || its.wait()).unwrap();
    let dropped = Arc::new(());
    let its = dropped.clone();
    let first = pool.submit(|| 0).unwrap().then(move |_| Arc::strong_count(&its));
    let mut last = Some((0..LINKS).fold(first, |tail, _| tail.then(|number| number.unwrap() + 1)));
    assert!(in_a_child(|| {
        let submitted = pool.stats().dropped == 2;
        let last = last.take().unwrap();
        submitted && Arc::strong_count(&dropped) == 1 && matches!(last.result(), Err(TaskError::Forked))
    }));
    may_end.set();
    busy.result().unwrap();
    assert_eq!(last.unwrap().result().unwrap(), LINKS + 2);
}

/// In the child, the scope ends without the tasks that the parent runs, and waits for those of the child.
fn a_scope_may_be_forked() {
    let pool = ThreadPool::new(1);
    let may_end = Event::new();
    let counted = Arc::new(());
    let (its, event) = (&counted, &may_end);
    let as_expected = pool.scope(|scope| {
        let busy = scope.submit(|| event.wait()).unwrap();
        while pool.stats().running == 0 {
            std::thread::yield_now();
        }
        let waits = its.clone();
        drop(scope.submit(move || drop(waits)).unwrap());
        let as_expected = in_a_child(|| {
            let done = AtomicBool::new(false);
            pool.scope(|scope| drop(scope.submit(|| done.store(true, Ordering::SeqCst)).unwrap()));
            done.load(Ordering::SeqCst) && Arc::strong_count(its) == 1
        });
        event.set();
        busy.result().unwrap();
        as_expected
    });
    assert!(as_expected);
    assert_eq!(Arc::strong_count(&counted), 1);
}

/// In the child, the calls that the parent runs or has in its queue are errors, and the maps go on with those of the child.
fn a_map_may_be_forked() {
    let pool = ThreadPool::new(1);
    let (began, may_end) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let (tells, waits) = (began.clone(), may_end.clone());
    let call = move |number: u32| {
        if number == 3 {
            tells.set();
            waits.wait();
        }
        number
    };
    // 64 calls are submitted ahead. The first 3 have ended when the child begins, and one is running.
    for ordered in [true, false] {
        began.clear();
        may_end.clear();
        let mut mapped: Box<dyn Iterator<Item = Result<u32, TaskError>>> = if ordered {
            Box::new(pool.map(0..100, call.clone()))
        } else {
            Box::new(pool.map_unordered(0..100, call.clone()))
        };
        assert_eq!(mapped.next().unwrap().unwrap(), 0);
        began.wait();
        let as_expected = in_a_child(|| {
            let (values, errors): (Vec<_>, Vec<_>) = mapped.by_ref().partition(Result::is_ok);
            let mut values: Vec<_> = values.into_iter().flatten().collect();
            values.sort_unstable();
            let from_the_parent = 1..3;
            values.into_iter().eq(from_the_parent.chain(64..100))
                && errors.iter().all(|error| matches!(error, Err(TaskError::Forked)))
                && mapped.next().is_none()
        });
        may_end.set();
        assert!(as_expected, "ordered: {ordered}");
        assert_eq!(mapped.map(Result::unwrap).sum::<u32>(), (0..100).sum());
    }
}
