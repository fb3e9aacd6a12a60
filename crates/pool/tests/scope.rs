//! Tasks that borrow from the surroundings of their scope. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::eventually;
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
                // The handles are dropped; the scope waits nevertheless.
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

/// Opens a scope whose only task does the same one level deeper. How many scopes there were; each counts those that begin.
fn scopes_below(pool: &ThreadPool, levels: usize, begun: &AtomicUsize) -> usize {
    begun.fetch_add(1, Ordering::SeqCst);
    if levels == 0 {
        return 0;
    }
    let mut below = None;
    pool.scope(|scope| {
        let its = &mut below;
        drop(
            scope
                .submit(move || *its = Some(scopes_below(pool, levels - 1, begun)))
                .unwrap(),
        );
    });
    below.unwrap() + 1
}

#[test]
fn scopes_that_are_nested_deep_run_every_function() {
    for workers in [1, 2] {
        let pool = ThreadPool::builder()
            .workers(workers)
            .stack_size(256 << 10)
            .build();
        let begun = AtomicUsize::new(0);
        let depth = pool.scope(|scope| {
            let all = scope.submit(|| scopes_below(&pool, 1_000, &begun)).unwrap();
            all.result().unwrap()
        });
        assert_eq!((depth, begun.into_inner()), (1_000, 1_001));
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.dropped), (1_001, 0));
    }
}

#[test]
fn a_scope_that_cannot_run_a_function_panics_and_says_so() {
    let pool = ThreadPool::builder().workers(1).stack_size(128 << 10).build();
    let begun = AtomicUsize::new(0);
    let error = pool.scope(|scope| {
        let all = scope.submit(|| scopes_below(&pool, 1_000_000, &begun)).unwrap();
        all.result().unwrap_err()
    });
    assert!(
        error.is_panic() && error.to_string().contains("a task of a scope was not run"),
        "{error}"
    );
    assert!(begun.into_inner() < 1_000_000);
    assert_eq!(pool.submit(|| 7).unwrap().result().unwrap(), 7);
    assert_eq!(pool.stats().dropped, 1);
}

#[test]
fn each_form_of_a_wait_for_a_scoped_task_ends_in_time_and_says_so() {
    let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    let (event, past) = (Event::new(), Instant::now());
    let text = String::from("text");
    pool.scope(|scope| {
        let busy = scope.submit(|| event.wait()).unwrap();
        eventually(|| pool.stats().running == 1);
        assert!(busy.wait_timeout(Duration::ZERO).is_err() && busy.wait_deadline(past).is_err());
        let busy = busy.try_result().unwrap_err();
        let busy = busy.result_timeout(Duration::ZERO).unwrap_err();
        let mut busy = busy.result_deadline(past).unwrap_err();
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut busy).poll(context).is_pending());
        let waits = scope.submit(|| text.as_str()).unwrap();
        let length = || text.len();
        let refused = scope.try_submit(length).unwrap_err();
        assert!(refused.is_full());
        assert_eq!(refused.into_inner()(), 4, "the function comes back");
        assert!(
            scope
                .submit_timeout(Duration::ZERO, length)
                .unwrap_err()
                .is_full()
        );
        assert!(scope.submit_deadline(past, length).unwrap_err().is_full());
        event.set();
        busy.wait().unwrap();
        assert!(matches!(Pin::new(&mut busy).poll(context), Poll::Ready(Ok(()))));
        assert_eq!(waits.result_timeout(LONG).unwrap().unwrap(), "text");
    });
}

#[test]
fn a_map_in_a_scope_borrows_and_keeps_the_order() {
    let pool = ThreadPool::builder().workers(3).max_pending(8).build();
    let texts: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let sum = AtomicUsize::new(0);
    let same: Vec<&str> = pool.scope(|scope| {
        let results = scope.map(&texts, |text| {
            sum.fetch_add(text.len(), Ordering::Relaxed);
            text.as_str()
        });
        results.map(Result::unwrap).collect()
    });
    assert_eq!(same, texts);
    assert_eq!(sum.into_inner(), texts.iter().map(String::len).sum());
}

#[test]
fn a_map_in_a_scope_is_lazy_and_ends_at_the_first_error() {
    let pool = ThreadPool::new(2);
    let taken = AtomicUsize::new(0);
    let numbers = || (0_usize..).inspect(|_| _ = taken.fetch_add(1, Ordering::Relaxed));
    let limit = 1_000;
    let failed = pool.scope(|scope| {
        let below = |number| if number < limit { Ok(number) } else { Err(number) };
        scope.try_map(numbers(), below)
    });
    assert_eq!(failed.unwrap_err().into_failed().unwrap(), limit);
    assert!(taken.swap(0, Ordering::Relaxed) < 2 * limit);
    let first: Vec<_> = pool.scope(|scope| scope.map(numbers(), |number| number).take(3).collect());
    assert!(first.into_iter().map(Result::unwrap).eq(0..3));
    assert!(taken.into_inner() < limit);
    assert_eq!(
        pool.scope(|scope| scope.try_map(0..9, Ok::<_, ()>)).unwrap(),
        Vec::from_iter(0..9)
    );
}

#[test]
fn a_map_in_a_scope_tells_of_panics_and_of_a_pool_that_was_shut_down() {
    let pool = ThreadPool::new(2);
    let results: Vec<_> = pool.scope(|scope| scope.map(0..3, |number| assert_ne!(number, 1)).collect());
    assert!(matches!(
        results[..],
        [Ok(()), Err(TaskError::Panicked(_)), Ok(())]
    ));
    let begun = Event::new();
    let unread = catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|scope| {
            let mut results = scope.map([false, true], |panics| {
                if panics {
                    begun.set();
                    panic!("in a call whose result is not taken");
                }
            });
            assert!(results.next().unwrap().is_ok());
            begun.wait();
        });
    }));
    assert!(unread.is_err());
    pool.join().unwrap();
    let refused: Vec<_> = pool.scope(|scope| scope.map(0..3, |number| number).collect());
    assert!(matches!(refused[..], [Err(TaskError::NotSubmitted(_))]));
}

#[test]
fn a_worker_maps_in_a_scope_of_its_own_pool() {
    let pool = Arc::new(ThreadPool::new(1));
    let its = pool.clone();
    let task = pool.submit(move || {
        let words = vec![String::from("word"); 10_000];
        its.scope(|scope| scope.map(&words, String::len).map(Result::unwrap).sum::<usize>())
    });
    assert_eq!(task.unwrap().result().unwrap(), 40_000);
}
