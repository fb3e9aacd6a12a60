//! Wakers and observers that panic in a step of a pool: of a worker that takes a task, waits, begins or ends, or of a thread that
//! cancels. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use common::{eventually, occupy};
use interlock_pool::{Submitting, Task, TaskError, ThreadPool};
use interlock_sync::Event;
use interlock_wait::{Observer, ThreadIdent, TraceEvent, clear_observer, set_observer};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("a payload that panics"));
    }
}

/// Panics when it is called, with a payload that panics again if it says so.
struct Explodes {
    again: bool,
}

impl Wake for Explodes {
    fn wake(self: Arc<Self>) {
        match self.again {
            true => resume_unwind(Box::new(Bomb)),
            false => resume_unwind(Box::new("a waker that panics")),
        }
    }
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll_with<F: Future + Unpin>(
    future: &mut F,
    wake: Arc<impl Wake + Send + Sync + 'static>,
) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(wake)))
}

type Waits<'a> = Submitting<'a, u32, fn() -> u32>;

/// Waits for room in a full pool, with a waker that panics.
fn submitter(pool: &ThreadPool, again: bool) -> Waits<'_> {
    let mut waits: Waits<'_> = pool.submit_async((|| 3) as fn() -> u32);
    assert!(poll_with(&mut waits, Arc::new(Explodes { again })).is_pending());
    waits
}

/// Two of these.
fn submitters(pool: &ThreadPool) -> [Waits<'_>; 2] {
    [false, true].map(|again| submitter(pool, again))
}

fn settled(pool: &ThreadPool) {
    assert_eq!(pool.join(), Ok(()));
    let stats = pool.stats();
    assert_eq!((stats.waiting, stats.running), (0, 0));
    assert_eq!(stats.submitted, stats.done + stats.dropped);
}

#[test]
fn a_waker_for_room_that_panics_costs_no_worker_and_every_task_ends() {
    let pool = ThreadPool::builder().workers(1).max_pending(2).build();
    let worker = pool.submit(ThreadIdent::current).unwrap().result().unwrap();
    let event = Arc::new(Event::new());
    let busy = occupy(&pool, &event);
    let mut waits = [0, 1].map(|_| pool.submit(|| 2).unwrap());
    let woken = Arc::new(Counts::default());
    assert!(poll_with(&mut waits[1], woken.clone()).is_pending());
    let mut late = submitters(&pool);
    event.set();
    busy.result().unwrap();
    let is_told = |result| matches!(result, Ok(2) | Err(TaskError::Cancelled));
    let [first, second] = waits;
    assert!(is_told(first.result()) && is_told(second.result()));
    eventually(|| woken.0.load(Ordering::SeqCst) == 1);
    for waits in &mut late {
        let Poll::Ready(Ok(task)) = poll_with(waits, Arc::new(Counts::default())) else {
            panic!("there is room");
        };
        assert_eq!(task.result().unwrap(), 3);
    }
    assert_eq!(
        pool.submit(ThreadIdent::current).unwrap().result().unwrap(),
        worker
    );
    drop(late);
    settled(&pool);
}

#[test]
fn a_worker_runs_the_task_that_it_waits_for_although_a_waker_for_room_panics() {
    let pool = Arc::new(ThreadPool::builder().workers(1).max_pending(2).build());
    let (its, begun, may_go) = (pool.clone(), Arc::new(Event::new()), Arc::new(Event::new()));
    let (tells, waits) = (begun.clone(), may_go.clone());
    let outer = pool
        .submit(move || {
            let tasks = [7, 8].map(|number| its.submit(move || number).unwrap());
            tells.set();
            waits.wait();
            tasks.map(|task| task.result().unwrap())
        })
        .unwrap();
    begun.wait();
    let late = submitters(&pool);
    may_go.set();
    assert_eq!(outer.result().unwrap(), [7, 8]);
    drop(late);
    settled(&pool);
}

#[test]
fn a_scope_of_a_worker_waits_for_its_tasks_although_wakers_for_room_panic() {
    let pool = Arc::new(ThreadPool::builder().workers(1).max_pending(4).build());
    let (its, begun, may_go) = (pool.clone(), Arc::new(Event::new()), Arc::new(Event::new()));
    let (tells, waits) = (begun.clone(), may_go.clone());
    let outer = pool
        .submit(move || {
            let runs = AtomicUsize::new(0);
            its.scope(|scope| {
                for _ in 0..4 {
                    drop(scope.submit(|| runs.fetch_add(1, Ordering::SeqCst)).unwrap());
                }
                tells.set();
                waits.wait();
            });
            runs.into_inner()
        })
        .unwrap();
    begun.wait();
    let late = submitters(&pool);
    may_go.set();
    assert_eq!(outer.result().unwrap(), 4);
    drop(late);
    settled(&pool);
}

#[test]
fn a_scope_resumes_the_first_panic_and_drops_the_others() {
    let pool = ThreadPool::new(1);
    let scope = || -> u32 {
        pool.scope(|scope| {
            for _ in 0..2 {
                let panics = || -> u32 { resume_unwind(Box::new(Bomb)) };
                drop(scope.submit(panics).unwrap());
            }
            resume_unwind(Box::new("in the body"));
        })
    };
    let payload = catch_unwind(AssertUnwindSafe(scope)).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"in the body"));
    settled(&pool);
}

#[test]
fn a_cancellation_ends_all_that_it_took_although_a_waker_for_room_panics() {
    for all in [true, false] {
        let pool = ThreadPool::builder().workers(1).max_pending(2).build();
        let event = Arc::new(Event::new());
        let busy = occupy(&pool, &event);
        let mut waits = pool.submit(|| 2).unwrap();
        let other = pool.submit(|| 2).unwrap().then(|result| result.is_err());
        let woken = Arc::new(Counts::default());
        assert!(poll_with(&mut waits, woken.clone()).is_pending());
        let late = submitter(&pool, true);
        match all {
            true => assert_eq!(pool.cancel_waiting(), 2),
            false => assert!(waits.cancel()),
        }
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(matches!(waits.result(), Err(TaskError::Cancelled)));
        drop(late);
        event.set();
        busy.result().unwrap();
        assert_eq!(other.result().unwrap(), all);
        settled(&pool);
        assert_eq!(pool.stats().dropped, if all { 2 } else { 1 });
    }
}

/// Panics in each event of the threads whose names begin like this.
struct Panics(&'static str, AtomicUsize);

impl Observer for Panics {
    fn event(&self, _: TraceEvent) {
        if std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with(self.0))
        {
            self.1.fetch_add(1, Ordering::SeqCst);
            resume_unwind(Box::new(Bomb));
        }
    }
}

/// Calls `body` while there is such an observer.
fn observed(name: &'static str, body: impl FnOnce(&AtomicUsize)) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let observer = Arc::new(Panics(name, AtomicUsize::new(0)));
    set_observer(observer.clone());
    body(&observer.1);
    clear_observer();
}

#[test]
fn an_observer_that_panics_costs_no_task_and_no_worker() {
    observed("begins", |panics| {
        let pool = ThreadPool::builder().workers(1).name("begins").build();
        let worker = pool.submit(ThreadIdent::current).unwrap().result().unwrap();
        assert!(panics.load(Ordering::SeqCst) > 0, "the thread began");
        for _ in 0..3 {
            // The worker waits, and that panics, before the next task comes.
            let so_far = panics.load(Ordering::SeqCst);
            let task: Task<_> = pool.submit(ThreadIdent::current).unwrap();
            assert_eq!(task.result().unwrap(), worker);
            eventually(|| panics.load(Ordering::SeqCst) > so_far);
        }
        settled(&pool);
    });
}

#[test]
fn an_observer_that_panics_at_the_end_of_a_worker_keeps_no_pool_from_its_end() {
    let pool = ThreadPool::builder().workers(2).name("ends").build();
    pool.submit(|| ()).unwrap().result().unwrap();
    observed("ends", |panics| {
        settled(&pool);
        assert!(panics.load(Ordering::SeqCst) > 0);
    });
}
