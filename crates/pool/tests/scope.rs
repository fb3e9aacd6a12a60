//! Tasks that borrow what is around their scope. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use interlock_pool::{TaskError, ThreadPool};
use interlock_sync::Event;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_scope_ends_when_all_that_borrows_is_gone() {
    let pool = ThreadPool::new(3);
    for _ in 0..200 {
        let mut numbers = [0_usize; 50];
        pool.scope(|scope| {
            for (place, number) in numbers.iter_mut().enumerate() {
                // The handles are dropped: the scope waits all the same.
                drop(scope.submit(move || *number = place).unwrap());
            }
        });
        assert!(numbers.into_iter().eq(0..50));
    }
}

#[test]
fn a_task_of_a_scope_submits_to_it_and_returns_what_it_borrows() {
    let pool = ThreadPool::new(2);
    let words = String::from("some words here");
    let longest = pool.scope(|scope| {
        let all = scope
            .submit(|| {
                let tasks: Vec<_> = words
                    .split(' ')
                    .map(|word| scope.submit(move || (word.len(), word)).unwrap())
                    .collect();
                tasks.into_iter().map(|task| task.result().unwrap()).max()
            })
            .unwrap();
        all.result().unwrap().unwrap().1
    });
    assert_eq!(longest, "words");
}

#[test]
fn a_worker_may_open_a_scope_in_its_own_pool() {
    let pool = Arc::new(ThreadPool::new(1));
    let its = pool.clone();
    let sum = pool.submit(move || {
        let numbers = [1, 2, 3];
        let sum = AtomicUsize::new(0);
        its.scope(|scope| {
            for number in &numbers {
                let sum = &sum;
                drop(
                    scope
                        .submit(move || sum.fetch_add(*number, Ordering::SeqCst))
                        .unwrap(),
                );
            }
        });
        sum.into_inner()
    });
    assert_eq!(sum.unwrap().result_timeout(LONG).unwrap().unwrap(), 6);
}

#[test]
fn a_scope_ends_also_when_its_body_or_a_task_panics() {
    let pool = ThreadPool::new(2);
    let runs = AtomicUsize::new(0);
    let event = Event::new();
    let run = |body_panics: bool, task_panics: bool, takes: bool| {
        catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|scope| {
                let task = scope
                    .submit(|| {
                        event.wait();
                        runs.fetch_add(1, Ordering::SeqCst);
                        assert!(!task_panics, "in a task");
                    })
                    .unwrap();
                event.set();
                assert!(!body_panics, "in the body");
                if takes {
                    assert!(task.result().is_err_and(|error| error.is_panic()) == task_panics);
                }
            });
        }))
        .is_err()
    };
    assert!(!run(false, false, false));
    assert!(run(true, false, false));
    assert!(run(false, true, false));
    assert!(!run(false, true, true), "the result was taken");
    assert!(run(true, true, false));
    assert_eq!(runs.load(Ordering::SeqCst), 5);
}

#[test]
fn a_scoped_task_that_is_cancelled_drops_what_it_borrows() {
    let pool = ThreadPool::new(1);
    let event = Event::new();
    let counted = Arc::new(());
    let (its, event) = (&counted, &event);
    pool.scope(|scope| {
        let began = Event::new();
        let busy = scope.submit(|| event.wait()).unwrap();
        while pool.stats().running == 0 {
            std::thread::yield_now();
        }
        let clone = its.clone();
        let waits = scope.submit(move || drop(clone)).unwrap();
        let others = [1, 2].map(|_| scope.submit(|| its.clone()).unwrap());
        assert!(waits.cancel() && waits.is_done());
        assert!(matches!(waits.result(), Err(TaskError::Cancelled)));
        assert_eq!(pool.cancel_waiting(), 3);
        assert!(others.into_iter().all(|other| other.result().is_err()));
        began.set();
        event.set();
        busy.result().unwrap();
    });
    assert_eq!(Arc::strong_count(&counted), 1);
    pool.shutdown();
    assert!(pool.scope(|scope| scope.submit(|| its.clone()).unwrap_err().is_shut_down()));
}
