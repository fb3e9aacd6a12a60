//! The view of an observer on tasks, workers and pools.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

#[path = "../../wait/tests/common/mod.rs"]
mod common;
#[path = "../../wait/tests/detector/mod.rs"]
mod detector;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::eventually;
use detector::Detector;
use interlock_pool::{JoinError, SubmitError, TaskError, ThreadPool};
use interlock_sync::{Event, Lock};
use interlock_wait::{
    Observer, PendingWait, ResourceKind, ThreadId, TraceEvent, Verdict, Wait, WaitContext, clear_observer,
    pending_waits, set_observer, take_refusal,
};

/// A process has one observer, so these tests take turns.
struct Turn(#[allow(dead_code, reason = "held until dropped")] MutexGuard<'static, ()>);

impl Turn {
    fn observed_by(observer: Arc<dyn Observer>) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_observer(observer);
        Turn(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        clear_observer();
    }
}

/// Ignores what it hears.
struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: TraceEvent) {}
}

fn owners_of(kind: ResourceKind) -> Vec<ThreadId> {
    let mut waits = pending_waits().into_iter();
    waits
        .find(|wait| wait.kind == kind)
        .map(|wait| wait.owners)
        .unwrap_or_default()
}

/// Submits a task that takes `lock`, unless its wait is refused. The result tells whether it was refused.
fn takes(pool: &ThreadPool, lock: &Arc<Lock>) -> interlock_pool::Task<bool> {
    let lock = lock.clone();
    pool.submit(move || match lock.acquire_with(&mut WaitContext::endless()) {
        Ok(()) => {
            lock.release().unwrap();
            false
        }
        Err(_) => take_refusal(),
    })
    .unwrap()
}

#[test]
fn a_wait_for_an_outcome_names_the_worker_that_runs_the_task() {
    let _turn = Turn::observed_by(Arc::new(Deaf));
    let pool = ThreadPool::new(1);
    let lock = Arc::new(Lock::new());
    lock.acquire();
    let its = lock.clone();
    let task = pool
        .submit(move || {
            its.acquire();
            ThreadId::current()
        })
        .unwrap();
    // It has begun when it waits for the lock.
    eventually(|| owners_of(ResourceKind::Lock) == [ThreadId::current()]);
    let (worker, named) = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| task.result().unwrap());
        eventually(|| !owners_of(ResourceKind::Outcome).is_empty());
        let named = owners_of(ResourceKind::Outcome);
        lock.release().unwrap();
        (waiter.join().unwrap(), named)
    });
    assert_eq!(named, [worker]);
}

#[test]
fn a_wait_for_a_scope_names_the_workers_that_run_its_tasks() {
    let _turn = Turn::observed_by(Arc::new(Deaf));
    let pool = ThreadPool::new(2);
    let gate = Event::new();
    let (workers, named) = std::thread::scope(|threads| {
        let workers = Mutex::new(Vec::new());
        let ends = threads.spawn(|| {
            pool.scope(|scope| {
                for _ in 0..2 {
                    scope
                        .submit(|| {
                            workers.lock().unwrap().push(ThreadId::current());
                            gate.wait();
                        })
                        .unwrap();
                }
            });
            workers.into_inner().unwrap()
        });
        eventually(|| owners_of(ResourceKind::Outcome).len() == 2);
        let named = owners_of(ResourceKind::Outcome);
        gate.set();
        (ends.join().unwrap(), named)
    });
    let sorted = |mut threads: Vec<ThreadId>| {
        threads.sort_by_key(|thread| thread.ident());
        threads
    };
    assert_eq!(sorted(named), sorted(workers));
}

#[test]
fn the_owner_of_a_scope_runs_what_its_tasks_submit_while_it_waits() {
    let _turn = Turn::observed_by(Arc::new(Deaf));
    let pool = Arc::new(ThreadPool::new(2));
    let its = pool.clone();
    let opens = pool.submit(move || {
        let (event, begun) = (Event::new(), Event::new());
        let owner = ThreadId::current();
        its.scope(|scope| {
            let (event, begun) = (&event, &begun);
            let submits = move || {
                begun.set();
                let waits = |wait: &PendingWait| wait.thread == owner && wait.kind == ResourceKind::Outcome;
                eventually(|| pending_waits().iter().any(waits));
                // The other worker of the two is the owner.
                drop(scope.submit(|| event.set()).unwrap());
                event.wait();
            };
            drop(scope.submit(submits).unwrap());
            begun.wait();
        });
    });
    let ended = opens.unwrap().result_timeout(std::time::Duration::from_secs(60));
    ended.unwrap().unwrap();
}

/// Refuses all waits of a thread.
struct Refuses(ThreadId);

impl Observer for Refuses {
    fn event(&self, _: TraceEvent) {}

    fn will_wait(&self, _: &Wait<'_>) -> Verdict {
        if ThreadId::current() == self.0 {
            Verdict::Refuse
        } else {
            Verdict::Wait
        }
    }
}

#[test]
fn an_unordered_map_whose_waits_are_refused_has_one_error_for_each_item() {
    let _turn = Turn::observed_by(Arc::new(Refuses(ThreadId::current())));
    let pool = ThreadPool::new(1);
    let event = Arc::new(Event::new());
    let its = event.clone();
    let results: Vec<_> = pool
        .map_unordered(0..5, move |number| {
            its.wait();
            number
        })
        .take(100)
        .collect();
    event.set();
    assert_eq!(results.len(), 5);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(TaskError::Refused)))
    );
}

#[test]
fn an_idle_worker_waits_for_no_thread_and_no_outcome() {
    let _turn = Turn::observed_by(Arc::new(Deaf));
    let pool = ThreadPool::new(2);
    pool.submit(|| ()).unwrap().result().unwrap();
    eventually(|| pending_waits().iter().any(|wait| wait.kind == ResourceKind::Task));
    assert!(pending_waits().iter().all(|wait| wait.owners.is_empty()));
}

#[test]
fn the_wait_for_an_outcome_that_closes_a_circle_is_refused() {
    let _turn = Turn::observed_by(Arc::new(Detector));
    let pool = ThreadPool::new(1);
    let lock = Arc::new(Lock::new());
    lock.acquire();
    let task = takes(&pool, &lock);
    // The worker waits for this thread.
    eventually(|| owners_of(ResourceKind::Lock) == [ThreadId::current()]);
    assert!(matches!(task.result(), Err(TaskError::Refused)));
    assert!(take_refusal());
    lock.release().unwrap();
}

#[test]
fn the_wait_that_closes_a_circle_through_an_outcome_is_refused() {
    let _turn = Turn::observed_by(Arc::new(Detector));
    let pool = ThreadPool::new(1);
    let (lock, gate) = (Arc::new(Lock::new()), Arc::new(Event::new()));
    lock.acquire();
    let (its, opened) = (lock.clone(), gate.clone());
    let task = pool
        .submit(move || {
            opened.wait();
            its.acquire_with(&mut WaitContext::endless()).is_err() && take_refusal()
        })
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The other thread waits for the worker.
            eventually(|| !owners_of(ResourceKind::Outcome).is_empty());
            gate.set();
        });
        assert!(task.result().unwrap());
    });
    lock.release().unwrap();
}

#[test]
fn the_wait_that_closes_a_circle_through_a_pool_is_refused() {
    let _turn = Turn::observed_by(Arc::new(Detector));
    let pool = ThreadPool::new(2);
    let lock = Arc::new(Lock::new());
    lock.acquire();
    let task = takes(&pool, &lock);
    eventually(|| owners_of(ResourceKind::Lock) == [ThreadId::current()]);
    // Like `join`, which can't fail.
    assert_eq!(
        pool.join_timeout(std::time::Duration::MAX),
        Err(JoinError::Refused)
    );
    assert!(take_refusal());
    lock.release().unwrap();
    assert!(!task.result().unwrap());
}

#[test]
fn a_refused_wait_for_room_returns_the_function() {
    struct RefusesRoom;
    impl Observer for RefusesRoom {
        fn event(&self, _: TraceEvent) {}

        fn will_wait(&self, wait: &Wait<'_>) -> Verdict {
            match wait.resource.kind() {
                ResourceKind::QueuePut => Verdict::Refuse,
                _ => Verdict::Wait,
            }
        }
    }
    let _turn = Turn::observed_by(Arc::new(RefusesRoom));
    let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    let lock = Arc::new(Lock::new());
    lock.acquire();
    let running = takes(&pool, &lock);
    eventually(|| owners_of(ResourceKind::Lock) == [ThreadId::current()]);
    let waiting = takes(&pool, &lock);
    let refused = pool.submit(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::Refused(_)) && !refused.is_full());
    assert_eq!(refused.into_inner()(), 7);
    assert!(take_refusal());
    let refused = pool.submit_timeout(std::time::Duration::MAX, || ());
    assert!(matches!(refused, Err(SubmitError::Refused(_))));
    assert!(take_refusal());
    lock.release().unwrap();
    assert!(!running.result().unwrap() && !waiting.result().unwrap());
}
