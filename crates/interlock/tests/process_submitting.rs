//! Tasks that wait for room in a pool of worker processes, without blocking a thread.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod workers;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use interlock::process::{Function, OnWorkerDeath, ProcessPool, SubmitError, Task};
use workers::{DIE, DOUBLE, FOREVER, builder, eventually, turn};

/// The test in which the workers of these tests begin.
#[test]
fn worker() {
    workers::serve();
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Keeps the worker busy until `stop()`, and fills the pool.
fn fill(pool: &ProcessPool) -> (Task<()>, Vec<Task<u64>>) {
    let runs = pool.submit(FOREVER, &()).unwrap();
    eventually("it runs", || runs.is_running());
    let mut waiting = Vec::new();
    loop {
        match pool.try_submit(DOUBLE, &1) {
            Ok(task) => waiting.push(task),
            Err(error) => {
                assert!(error.is_full());
                return (runs, waiting);
            }
        }
    }
}

#[test]
fn an_async_submitter_waits_for_room_in_line() {
    let _turn = turn();
    let pool = builder().workers(1).max_pending(2).build().unwrap();
    let (runs, waiting) = fill(&pool);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);
    let mut first = Box::pin(pool.submit_async(DOUBLE, &2));
    let mut second = pin!(pool.submit_async(DOUBLE, &3));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert!(
        first.as_mut().poll(&mut context).is_pending(),
        "it keeps its place"
    );
    assert_eq!(wakes.count(), 0);
    assert!(format!("{first:?}").contains("is_in_line: true"));
    // There is one place, and the first in line gives its turn up.
    assert!(waiting.last().unwrap().cancel());
    eventually("the first is woken", || wakes.count() == 1);
    drop(first);
    eventually("the second is woken", || wakes.count() == 2);
    let Poll::Ready(Ok(task)) = second.as_mut().poll(&mut context) else {
        panic!("there is room");
    };
    assert!(second.as_mut().poll(&mut context).is_pending(), "it is over");
    assert!(runs.stop());
    assert_eq!(task.result().unwrap(), 6);
    assert_eq!(wakes.count(), 2);
}

#[test]
fn an_async_submitter_hears_of_the_end_of_the_pool() {
    let _turn = turn();
    let context = &mut Context::from_waker(Waker::noop());
    let pool = builder().workers(1).max_pending(1).build().unwrap();
    let (runs, _waiting) = fill(&pool);
    let mut waits = pin!(pool.at(-1).submit_async(DOUBLE, &1));
    assert!(waits.as_mut().poll(context).is_pending());
    pool.shutdown();
    let Poll::Ready(Err(error)) = waits.as_mut().poll(context) else {
        panic!("the pool was shut down");
    };
    assert!(error.is_shut_down());
    assert!(runs.stop());

    let pool = builder()
        .workers(1)
        .on_worker_death(OnWorkerDeath::Break)
        .build()
        .unwrap();
    let dies = pool.submit(DIE, &"kill".to_owned()).unwrap();
    assert!(dies.result().is_err());
    let refused = pin!(pool.submit_async(DOUBLE, &1)).poll(context);
    assert!(matches!(refused, Poll::Ready(Err(SubmitError::Broken(_)))));
}

#[test]
fn an_argument_that_cannot_be_written_is_an_error_of_the_future() {
    struct Refuses;
    impl serde::Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let _turn = turn();
    let pool = builder().workers(1).build().unwrap();
    let refused = pin!(pool.submit_async(Function::<Refuses, u64>::named("double"), &Refuses))
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(refused, Poll::Ready(Err(SubmitError::Argument(_)))));
}

#[test]
fn many_tasks_submit_through_little_room() {
    let _turn = turn();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pool = Arc::new(builder().workers(2).max_pending(3).build().unwrap());
    let sum = runtime.block_on(async {
        let submitters: Vec<_> = (0..40)
            .map(|submitter| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    for number in 0..50 {
                        let task = pool
                            .submit_async(DOUBLE, &(submitter * 50 + number))
                            .await
                            .unwrap();
                        sum += task.await.unwrap();
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for submitter in submitters {
            sum += submitter.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, (0..2000).map(|number| number * 2).sum());
    eventually("they are counted", || pool.stats().done == 2000);
}

/// A waker that uses the pool, like a waker that polls at once.
struct Submits {
    pool: ProcessPool,
    tasks: Mutex<Vec<Task<u64>>>,
}

impl Wake for Submits {
    fn wake(self: Arc<Self>) {
        let task = self.pool.try_submit(DOUBLE, &21).unwrap();
        assert!(self.pool.stats().submitted > 0);
        self.tasks.lock().unwrap().push(task);
    }
}

#[test]
fn a_waker_may_use_the_pool() {
    let _turn = turn();
    for _ in 0..20 {
        let pool = builder().workers(1).max_pending(1).build().unwrap();
        let tasks = Mutex::default();
        let submits = Arc::new(Submits { pool, tasks });
        let (runs, waiting) = fill(&submits.pool);
        let waker = Waker::from(submits.clone());
        let mut waits = Box::pin(submits.pool.submit_async(DOUBLE, &1));
        let waits: &mut Pin<Box<_>> = &mut waits;
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(runs.stop());
        for task in waiting {
            assert_eq!(task.result().unwrap(), 2);
        }
        eventually("the waker was called", || {
            !submits.tasks.lock().unwrap().is_empty()
        });
        let task = submits.tasks.lock().unwrap().pop().unwrap();
        assert_eq!(task.result().unwrap(), 42);
    }
}
