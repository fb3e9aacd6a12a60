//! Tasks that wait for locks, permits, events, changes and other parties.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

#[path = "../../wait/tests/common/mod.rs"]
mod common;
#[path = "../../wait/tests/woken/mod.rs"]
mod woken;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use common::{Counts, eventually};
use interlock_sync::host::Stepwise;
use interlock_sync::{Barrier, BarrierError, Condition, Event, Lock, Mutex, Semaphore};
use interlock_wait::{Deadline, WaitContext};
use woken::Woken;

fn poll<F: Future>(future: &mut Pin<&mut F>, woken: &Arc<Woken>) -> Poll<F::Output> {
    woken.poll(future.as_mut())
}

#[test]
fn a_task_gets_the_value_of_a_mutex_when_it_is_free() {
    let (mutex, woken) = (Mutex::new(1), Arc::default());
    let guard = mutex.lock();
    let mut locking = pin!(mutex.lock_async());
    assert!(poll(&mut locking, &woken).is_pending());
    assert!(poll(&mut locking, &woken).is_pending(), "it keeps its place");
    assert_eq!(woken.times(), 0);
    drop(guard);
    assert_eq!(woken.times(), 1);
    let Poll::Ready(mut value) = poll(&mut locking, &woken) else {
        panic!("the mutex is free");
    };
    *value += 1;
    assert!(poll(&mut locking, &woken).is_pending(), "it is done");
    drop(value);
    assert!(mutex.try_lock().is_ok_and(|value| *value == 2));
}

#[test]
fn a_task_whose_lock_was_taken_again_waits_for_the_next_release() {
    let (lock, woken) = (Lock::new(), Arc::default());
    let guard = lock.guard();
    let mut guarding = pin!(lock.guard_async());
    assert!(poll(&mut guarding, &woken).is_pending());
    drop(guard);
    let guard = lock.guard();
    assert!(poll(&mut guarding, &woken).is_pending());
    drop(guard);
    assert_eq!(woken.times(), 2);
    assert!(poll(&mut guarding, &woken).is_ready());
}

#[test]
fn a_release_goes_to_a_thread_behind_a_task_that_is_not_polled() {
    let (lock, woken) = (Lock::new(), Arc::default());
    let guard = lock.guard();
    let mut guarding = pin!(lock.guard_async());
    assert!(poll(&mut guarding, &woken).is_pending());
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| drop(lock.guard()));
        drop(guard);
        thread.join().unwrap();
    });
    assert!(poll(&mut guarding, &woken).is_ready());
}

/// C371
#[test]
fn a_permit_goes_to_a_thread_behind_a_task_that_is_not_polled() {
    let (permits, woken) = (Semaphore::new(0), Arc::default());
    let (mut first, mut second) = (pin!(permits.acquire_async()), pin!(permits.acquire_async()));
    assert!(poll(&mut first, &woken).is_pending() && poll(&mut second, &woken).is_pending());
    for count in 1..4 {
        let sleeps = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| {
                    let mut host = Counts(&sleeps);
                    permits.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
                });
            }
            eventually(|| sleeps.load(Ordering::SeqCst) == count);
            permits.release_many(count - 1).unwrap();
            permits.release().unwrap();
        });
        assert_eq!(permits.permits(), 0);
    }
    permits.release_many(2).unwrap();
    assert!(poll(&mut first, &woken).is_ready() && poll(&mut second, &woken).is_ready());
}

#[test]
fn a_task_that_is_dropped_passes_on_what_it_was_notified_of() {
    let (lock, permits, woken) = (Lock::new(), Semaphore::new(0), Arc::default());
    let guard = lock.guard();
    {
        let mut guarding = pin!(lock.guard_async());
        let mut permitting = pin!(permits.guard_async());
        assert!(poll(&mut guarding, &woken).is_pending() && poll(&mut permitting, &woken).is_pending());
        let (next_lock, next_permit) = (Arc::default(), Arc::default());
        let mut other = pin!(permits.guard_async());
        assert!(poll(&mut other, &next_permit).is_pending());
        drop(guard);
        permits.release().unwrap();
        assert_eq!((woken.times(), next_permit.times()), (2, 0));
        permitting.set(permits.guard_async());
        assert_eq!(next_permit.times(), 1);
        assert!(poll(&mut other, &next_permit).is_ready());
        // A future on the thread that owns the lock is dropped: the lock stays with its owner.
        let kept = lock.guard();
        guarding.set(lock.guard_async());
        assert!(lock.is_locked() && poll(&mut guarding, &next_lock).is_pending());
        drop(kept);
        assert_eq!(next_lock.times(), 1);
    }
    assert!(lock.try_acquire().is_ok());
    assert_eq!(permits.permits(), 1);
}

#[test]
fn a_task_passes_an_event_that_was_set_meanwhile() {
    let (event, woken) = (Event::new(), Arc::default());
    let mut waiting = pin!(event.wait_async());
    assert!(poll(&mut waiting, &woken).is_pending());
    event.set();
    event.clear();
    assert_eq!((woken.times(), poll(&mut waiting, &woken)), (1, Poll::Ready(())));
    {
        let mut waiting = pin!(event.wait_async());
        assert!(poll(&mut waiting, &woken).is_pending());
    }
    assert_eq!(event.waiting(), 0, "a future that is dropped leaves the line");
}

#[test]
fn what_a_task_acquires_without_a_guard_is_released_by_a_call() {
    let (lock, permits, woken) = (Lock::new(), Semaphore::new(1), Arc::default());
    lock.acquire();
    permits.acquire();
    let (mut locking, mut permitting) = (pin!(lock.acquire_async()), pin!(permits.acquire_async()));
    assert!(poll(&mut locking, &woken).is_pending() && poll(&mut permitting, &woken).is_pending());
    lock.release().unwrap();
    permits.release().unwrap();
    assert_eq!(woken.times(), 2);
    assert!(poll(&mut locking, &woken).is_ready() && poll(&mut permitting, &woken).is_ready());
    assert!(lock.is_locked() && permits.permits() == 0);
    lock.release().unwrap();
    permits.release().unwrap();
}

#[test]
fn a_task_has_the_mutex_again_after_a_notification() {
    let (mutex, changed, woken) = (Mutex::new(0), Condition::new(), Arc::default());
    let mut waiting = pin!(changed.wait_async(mutex.lock()));
    assert!(mutex.is_locked(), "until the first poll");
    assert!(poll(&mut waiting, &woken).is_pending());
    let mut guard = mutex.lock();
    *guard = 1;
    changed.notify_one();
    assert_eq!(woken.times(), 1);
    assert!(
        poll(&mut waiting, &woken).is_pending(),
        "the mutex is not free yet"
    );
    drop(guard);
    assert_eq!(woken.times(), 2);
    let Poll::Ready(value) = poll(&mut waiting, &woken) else {
        panic!("the mutex is free");
    };
    assert!(*value == 1 && mutex.is_locked() && poll(&mut waiting, &woken).is_pending());
}

#[test]
fn a_task_that_is_dropped_passes_on_the_notification_of_a_change() {
    let (mutex, changed) = (Mutex::new(()), Condition::new());
    for has_seen_it in [false, true] {
        let (woken, next_woken) = (Arc::default(), Arc::default());
        let mut next = {
            let mut first = pin!(changed.wait_async(mutex.lock()));
            assert!(poll(&mut first, &woken).is_pending());
            let mut second = Box::pin(changed.wait_async(mutex.lock()));
            assert!(poll(&mut second.as_mut(), &next_woken).is_pending());
            let guard = mutex.lock();
            changed.notify_one();
            assert_eq!((woken.times(), next_woken.times()), (1, 0));
            assert!(
                !has_seen_it || poll(&mut first, &woken).is_pending(),
                "the mutex is taken"
            );
            drop(guard);
            second
        };
        assert_eq!(next_woken.times(), 1);
        assert!(poll(&mut next.as_mut(), &next_woken).is_ready());
    }
}

#[test]
fn threads_and_tasks_pass_a_barrier_together() {
    let (barrier, woken) = (Barrier::new(3), Arc::default());
    for _ in 0..2 {
        let (mut first, mut last) = (pin!(barrier.wait_async()), pin!(barrier.wait_async()));
        assert!(poll(&mut first, &woken).is_pending());
        assert!(poll(&mut first, &woken).is_pending(), "it arrives once");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| barrier.wait());
            while barrier.waiting() < 2 {
                std::thread::yield_now();
            }
            assert_eq!(poll(&mut last, &woken), Poll::Ready(Ok(2)));
            assert_eq!(thread.join().unwrap(), Ok(1));
        });
        assert_eq!(poll(&mut first, &woken), Poll::Ready(Ok(0)));
    }
    assert_eq!(woken.times(), 2);
}

#[test]
fn a_task_that_gives_up_breaks_the_barrier() {
    let (barrier, woken) = (Barrier::new(3), Arc::default());
    let mut waiting = pin!(barrier.wait_async());
    assert!(poll(&mut waiting, &woken).is_pending());
    {
        let mut leaving = pin!(barrier.wait_async());
        drop(barrier.wait_async());
        assert!(poll(&mut leaving, &woken).is_pending() && !barrier.is_broken());
    }
    assert!(barrier.is_broken());
    assert_eq!(poll(&mut waiting, &woken), Poll::Ready(Err(BarrierError::Broken)));
    let mut late = pin!(barrier.wait_async());
    assert_eq!(poll(&mut late, &woken), Poll::Ready(Err(BarrierError::Broken)));
}

#[test]
fn a_task_that_comes_early_arrives_in_the_next_round() {
    let (barrier, woken) = (Barrier::new(1), Arc::default());
    let mut early = pin!(barrier.wait_async());
    let arrival = barrier.arrive_with(&mut WaitContext::endless());
    assert!(arrival.is_ok() && poll(&mut early, &woken).is_pending());
    barrier.open().unwrap();
    assert_eq!(woken.times(), 1);
    assert_eq!(poll(&mut early, &woken), Poll::Ready(Ok(0)));
}
