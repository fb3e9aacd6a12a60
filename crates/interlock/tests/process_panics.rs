//! Wakers and observers that panic on the threads of a pool of worker processes, and wakers that wait for its end: claims C382 and
//! C383 of crates/pool/PROCESS_PROTOCOL.md.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod workers;

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use interlock::observe::{Observer, TraceEvent, clear_observer, set_observer};
use interlock::pool::JoinError;
use interlock::process::ProcessPool;
use workers::{DOUBLE, FOREVER, builder, eventually, pool, turn};

/// Where the workers of these tests begin.
#[test]
fn worker() {
    workers::serve();
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("a payload that panics"));
    }
}

/// Panics when it is called, and says so before.
#[derive(Default)]
struct Explodes(AtomicUsize);

impl Wake for Explodes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        resume_unwind(Box::new(Bomb));
    }
}

#[test]
fn a_waker_whose_panic_panics_again_costs_the_pool_nothing_c382() {
    let _turn = turn();
    let pool = builder().workers(1).max_pending(1).build().unwrap();
    let explodes = Arc::new(Explodes::default());
    let waker = Waker::from(explodes.clone());
    let context = &mut Context::from_waker(&waker);
    let mut runs = pool.submit(FOREVER, &()).unwrap();
    eventually("it runs", || runs.is_running());
    assert!(Pin::new(&mut runs).poll(context).is_pending());
    while pool.try_submit(DOUBLE, &1).is_ok() {}
    let mut waits = pool.submit_async(DOUBLE, &2);
    assert!(Pin::new(&mut waits).poll(context).is_pending());
    assert!(runs.stop());
    eventually("both wakers are called", || {
        explodes.0.load(Ordering::SeqCst) == 2
    });
    drop(waits);
    assert_eq!(pool.submit(DOUBLE, &21).unwrap().result().unwrap(), 42);
    assert_eq!(pool.join(), Ok(()));
}

/// Panics in each event of the threads of pools.
struct Panics;

/// Of which of the two threads it has heard.
static HEARD: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

impl Observer for Panics {
    fn event(&self, _: TraceEvent) {
        let which = match std::thread::current().name() {
            Some("interlock-supervisor") => 0,
            Some("interlock-processes") => 1,
            _ => return,
        };
        HEARD[which].fetch_add(1, Ordering::SeqCst);
        resume_unwind(Box::new(Bomb));
    }
}

#[test]
fn an_observer_that_panics_ends_no_thread_of_a_pool_c382() {
    let _turn = turn();
    set_observer(Arc::new(Panics));
    let pool = pool(1);
    let before = pool.worker_ids();
    assert_eq!(pool.submit(DOUBLE, &1).unwrap().result().unwrap(), 2);
    let runs = pool.submit(FOREVER, &()).unwrap();
    eventually("it runs", || runs.is_running());
    assert!(runs.stop());
    // The supervisor buries the worker, and the host starts another one.
    eventually("there is another worker", || {
        let now = pool.worker_ids();
        now.len() == 1 && now != before
    });
    assert_eq!(pool.submit(DOUBLE, &2).unwrap().result().unwrap(), 4);
    eventually("both threads were about to sleep", || {
        HEARD.iter().all(|heard| heard.load(Ordering::SeqCst) > 0)
    });
    assert_eq!(pool.join(), Ok(()));
    clear_observer();
}

/// Waits for the end of its pool when it is called.
struct Joins {
    pool: ProcessPool,
    joined: Mutex<Vec<Result<(), JoinError>>>,
}

impl Wake for Joins {
    fn wake(self: Arc<Self>) {
        let joined = [self.pool.join(), self.pool.try_join()];
        self.joined.lock().unwrap().extend(joined);
    }
}

#[test]
fn a_waker_cannot_wait_for_the_end_of_its_own_pool_c383() {
    let _turn = turn();
    let joins = Arc::new(Joins {
        pool: pool(1),
        joined: Mutex::default(),
    });
    let waker = Waker::from(joins.clone());
    let mut runs = joins.pool.submit(FOREVER, &()).unwrap();
    eventually("it runs", || runs.is_running());
    assert!(
        Pin::new(&mut runs)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert!(runs.stop());
    eventually("the waker has tried", || !joins.joined.lock().unwrap().is_empty());
    assert_eq!(*joins.joined.lock().unwrap(), [Err(JoinError::OwnTask); 2]);
    let task = joins.pool.submit(DOUBLE, &21).unwrap();
    assert_eq!(task.result().unwrap(), 42, "it was not shut down");
    assert_eq!(joins.pool.join(), Ok(()));
}
