//! Pools of threads whose threads can't be started. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::Barrier;
use std::time::Duration;

use interlock_pool::{SubmitError, ThreadPool};

/// A stack size that fits into no address space.
const IMPOSSIBLE: usize = 1 << 60;
const SUBMITTERS: usize = 3;

fn pool(workers: usize, stack_size: usize) -> ThreadPool {
    ThreadPool::builder()
        .workers(workers)
        .stack_size(stack_size)
        .build()
}

/// Lets several threads submit a task each, at the same moment. Each task is either done, or returned because a
/// thread could not be started. Returns how many were returned.
fn submit_together(pool: &ThreadPool) -> usize {
    let together = Barrier::new(SUBMITTERS);
    let submit = || {
        together.wait();
        let refused = match pool.submit(|| 7) {
            Ok(task) => {
                let done = task.result_timeout(Duration::from_secs(60));
                assert_eq!(done.unwrap().unwrap(), 7);
                return 0;
            }
            Err(refused) => refused,
        };
        assert!(matches!(refused, SubmitError::NoThread(..)));
        refused.into_inner()() / 7
    };
    std::thread::scope(|scope| {
        let submitters = [(); SUBMITTERS].map(|()| scope.spawn(submit));
        submitters.into_iter().map(|it| it.join().unwrap()).sum()
    })
}

#[test]
fn a_task_is_taken_only_by_a_pool_with_a_worker() {
    for round in 0..1_000 {
        let pool = pool(1 + round % SUBMITTERS, IMPOSSIBLE);
        assert_eq!(submit_together(&pool), SUBMITTERS);
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.waiting, stats.workers), (0, 0, 0));
        assert_eq!(pool.try_join(), Ok(()));
    }
}

#[test]
fn a_task_that_was_not_taken_takes_no_room() {
    let pool = ThreadPool::builder()
        .workers(1)
        .stack_size(IMPOSSIBLE)
        .max_pending(1)
        .build();
    for _ in 0..3 {
        let soon = Duration::from_millis(10);
        let refused = pool.at(0).submit_timeout(soon, || 7);
        assert!(matches!(refused, Err(SubmitError::NoThread(..))), "{refused:?}");
    }
}
