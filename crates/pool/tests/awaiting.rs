//! Tasks of a pool, awaited. The executor is a thread that polls and parks.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use interlock_pool::{TaskError, ThreadPool};
use interlock_sync::Event;

/// Unparks a thread, and counts.
struct Unparks(Thread, AtomicUsize);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

fn unparks() -> Arc<Unparks> {
    Arc::new(Unparks(std::thread::current(), AtomicUsize::new(0)))
}

fn run<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(unparks());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let before = std::time::Instant::now();
        std::thread::park_timeout(Duration::from_secs(60));
        assert!(before.elapsed() < Duration::from_secs(60), "nobody woke it");
    }
}

#[test]
fn a_task_that_is_awaited_wakes_the_latest_waker() {
    let pool = ThreadPool::new(1);
    let may_end = Arc::new(Event::new());
    let its = may_end.clone();
    let mut task = pin!(pool.submit(move || its.wait()).unwrap());
    let (early, late) = (unparks(), unparks());
    let poll = |task: std::pin::Pin<&mut interlock_pool::Task<()>>, waker: &Arc<Unparks>| {
        task.poll(&mut Context::from_waker(&Waker::from(waker.clone())))
    };
    assert!(poll(task.as_mut(), &early).is_pending());
    assert!(poll(task.as_mut(), &early).is_pending());
    assert!(poll(task.as_mut(), &late).is_pending());
    may_end.set();
    pool.join().unwrap();
    assert_eq!(
        (early.1.load(Ordering::SeqCst), late.1.load(Ordering::SeqCst)),
        (0, 1)
    );
    assert!(matches!(poll(task.as_mut(), &late), Poll::Ready(Ok(()))));
    assert!(matches!(poll(task, &late), Poll::Ready(Err(TaskError::Taken))));
}

#[test]
fn no_wake_up_of_an_awaited_task_is_lost() {
    let pool = ThreadPool::new(2);
    let sum = run(async {
        let mut sum = 0;
        for number in 0..20_000_u64 {
            let task = pool.submit(move || number).unwrap();
            sum += if number % 2 == 0 {
                task.await.unwrap()
            } else {
                task.then(|number| number.unwrap()).await.unwrap()
            };
        }
        sum
    });
    assert_eq!(sum, 20_000 * 19_999 / 2);
    let cancelled = pool.submit(|| ()).unwrap();
    if cancelled.cancel() {
        assert!(matches!(run(cancelled), Err(TaskError::Cancelled)));
    }
}
