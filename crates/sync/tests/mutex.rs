//! `Mutex`: a lock with a value in it, and waiting for the value to change.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use common::{Runs, eventually};
use interlock_sync::{Barrier, Condition, Event, Lock, Mutex, RLock, Semaphore, WaitError};
use interlock_wait::{Deadline, WaitContext, Wake};

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(5))
}

#[test]
fn one_thread_at_a_time_holds_the_value() {
    let mutex = Mutex::new(0_u64);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    *mutex.lock() += 1;
                }
            });
        }
    });
    assert_eq!(mutex.into_inner(), 40_000);
}

#[test]
fn a_wait_for_a_value_ends_at_its_deadline() {
    let mut mutex = Mutex::from(1);
    let kept = mutex.lock();
    assert!(mutex.try_lock().is_none() && mutex.is_locked());
    assert_eq!(mutex.lock_until(soon()).err(), Some(WaitError::TimedOut));
    let mut host = Runs(|| true);
    let result = mutex.lock_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    assert_eq!(result.err(), Some(WaitError::Interrupted));
    drop(kept);
    assert!(mutex.lock_until(Deadline::PASSED).is_ok_and(|value| *value == 1));
    *mutex.get_mut() += 1;
    assert_eq!(mutex.try_lock().map(|value| *value), Some(2));
}

#[test]
fn a_panic_releases_the_value_and_does_not_change_it() {
    let mutex = Mutex::new(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        *mutex.lock() = 2;
        let _kept = mutex.lock();
        resume_unwind(Box::new("a panic that the test asked for"));
    }));
    assert!(panicked.is_err());
    assert_eq!(mutex.try_lock().map(|value| *value), Some(2));
}

#[test]
fn a_wait_releases_the_value_and_takes_it_back() {
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| *changed.wait(mutex.lock()));
        eventually(|| changed.waiting() == 1);
        let mut value = mutex.lock();
        changed.notify_one(&value);
        *value = 7;
        drop(value);
        assert_eq!(waiter.join().unwrap(), 7);
    });
    assert!(!mutex.is_locked());
}

#[test]
fn all_waiters_continue_once_the_value_is_there() {
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut value = changed.wait_while(mutex.lock(), |value| *value == 0);
                *value += 1;
            });
        }
        eventually(|| changed.waiting() == 4);
        // A notification without a change does not end a wait.
        changed.notify_all(&mutex.lock());
        eventually(|| changed.waiting() == 4);
        let mut value = mutex.lock();
        *value = 1;
        changed.notify_all(&value);
    });
    assert_eq!(mutex.into_inner(), 5);
}

#[test]
fn a_wait_for_a_change_ends_at_its_deadline_and_takes_the_value_back() {
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    let (mut value, wake) = changed.wait_until(mutex.lock(), soon());
    assert_eq!(wake, Wake::TimedOut);
    *value += 1;
    let (mut value, result) = changed.wait_while_until(value, soon(), |value| *value < 2);
    assert_eq!(result, Err(WaitError::TimedOut));
    assert!(mutex.is_locked() && changed.waiting() == 0);
    *value += 1;
    let (value, result) = changed.wait_while_until(value, Deadline::PASSED, |value| *value < 2);
    assert_eq!((*value, result), (2, Ok(())));
}

#[test]
fn debug_output_shows_the_state() {
    let mutex = Mutex::new(1);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 1 }");
    let value = mutex.lock();
    assert_eq!(format!("{mutex:?} {value:?}"), "Mutex { value: <locked> } 1");
    let lock = Lock::new();
    assert_eq!(format!("{lock:?}"), "Lock { owner: None }");
    assert!(format!("{:?} {lock:?}", lock.guard()).contains("owner: Some(ThreadIdent("));
    assert_eq!(format!("{:?}", RLock::new()), "RLock { owner: None, count: 0 }");
    assert_eq!(format!("{:?}", Condition::new()), "Condition { waiting: 0 }");
    assert_eq!(format!("{:?}", Semaphore::new(2)), "Semaphore { permits: 2, .. }");
    assert_eq!(format!("{:?}", Event::new()), "Event { is_set: false }");
    let shown = format!("{:?}", Barrier::new(2));
    assert_eq!(shown, "Barrier { parties: 2, waiting: 0, is_broken: false }");
}
