//! The counts and workers of a pool's core, with real threads. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interlock_pool::{DEFAULT_PRIORITY, Growth, PoolCore, Runner, Running, Started, Stats};
use interlock_queue::{GetError, PutOutcome};
use interlock_wait::{Deadline, RawWordLock, WaitContext};

fn put(core: &PoolCore<u32>, work: u32) -> PutOutcome {
    core.try_put(DEFAULT_PRIORITY, work).unwrap()
}

/// Returns how many workers are missing in a pool that grows with each task.
fn missing(core: &PoolCore<u32>, more: usize) -> usize {
    core.missing(Growth::PerTask { more })
}

/// Takes a task, does what the child of a fork does if a task has forked, and ends.
struct Forks<'a>(&'a PoolCore<u32>);

impl Runner<u32, RawWordLock> for Forks<'_> {
    type Error = Stats;

    fn next(&mut self, core: &PoolCore<u32>) -> Result<Result<u32, GetError>, Self::Error> {
        Ok(core.try_take())
    }

    fn run(&mut self, _: u32, running: Running<'_>) -> Result<(), Self::Error> {
        self.0.forget_workers();
        let before_its_end = self.0.stats();
        running.succeed();
        Err(before_its_end)
    }
}

/// Takes tasks that wait, never blocks, and runs a task by its number: 0 succeeds, 1 fails, 2 is dropped, 3 ends the worker.
struct ByNumber;

impl Runner<u32, RawWordLock> for ByNumber {
    type Error = &'static str;

    fn next(&mut self, core: &PoolCore<u32>) -> Result<Result<u32, GetError>, Self::Error> {
        Ok(core.try_take())
    }

    fn run(&mut self, work: u32, running: Running<'_>) -> Result<(), Self::Error> {
        match work {
            0 => running.succeed(),
            1 => running.fail(),
            2 => drop(running),
            _ => return Err("the task counts as dropped"),
        }
        Ok(())
    }
}

#[test]
fn each_task_ends_once_as_done_or_as_dropped() {
    let core = PoolCore::new(1, 0);
    for work in [0, 1, 2, 3, 0, 7, 8, 9] {
        put(&core, work);
    }
    assert_eq!(core.take_back(|&work| work == 8), Some(8));
    assert_eq!(core.work(&mut ByNumber), Err("the task counts as dropped"));
    assert_eq!(core.try_take(), Ok(0));
    let stats = core.stats();
    assert_eq!((stats.submitted, stats.waiting, stats.running), (8, 2, 1));
    assert_eq!((stats.done, stats.failed, stats.dropped), (2, 1, 3));

    assert_eq!(core.drain().collect::<Vec<_>>(), [7, 9]);
    let stats = core.stats();
    assert_eq!(
        (stats.waiting, stats.running, stats.dropped),
        (0, 1, 3),
        "not dropped yet"
    );
    let mut no_patience = WaitContext::until(Deadline::PASSED);
    assert_eq!(core.wait_for_ended(7, &mut no_patience), 5);
    core.drop_drained(2);
    assert_eq!(core.wait_for_ended(7, &mut WaitContext::endless()), 7);
    assert_eq!(core.work(&mut ByNumber), Ok(GetError::Empty));
    core.shutdown();
    assert_eq!(core.work(&mut ByNumber), Ok(GetError::ShutDown));
    drop(core.retire());
    assert_eq!(core.work(&mut ByNumber), Ok(GetError::Retired));
}

#[test]
fn workers_are_missing_until_they_are_as_many_as_tasks_or_as_many_as_may_be() {
    let core = PoolCore::new(3, 0);
    assert_eq!(
        (missing(&core, 5), missing(&core, 2), missing(&core, 0)),
        (3, 2, 0)
    );
    let worker = core.enter().unwrap();
    assert_eq!((missing(&core, 1), missing(&core, 2)), (0, 1));
    put(&core, 0);
    assert_eq!((missing(&core, 0), missing(&core, 1)), (0, 1));
    assert_eq!(core.work(&mut ByNumber), Ok(GetError::Empty));
    assert_eq!(missing(&core, 1), 0);
    core.set_limit(1);
    assert_eq!(missing(&core, 2), 0);
    assert_eq!(core.enter(), None);
    core.leave(worker);
    assert_eq!((core.stats().workers, missing(&core, 2)), (0, 1));
}

#[test]
fn a_pool_that_grows_unless_a_worker_is_idle_wants_one_for_each_put_that_found_none() {
    let core = PoolCore::new(2, 0);
    for expected in [1, 1, 0, 0] {
        let placed = put(&core, 0);
        assert_eq!(placed, PutOutcome::NoGetter);
        assert_eq!(core.missing(Growth::UnlessIdle(placed)), expected);
        core.enter();
    }
    let notified = Growth::UnlessIdle(PutOutcome::GetterNotified);
    assert_eq!(PoolCore::<u32>::new(2, 0).missing(notified), 0);
}

#[test]
fn a_pool_that_was_shut_down_gives_out_what_waits_and_takes_no_more() {
    let core = PoolCore::new(1, 0);
    put(&core, 1);
    core.shutdown();
    assert!(core.try_put(DEFAULT_PRIORITY, 2).is_err());
    assert_eq!(core.try_take(), Ok(1));
    assert_eq!(core.try_take(), Err(GetError::ShutDown));
}

#[test]
fn a_core_that_forgets_its_workers_counts_the_tasks_that_wait() {
    let core = PoolCore::new(9, 0);
    let workers = [(); 3].map(|()| core.enter().unwrap());
    (0..6).for_each(|task| assert_eq!(put(&core, task), PutOutcome::NoGetter));
    assert!(core.try_take().is_ok());
    assert_eq!(core.take_back(|&task| task == 5), Some(5));
    let counts = |stats: Stats| (stats.workers, stats.waiting, stats.running, stats.dropped);
    // Another worker has taken a task, and this one forks in one of its own.
    let forked = core.work(&mut Forks(&core)).unwrap_err();
    assert_eq!(counts(forked), (0, 3, 1, 2));
    assert_eq!(counts(core.stats()), (0, 3, 0, 2));
    // Another worker has taken a task, and this one forks before its first one.
    assert!(core.try_take().is_ok());
    core.as_worker(|| core.forget_workers());
    assert!(!core.is_worker());
    assert_eq!(counts(core.stats()), (0, 2, 0, 3));
    assert_eq!(missing(&core, 0), 2);
    let own = core.enter().unwrap();
    workers.into_iter().for_each(|worker| core.leave(worker));
    assert_eq!(core.stats().workers, 1, "those of before do not count any more");
    core.leave(own);
    assert!(core.wait_for_workers(&mut WaitContext::endless()));
    assert!(core.forget_parent().is_none(), "this process was not forked");
}

#[test]
fn the_workers_are_waited_for_until_the_last_has_left() {
    let core: Arc<PoolCore<u32>> = Arc::new(PoolCore::new(4, 0));
    let runs = Arc::new(AtomicUsize::new(0));
    for round in 1..=50 {
        for number in 1..=4 {
            let (its, itself) = (runs.clone(), core.clone());
            let started = core.try_start(|worker| {
                assert!(worker.number() <= number);
                std::thread::Builder::new().spawn(move || {
                    its.fetch_add(1, Ordering::SeqCst);
                    itself.leave(worker);
                })?;
                Ok::<_, std::io::Error>(())
            });
            assert!(matches!(started, Started::Yes));
        }
        assert!(core.wait_for_workers(&mut WaitContext::endless()));
        assert_eq!(runs.load(Ordering::SeqCst), 4 * round);
    }
    let core = PoolCore::<u32>::new(1, 0);
    assert!(
        core.wait_for_workers(&mut WaitContext::endless()),
        "there is none"
    );
    let is_full_before = |_| {
        assert!(
            !core.is_full(),
            "a worker that is being started may fail to start"
        );
        Ok::<_, ()>(())
    };
    assert!(matches!(core.try_start(is_full_before), Started::Yes));
    assert!(core.is_full());
    assert!(matches!(core.try_start(|_| Ok::<_, ()>(())), Started::Enough));
    assert!(!core.wait_for_workers(&mut WaitContext::until(Deadline::PASSED)));
}
