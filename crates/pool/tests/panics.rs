//! Code of the program that panics at the end of a task. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{eventually, occupy};
use interlock_pool::{Task, TaskError, ThreadPool};
use interlock_sync::Event;
use interlock_wait::ThreadIdent;

/// Panics when it is dropped, as often as it says, each time with what panics one time less.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(less) = self.0.checked_sub(1) {
            resume_unwind(Box::new(Bomb(less)));
        }
    }
}

/// Panics when it is called.
struct Explodes;

impl Wake for Explodes {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("a waker that panics"));
    }
}

fn panics(call: impl FnOnce()) -> bool {
    let payload = catch_unwind(AssertUnwindSafe(call)).err();
    let did = payload.is_some();
    let _ = catch_unwind(AssertUnwindSafe(move || drop(payload))).map_err(std::mem::forget);
    did
}

#[test]
fn a_cancellation_tells_all_although_a_function_panics_when_it_is_dropped() {
    let pool = ThreadPool::new(1);
    let event = Arc::new(Event::new());
    let busy = occupy(&pool, &event);
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let bomb = Bomb(1);
            pool.submit(move || drop(bomb)).unwrap()
        })
        .collect();
    let heard: Vec<_> = tasks
        .into_iter()
        .map(|task| task.then(|result| matches!(result, Err(TaskError::Cancelled))))
        .collect();
    assert!(panics(|| {
        pool.cancel_waiting();
    }));
    for told in heard {
        assert!(told.is_done());
        assert!(told.result().unwrap());
    }
    let bomb = Bomb(1);
    let alone = pool.submit(move || drop(bomb)).unwrap();
    let mut alone = pin!(alone);
    let waker = Waker::noop();
    assert!(alone.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    assert!(panics(|| assert!(alone.cancel())));
    assert!(matches!(
        alone.poll(&mut Context::from_waker(waker)),
        Poll::Ready(Err(TaskError::Cancelled))
    ));
    event.set();
    busy.result().unwrap();
    assert_eq!(pool.join(), Ok(()));
}

#[test]
fn the_results_of_a_map_are_all_cancelled_although_one_panics_when_it_is_dropped() {
    let pool = ThreadPool::new(1);
    let (began, may_end) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let (tells, waits) = (began.clone(), may_end.clone());
    let mut mapped = pool.map(
        (0..10).map(|number| (number, Bomb(1))),
        move |(number, mut bomb)| {
            bomb.0 = 0;
            if number == 1 {
                tells.set();
                waits.wait();
            }
        },
    );
    mapped.next().unwrap().unwrap();
    began.wait();
    assert!(panics(|| drop(mapped)));
    may_end.set();
    assert_eq!(pool.join(), Ok(()));
    assert_eq!(pool.stats().done, 2);
}

#[test]
fn an_unordered_map_drops_all_its_results_although_they_panic() {
    let pool = ThreadPool::new(1);
    let done = Arc::new(AtomicUsize::new(0));
    let its = done.clone();
    let mut mapped = pool.map_unordered(0..10, move |_| {
        its.fetch_add(1, Ordering::SeqCst);
        Bomb(1)
    });
    mapped.next().unwrap().unwrap().0 = 0;
    eventually(|| done.load(Ordering::SeqCst) == 10);
    pool.submit(|| ()).unwrap().result().unwrap();
    assert!(panics(|| drop(mapped)));
    assert_eq!(pool.join(), Ok(()));
}

#[test]
fn a_waker_that_panics_keeps_no_continuation_and_no_worker_from_going_on() {
    let pool = ThreadPool::new(1);
    let worker = pool.submit(ThreadIdent::current).unwrap().result().unwrap();
    let event = Arc::new(Event::new());
    let busy = occupy(&pool, &event);
    let mut task = pool.submit(|| 7).unwrap();
    let waker = Waker::from(Arc::new(Explodes));
    assert!(
        pin!(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let after = task.then(|seven| seven.unwrap() + 1);
    let mut cancelled = pool.submit(|| 7).unwrap();
    assert!(
        pin!(&mut cancelled)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let (its, told) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let tell = told.clone();
    let hears = pool
        .submit(move || its.is_set())
        .unwrap()
        .then(move |_| tell.set());
    assert!(panics(|| {
        pool.cancel_waiting();
    }));
    assert!(hears.is_done() && told.is_set());
    assert!(
        matches!(after.result(), Err(TaskError::Panicked(_))),
        "its unwrap() of the cancellation"
    );
    event.set();
    busy.result().unwrap();
    let mut task = pool.submit(|| 7).unwrap();
    let _ = pin!(&mut task).poll(&mut Context::from_waker(&waker));
    task.wait_timeout(Duration::MAX).unwrap();
    assert_eq!(
        pool.submit(ThreadIdent::current).unwrap().result().unwrap(),
        worker
    );
}

#[test]
fn payloads_and_results_that_panic_again_when_they_are_dropped_end_no_worker() {
    let pool = ThreadPool::new(1);
    let worker = pool.submit(ThreadIdent::current).unwrap().result().unwrap();
    let event = Arc::new(Event::new());
    let busy = occupy(&pool, &event);
    for times in 1..4 {
        drop(
            pool.submit(move || panic_any(Bomb(times)))
                .map(|task: Task<()>| task)
                .unwrap(),
        );
        drop(pool.submit(move || Bomb(times)).unwrap());
        drop(pool.submit(move || 1).unwrap().then(move |_| Bomb(times)));
    }
    event.set();
    busy.result().unwrap();
    assert_eq!(
        pool.submit(ThreadIdent::current).unwrap().result().unwrap(),
        worker
    );
    assert_eq!(pool.join(), Ok(()));
}
