//! Guards: they release a lock or permit at the end of a scope, and no earlier.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use common::Runs;
use interlock_sync::{Event, Lock, RLock, Semaphore, WaitError};
use interlock_wait::{Deadline, WaitContext};

const SOON: Duration = Duration::from_millis(5);

fn soon() -> Deadline {
    Deadline::after(SOON)
}

#[test]
fn a_guard_releases_its_lock_or_permit() {
    let (lock, reentrant, permits) = (Lock::new(), RLock::new(), Semaphore::bounded(1, 1));
    {
        let _guards = (
            lock.guard(),
            reentrant.guard(),
            reentrant.guard(),
            permits.guard(),
        );
        assert!(lock.try_guard().is_err() && permits.try_guard().is_err());
        assert_eq!(reentrant.recursion_count(), 2);
    }
    assert!(!lock.is_locked() && !reentrant.is_locked());
    assert_eq!(permits.permits(), 1);
    assert!(lock.try_guard().is_ok() && reentrant.try_guard().is_ok() && permits.try_guard().is_ok());
    assert!(!lock.is_locked() && !reentrant.is_locked());
}

#[test]
fn a_failed_acquisition_releases_nothing() {
    let (lock, permits) = (Lock::new(), Semaphore::new(0));
    let kept = lock.guard();
    let result = lock.guard_with(&mut WaitContext::until(soon()));
    assert_eq!(result.err(), Some(WaitError::TimedOut));
    let mut host = Runs(|| true);
    let result = permits.guard_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    assert_eq!(result.err(), Some(WaitError::Interrupted));
    assert!(lock.acquire_timeout(SOON).is_err() && lock.guard_timeout(SOON).is_err());
    let soon = Instant::now() + SOON;
    assert!(permits.acquire_deadline(soon).is_err() && permits.guard_deadline(soon).is_err());
    assert!(lock.is_locked());
    assert_eq!(permits.permits(), 0);
    drop(kept);
    assert!(lock.guard_timeout(Duration::ZERO).is_ok() && lock.guard_deadline(soon).is_ok());
    assert!(lock.guard_with(&mut WaitContext::until(Deadline::PASSED)).is_ok());
}

#[test]
fn a_thread_waits_for_a_reentrant_guard_of_another_thread() {
    let lock = RLock::new();
    let kept = lock.guard();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(lock.acquire_timeout(SOON).is_err());
            let result = lock.guard_with(&mut WaitContext::until(soon()));
            assert_eq!(result.err(), Some(WaitError::TimedOut));
        });
    });
    assert!(lock.guard_with(&mut WaitContext::until(Deadline::PASSED)).is_ok());
    drop(kept);
    assert!(!lock.is_locked());
}

#[test]
fn a_panic_releases_the_lock_of_a_guard() {
    let lock = Lock::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _guard = lock.guard();
        resume_unwind(Box::new("a panic that the test asked for"));
    }));
    assert!(panicked.is_err() && !lock.is_locked());
}

#[test]
fn guards_of_a_permit_and_a_lock_can_move_to_another_thread() {
    let (lock, permits, taken) = (Lock::new(), Semaphore::new(1), Event::new());
    std::thread::scope(|scope| {
        let guards = (lock.guard(), permits.guard());
        scope.spawn(|| {
            let _guards = guards;
            taken.wait();
        });
        assert!(lock.is_locked() && permits.try_guard().is_err());
        taken.set();
    });
    assert!(!lock.is_locked() && permits.permits() == 1);
}

#[test]
fn a_forgotten_guard_does_not_release() {
    let lock = Lock::new();
    std::mem::forget(lock.guard());
    assert!(lock.is_locked());
    assert_eq!(lock.release(), Ok(()));
    // A guard whose lock has been released by a call does nothing.
    let guard = lock.guard();
    assert_eq!(lock.release(), Ok(()));
    drop(guard);
    assert!(!lock.is_locked());
}
