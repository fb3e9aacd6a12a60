//! Hosts and observers that panic in the waits of a pool: nothing is left in line, and no task is lost.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Counts, eventually, panics_in};
use interlock_pool::{DEFAULT_PRIORITY, DelayQueue, Outcome, PoolCore, Waited};
use interlock_wait::{
    Deadline, Observer, ResourceKind, TraceEvent, Verdict, Wait, WaitContext, clear_observer, set_observer,
};

#[test]
fn a_task_goes_to_another_worker_when_one_has_panicked() {
    let (core, sleeps) = (PoolCore::new(1, 0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut host = Counts(&sleeps);
            core.take_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 1);
        // This worker stands before the other one, and is notified of the task.
        panics_in(
            |context| core.take_with(context),
            || core.try_put(DEFAULT_PRIORITY, 7).unwrap(),
        );
        assert_eq!(worker.join().unwrap(), Ok(7));
    });
}

#[test]
fn a_wait_for_tasks_that_panics_leaves_no_waiter() {
    let core = PoolCore::<u32>::new(1, 0);
    core.try_put(DEFAULT_PRIORITY, 7).unwrap();
    panics_in(|context| core.wait_for_ended(1, context), || ());
    let worker = core.enter().unwrap();
    panics_in(|context| core.wait_for_workers(context), || ());
    core.leave(worker);
    assert!(core.wait_for_workers(&mut WaitContext::endless()));
    let drained = core.drain().count();
    core.drop_drained(drained as u64);
    assert_eq!(core.wait_for_ended(1, &mut WaitContext::endless()), 1);
}

#[test]
fn an_outcome_reaches_the_others_when_one_waiter_has_panicked() {
    let (outcome, sleeps) = (Outcome::<u32, u32>::new(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        panics_in(|context| outcome.wait_with(context), || ());
        let other = scope.spawn(|| {
            let mut host = Counts(&sleeps);
            outcome.wait_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 1);
        outcome.begin().unwrap();
        let _due = outcome.finish(1);
        assert_eq!(other.join().unwrap(), Waited::Done);
    });
}

#[test]
fn a_delay_queue_asks_for_another_taker_when_one_has_panicked() {
    let queue = DelayQueue::<u32>::new();
    let later = Deadline::after(Duration::from_secs(3600));
    assert!(queue.put(later, 1).1);
    panics_in(|context| queue.take_with(context), || ());
    assert!(queue.put(Deadline::PASSED, 2).1, "there is no taker");
    assert_eq!(queue.take_with(&mut WaitContext::endless()), Some(2));
    assert_eq!(queue.len(), 1);
}

thread_local! {
    /// Whether this thread is a worker of the test with an observer, which hears of the threads of all tests.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Panics when the first worker is about to wait for a task.
struct Panics(AtomicUsize);

impl Observer for Panics {
    fn event(&self, _event: TraceEvent) {}

    fn will_wait(&self, wait: &Wait<'_>) -> Verdict {
        if wait.resource.kind() == ResourceKind::Task
            && IS_WORKER.get()
            && self.0.fetch_add(1, Ordering::SeqCst) == 0
        {
            std::panic::resume_unwind(Box::new("the observer of a test panics"));
        }
        Verdict::Wait
    }
}

#[test]
fn a_worker_whose_observer_panics_stays_in_line() {
    let core = PoolCore::new(1, 0);
    let observer = Arc::new(Panics(AtomicUsize::new(0)));
    set_observer(observer.clone());
    let take = || {
        IS_WORKER.set(true);
        core.take_fork_guarded(|_| ()).map(|(work, ())| work)
    };
    std::thread::scope(|scope| {
        let worker = scope.spawn(take);
        // The observer is asked when the worker is in line.
        eventually(|| observer.0.load(Ordering::SeqCst) == 1);
        core.push_wake_one(DEFAULT_PRIORITY, 7).unwrap();
        assert_eq!(worker.join().unwrap(), Ok(7));
    });
    clear_observer();
}
