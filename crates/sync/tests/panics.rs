//! Hosts that panic in a wait: nothing is left in line, and the waiter's lock, permit or notification goes to the
//! next.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Counts, eventually, panics_in};
use interlock_sync::host::{NotifiesWith, Stepwise};
use interlock_sync::{Barrier, Condition, Event, Lock, Mutex, RLock, Semaphore};
use interlock_wait::{Deadline, WaitContext};

#[test]
fn a_lock_is_not_given_to_a_thread_that_has_panicked() {
    // The host is the only other user of the lock, so its release hands the lock over to the thread, at first.
    for given in [false, true] {
        let lock = Lock::new();
        lock.acquire();
        panics_in(
            |context| lock.acquire_with(context),
            || given.then(|| lock.release()),
        );
        assert_eq!(lock.is_locked(), !given);
        assert_eq!(lock.try_acquire().is_ok(), given);
        lock.release().unwrap();
        assert!(!lock.is_locked(), "nobody is in line");
    }
}

#[test]
fn a_lock_goes_to_the_next_in_line_when_the_first_has_panicked() {
    let (lock, sleeps) = (Lock::new(), AtomicUsize::new(0));
    for round in 0..3 {
        lock.acquire();
        std::thread::scope(|scope| {
            panics_in(
                |context| lock.acquire_with(context),
                || {
                    scope.spawn(|| {
                        let mut host = Counts(&sleeps);
                        let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
                        lock.acquire_with(&mut context).unwrap();
                        lock.release().unwrap();
                    });
                    eventually(|| sleeps.load(Ordering::SeqCst) > round);
                    lock.release()
                },
            );
        });
        assert!(!lock.is_locked());
    }
}

#[test]
fn a_reentrant_lock_survives_a_panic() {
    let lock = RLock::new();
    let guard = lock.guard();
    std::thread::scope(|scope| {
        scope.spawn(|| panics_in(|context| lock.acquire_with(context), || ()));
    });
    drop(guard);
    assert!(lock.try_acquire().is_ok());
}

#[test]
fn a_permit_is_not_lost_when_its_waiter_panics() {
    for given in [0, 1] {
        let semaphore = Semaphore::new(0);
        panics_in(
            |context| semaphore.acquire_with(context),
            || semaphore.release_many(given),
        );
        assert_eq!(semaphore.permits(), given);
        semaphore.release().unwrap();
        semaphore.acquire();
        assert_eq!(semaphore.permits(), given);
    }
}

#[test]
fn a_permit_goes_to_the_next_in_line_when_the_first_has_panicked() {
    let (semaphore, sleeps) = (Semaphore::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        panics_in(
            |context| semaphore.acquire_with(context),
            || {
                scope.spawn(|| {
                    let mut host = Counts(&sleeps);
                    semaphore.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
                });
                eventually(|| sleeps.load(Ordering::SeqCst) > 0);
                semaphore.release()
            },
        );
    });
    assert_eq!(semaphore.permits(), 0);
}

#[test]
fn an_event_forgets_a_waiter_that_has_panicked() {
    let event = Event::new();
    for set in [false, true] {
        panics_in(|context| event.wait_with(context), || set.then(|| event.set()));
        assert_eq!((event.waiting(), event.is_set()), (0, set));
    }
}

#[test]
fn a_party_that_panics_breaks_the_barrier() {
    let barrier = Barrier::new(2);
    panics_in(|context| barrier.arrive_with(context), || ());
    assert!(barrier.is_broken());
    barrier.reset();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| barrier.wait().unwrap());
        }
    });
}

#[test]
fn an_early_party_that_panics_does_not_break_the_round() {
    let barrier = Barrier::new(1);
    let _leads = barrier.arrive_with(&mut WaitContext::endless()).unwrap();
    panics_in(|context| barrier.arrive_with(context), || ());
    assert_eq!(barrier.open(), Ok(()));
    assert_eq!(barrier.wait(), Ok(0));
}

#[test]
fn a_condition_takes_the_lock_back_before_a_panic_comes_out() {
    for notified in [0, 1] {
        let (lock, condition) = (RLock::new(), Condition::new());
        lock.acquire();
        lock.acquire();
        panics_in(
            |context| condition.wait_with(&lock, context),
            || condition.notify_with(&lock, notified),
        );
        assert_eq!((lock.recursion_count(), condition.waiting()), (2, 0));
    }
}

#[test]
fn a_notification_goes_to_the_next_waiter_when_the_first_has_panicked() {
    let (lock, condition) = (Lock::new(), Condition::new());
    std::thread::scope(|scope| {
        lock.acquire();
        panics_in(
            |context| condition.wait_with(&lock, context),
            || {
                scope.spawn(|| {
                    lock.acquire();
                    condition.wait_with(&lock, &mut WaitContext::endless()).unwrap();
                    lock.release().unwrap();
                });
                eventually(|| condition.waiting() == 2);
                condition.notify_with(&lock, 1);
            },
        );
        assert!(lock.is_locked());
        lock.release().unwrap();
    });
    assert!(!lock.is_locked() && condition.waiting() == 0);
}

#[test]
fn a_mutex_survives_a_panic_in_a_wait_for_it() {
    let mutex = Mutex::new(0);
    let guard = mutex.lock();
    panics_in(|context| mutex.lock_with(context).map(drop), || ());
    drop(guard);
    assert!(mutex.try_lock().is_ok_and(|value| *value == 0));
}
