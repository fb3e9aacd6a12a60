//! `Condition`: notified waiters take the lock one after the other, and each notification reaches a waiter that uses
//! it.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Runs, eventually};
use interlock_sync::host::NotifiesWith;
use interlock_sync::{Condition, Lock, NotHeld, RLock};
use interlock_wait::{Deadline, WaitContext, Wake};

#[test]
fn a_notification_wakes_as_many_waiters_as_asked() {
    let (lock, condition) = (Lock::new(), Condition::new());
    let woken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                lock.acquire();
                let wake = condition.wait_with(&lock, &mut WaitContext::endless());
                assert_eq!(wake, Ok(Wake::Notified));
                woken.fetch_add(1, Ordering::SeqCst);
                lock.release().unwrap();
            });
        }
        for (waiting, count) in [(5, 2), (3, 1), (2, usize::MAX)] {
            eventually(|| condition.waiting() == waiting);
            lock.acquire();
            condition.notify_with(&lock, count);
            assert_eq!(
                woken.load(Ordering::SeqCst),
                5 - waiting,
                "no waiter wakes while the lock is held"
            );
            lock.release().unwrap();
            eventually(|| woken.load(Ordering::SeqCst) == 5 - waiting.saturating_sub(count));
        }
    });
}

#[test]
fn a_notification_without_the_lock_wakes_too() {
    let (lock, condition) = (Lock::new(), Condition::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            lock.acquire();
            condition.wait_with(&lock, &mut WaitContext::endless()).unwrap();
            lock.release().unwrap();
        });
        eventually(|| condition.waiting() == 1);
        condition.notify_with(&lock, 1);
    });
}

#[test]
fn a_wait_that_times_out_has_the_lock_again() {
    let (lock, condition) = (RLock::new(), Condition::new());
    lock.acquire();
    lock.acquire();
    let deadline = Deadline::after(Duration::from_millis(5));
    let wake = condition.wait_with(&lock, &mut WaitContext::until(deadline));
    assert_eq!((wake, condition.waiting()), (Ok(Wake::TimedOut), 0));
    assert_eq!(lock.recursion_count(), 2);
}

#[test]
fn a_wait_that_is_interrupted_has_the_lock_again_and_passes_its_notification_on() {
    let (lock, condition) = (Lock::new(), Condition::new());
    std::thread::scope(|scope| {
        lock.acquire();
        let mut host = Runs(|| {
            // While this thread is in its wait, a second waiter lines up, and one notification is sent.
            if condition.waiting() == 1 {
                scope.spawn(|| {
                    lock.acquire();
                    condition.wait_with(&lock, &mut WaitContext::endless()).unwrap();
                    lock.release().unwrap();
                });
                eventually(|| condition.waiting() == 2);
                condition.notify_with(&lock, 1);
            }
            true
        });
        // The lock is free while the host runs, so the notification wakes this waiter at once. The host then ends its
        // wait.
        let wake = condition.wait_with(&lock, &mut WaitContext::hosted(Deadline::NEVER, &mut host));
        assert_eq!(wake, Ok(Wake::Interrupted));
        assert!(lock.is_locked());
        lock.release().unwrap();
    });
    assert!(condition.waiting() == 0 && !lock.is_locked());
}

#[test]
fn a_condition_has_one_lock_at_a_time() {
    let (condition, lock, other) = (Condition::new(), Lock::new(), Lock::new());
    other.acquire();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            lock.acquire();
            condition.wait_with(&lock, &mut WaitContext::endless()).unwrap();
            lock.release().unwrap();
        });
        eventually(|| condition.waiting() == 1);
        let mut context = WaitContext::until(Deadline::PASSED);
        let wait = || condition.wait_with(&other, &mut context);
        assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());
        assert!(other.is_locked(), "the wait has not begun");
        assert!(catch_unwind(AssertUnwindSafe(|| condition.notify_with(&other, 1))).is_err());
        condition.notify_with(&lock, 1);
    });
    // No thread waits now, so it can be used with another lock.
    let wake = condition.wait_with(&other, &mut WaitContext::until(Deadline::PASSED));
    assert_eq!(wake, Ok(Wake::TimedOut));
}

#[test]
fn a_wait_needs_the_lock() {
    let condition = Condition::new();
    let wake = condition.wait_with(&Lock::new(), &mut WaitContext::endless());
    assert_eq!(wake, Err(NotHeld));
    let wake = condition.wait_with(&RLock::new(), &mut WaitContext::endless());
    assert_eq!((wake, condition.waiting()), (Err(NotHeld), 0));
}

#[test]
fn eight_threads_pass_tokens_round() {
    const ROUNDS: usize = 500;
    let (lock, condition, turn) = (RLock::new(), Condition::new(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for index in 0..8 {
            let (lock, condition, turn) = (&lock, &condition, &turn);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    lock.acquire();
                    while turn.load(Ordering::Relaxed) % 8 != index {
                        let deadline = if round % 2 == 0 {
                            Deadline::NEVER
                        } else {
                            Deadline::after(Duration::from_micros(20))
                        };
                        condition
                            .wait_with(lock, &mut WaitContext::until(deadline))
                            .unwrap();
                    }
                    turn.fetch_add(1, Ordering::Relaxed);
                    condition.notify_with(lock, usize::MAX);
                    lock.release().unwrap();
                }
            });
        }
    });
    assert_eq!(turn.load(Ordering::Relaxed), 8 * ROUNDS);
}
