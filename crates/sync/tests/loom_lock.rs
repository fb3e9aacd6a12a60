//! Loom models of `Lock` and `RLock`. `PROTOCOL.md` names the tests beside its claims.

#![cfg(loom)]
#![expect(unsafe_code, reason = "loom's cells are reached by pointers")]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/hosts/mod.rs"]
mod hosts;
#[path = "../../wait/tests/model/mod.rs"]
mod model;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use hosts::Stops;
use interlock_sync::{Lock, RLock, WaitError};
use interlock_wait::model::set_deadlines_passed;
use interlock_wait::{Deadline, Host, Slept, WaitContext};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

/// A lock and plain memory. Loom fails if two threads use it at once, or if one does not see the other's writes.
#[derive(Default)]
struct Guarded {
    lock: Lock,
    plain: UnsafeCell<u32>,
}

impl Guarded {
    /// Adds one under the lock, if the lock can be acquired.
    fn add(&self, context: &mut WaitContext<'_>) -> Result<(), WaitError> {
        self.lock.acquire_with(context)?;
        self.add_with_lock();
        Ok(())
    }

    fn add_with_lock(&self) {
        // SAFETY: the lock is held; the model checks that this suffices.
        self.plain.with_mut(|plain| unsafe { *plain += 1 });
        self.lock.release().unwrap();
    }

    fn sum(&self) -> u32 {
        assert!(!self.lock.is_locked());
        // SAFETY: the other threads have ended.
        self.plain.with(|plain| unsafe { *plain })
    }
}

fn start<T: 'static>(guarded: &Arc<Guarded>, body: impl FnOnce(&Guarded) -> T + 'static) -> JoinHandle<T> {
    let guarded = guarded.clone();
    thread::spawn(move || body(&guarded))
}

/// This thread holds the lock at first. One of two other threads runs `leave`, the other waits for the lock.
fn three_threads(leave: fn(&Guarded) -> Result<(), WaitError>) {
    model::check_bounded(3, move || {
        let guarded = Arc::new(Guarded::default());
        assert!(guarded.lock.try_acquire().is_ok());
        let leaver = start(&guarded, leave);
        let stayer = start(&guarded, |guarded| guarded.add(&mut WaitContext::endless()));
        guarded.add_with_lock();
        let added = leaver.join().unwrap().is_ok();
        assert_eq!(stayer.join().unwrap(), Ok(()));
        assert_eq!(guarded.sum(), 2 + u32::from(added));
    });
}

fn stays(guarded: &Guarded) -> Result<(), WaitError> {
    guarded.add(&mut WaitContext::endless())
}

fn times_out(guarded: &Guarded) -> Result<(), WaitError> {
    guarded.add(&mut WaitContext::until(Deadline::PASSED))
}

fn is_interrupted(guarded: &Guarded) -> Result<(), WaitError> {
    let mut host = Stops::at_once();
    guarded.add(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
}

fn is_interrupted_in_a_sleep(guarded: &Guarded) -> Result<(), WaitError> {
    let mut host = Stops::after_a_sleep();
    guarded.add(&mut WaitContext::hosted(Deadline::PASSED, &mut host))
}

#[test]
fn a_lock_excludes_and_every_waiter_gets_it() {
    three_threads(stays);
}

#[test]
fn a_waiter_on_its_way_is_enough() {
    for leave in [stays, is_interrupted] {
        set_deadlines_passed(false);
        model::check_bounded(2, move || {
            let guarded = Arc::new(Guarded::default());
            assert!(guarded.lock.try_acquire().is_ok());
            let first = start(&guarded, leave);
            let second = start(&guarded, stays);
            guarded.add_with_lock();
            // Perhaps before the waiter that this release has notified.
            let again = guarded.lock.try_acquire().is_ok();
            if again {
                guarded.add_with_lock();
            }
            let added = first.join().unwrap().is_ok();
            assert_eq!(second.join().unwrap(), Ok(()));
            assert_eq!(guarded.sum(), 2 + u32::from(again) + u32::from(added));
        });
    }
}

#[test]
fn a_lock_that_is_handed_over_has_one_owner() {
    set_deadlines_passed(true);
    three_threads(stays);
}

#[test]
fn a_release_is_not_lost_when_a_waiter_times_out() {
    three_threads(times_out);
    set_deadlines_passed(true);
    three_threads(times_out);
}

#[test]
fn a_release_is_not_lost_when_a_waiter_is_interrupted() {
    for leave in [is_interrupted, is_interrupted_in_a_sleep] {
        set_deadlines_passed(false);
        three_threads(leave);
        set_deadlines_passed(true);
        three_threads(leave);
    }
}

#[test]
fn a_lock_does_not_rest_with_a_task_that_is_polled_once() {
    for hands_over in [false, true] {
        set_deadlines_passed(hands_over);
        model::check_bounded(3, || {
            let guarded = Arc::new(Guarded::default());
            assert!(guarded.lock.try_acquire().is_ok());
            let task = start(&guarded, |guarded| {
                let mut guarding = pin!(guarded.lock.guard_async());
                // If it gets a guard, it is dropped here; otherwise the future leaves the line.
                let _ = guarding.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            });
            let thread = start(&guarded, stays);
            guarded.add_with_lock();
            task.join().unwrap();
            assert_eq!(thread.join().unwrap(), Ok(()));
            assert_eq!(guarded.sum(), 2);
        });
    }
}

#[test]
fn a_signal_handler_can_take_the_lock_that_its_thread_waits_for() {
    struct Handler(Arc<Guarded>);

    impl Host for Handler {
        fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            if !matches!(rest(), Slept::Notified(_)) {
                assert_eq!(self.0.add(&mut WaitContext::endless()), Ok(()));
            }
            false
        }

        fn hears_signals(&self) -> bool {
            true
        }
    }

    for hands_over in [false, true] {
        set_deadlines_passed(hands_over);
        model::check_bounded(4, || {
            let guarded = Arc::new(Guarded::default());
            assert!(guarded.lock.try_acquire().is_ok());
            let waiter = {
                let guarded = guarded.clone();
                thread::spawn(move || {
                    let mut host = Handler(guarded.clone());
                    let _ = guarded.add(&mut WaitContext::hosted(Deadline::PASSED, &mut host));
                })
            };
            guarded.add_with_lock();
            waiter.join().unwrap();
            guarded.sum();
        });
    }
}

#[test]
fn a_reentrant_lock_excludes_and_is_released_as_often_as_it_was_acquired() {
    for hands_over in [false, true] {
        set_deadlines_passed(hands_over);
        model::check_bounded(3, || {
            let shared = Arc::new((RLock::new(), UnsafeCell::new(0)));
            let body = |(lock, plain): &(RLock, UnsafeCell<u32>)| {
                lock.acquire();
                lock.acquire();
                lock.release().unwrap();
                // SAFETY: the lock is still held once; the model checks that this suffices.
                plain.with_mut(|plain| unsafe { *plain += 1 });
                lock.release().unwrap();
            };
            let other = {
                let shared = shared.clone();
                thread::spawn(move || body(&shared))
            };
            body(&shared);
            other.join().unwrap();
            assert!(!shared.0.is_locked());
        });
    }
}
