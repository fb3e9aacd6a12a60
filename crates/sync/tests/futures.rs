//! Tasks that wait for locks, permits and events.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use interlock_sync::{Event, Lock, Mutex, Semaphore};

/// Counts how often its task was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future>(future: &mut Pin<&mut F>, woken: &Arc<Woken>) -> Poll<F::Output> {
    let waker = Waker::from(woken.clone());
    future.as_mut().poll(&mut Context::from_waker(&waker))
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
