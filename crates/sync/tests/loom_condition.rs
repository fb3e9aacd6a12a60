//! Loom models of `Condition`. `PROTOCOL.md` names the tests beside its claims.

#![cfg(loom)]
#![expect(unsafe_code, reason = "loom's cells are reached by pointers")]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/hosts/mod.rs"]
mod hosts;
#[path = "../../wait/tests/model/mod.rs"]
mod model;
#[path = "../../wait/tests/woken/mod.rs"]
mod woken;

use std::pin::pin;

use hosts::Stops;
use interlock_sync::host::{NotifiesWith, Restore};
use interlock_sync::{Condition, Lock, Mutex, NotHeld, RLock};
use interlock_wait::model::set_deadlines_passed;
use interlock_wait::{Deadline, WaitContext, Wake};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};
use woken::Woken;

/// Tokens under a lock, with a condition for threads that wait for one.
#[derive(Default)]
struct Tokens {
    lock: Lock,
    some: Condition,
    there: UnsafeCell<u32>,
}

impl Tokens {
    /// Changes the number of tokens. The caller holds the lock.
    fn change(&self, change: impl FnOnce(&mut u32)) {
        // SAFETY: the lock is held; the model checks that this suffices.
        self.there.with_mut(|there| change(unsafe { &mut *there }));
    }

    fn there(&self) -> u32 {
        let mut number = 0;
        self.change(|there| number = *there);
        number
    }

    fn give(&self, count: u32) {
        self.lock.acquire();
        self.change(|there| *there += count);
        self.some.notify_with(&self.lock, count as usize);
        self.lock.release().unwrap();
    }

    fn take(&self) {
        self.lock.acquire();
        while self.there() == 0 {
            let wake = self.some.wait_with(&self.lock, &mut WaitContext::endless());
            assert_eq!(wake, Ok(Wake::Notified));
        }
        self.change(|there| *there -= 1);
        self.lock.release().unwrap();
    }

    /// Waits at most once, and passes a notification on without taking a token.
    fn look(&self, context: &mut WaitContext<'_>) {
        self.lock.acquire();
        if self.there() == 0 && self.some.wait_with(&self.lock, context) == Ok(Wake::Notified) {
            self.some.notify_with(&self.lock, 1);
        }
        self.lock.release().unwrap();
    }
}

fn start<S: 'static>(shared: &Arc<S>, body: impl FnOnce(&S) + 'static) -> JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || body(&shared))
}

fn with_and_without_hand_over(model: impl Fn()) {
    for hands_over in [false, true] {
        set_deadlines_passed(hands_over);
        model();
    }
}

#[test]
fn a_notified_waiter_takes_the_lock_in_its_turn() {
    with_and_without_hand_over(|| {
        model::check_bounded(4, || {
            let tokens = Arc::new(Tokens::default());
            let taker = start(&tokens, Tokens::take);
            tokens.give(1);
            taker.join().unwrap();
            assert!(!tokens.lock.is_locked() && tokens.some.waiting() == 0);
        });
    });
}

#[test]
fn waiters_that_are_notified_together_take_the_lock_one_after_the_other() {
    with_and_without_hand_over(|| {
        model::check_bounded(2, || {
            let tokens = Arc::new(Tokens::default());
            let takers = [(); 2].map(|()| start(&tokens, Tokens::take));
            tokens.give(2);
            takers.into_iter().for_each(|taker| taker.join().unwrap());
            assert!(!tokens.lock.is_locked() && tokens.some.waiting() == 0);
        });
    });
}

/// Of two threads, one runs `leave` and gives up, the other waits until it has the only token.
fn one_leaves(leave: fn(&Tokens)) {
    with_and_without_hand_over(|| {
        model::check_bounded(2, move || {
            let tokens = Arc::new(Tokens::default());
            let leaver = start(&tokens, leave);
            let taker = start(&tokens, Tokens::take);
            tokens.give(1);
            leaver.join().unwrap();
            taker.join().unwrap();
            assert!(!tokens.lock.is_locked() && tokens.some.waiting() == 0);
        });
    });
}

#[test]
fn a_notification_is_not_lost_when_a_waiter_times_out() {
    one_leaves(|tokens| tokens.look(&mut WaitContext::until(Deadline::PASSED)));
}

#[test]
fn a_notification_is_not_lost_when_a_waiter_is_interrupted() {
    one_leaves(|tokens| {
        let mut host = Stops::at_once();
        tokens.look(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    });
    one_leaves(|tokens| {
        let mut host = Stops::after_a_sleep();
        tokens.look(&mut WaitContext::hosted(Deadline::PASSED, &mut host));
    });
}

#[test]
fn a_wait_without_the_lock_leaves_nothing_behind() {
    with_and_without_hand_over(|| {
        model::check_bounded(4, || {
            let shared = Arc::new((RLock::new(), Condition::new()));
            let stranger = start(&shared, |(lock, condition)| {
                let wake = condition.wait_with(lock, &mut WaitContext::endless());
                assert_eq!(wake, Err(NotHeld));
            });
            let (lock, condition) = &*shared;
            lock.acquire();
            condition.notify_with(lock, 1);
            lock.release().unwrap();
            stranger.join().unwrap();
            assert!(condition.waiting() == 0 && !lock.is_locked());
            lock.acquire();
            lock.release().unwrap();
        });
    });
}

#[test]
fn a_wait_whose_lock_another_thread_releases_leaves_nothing_behind() {
    with_and_without_hand_over(|| {
        model::check_bounded(3, || {
            let tokens = Arc::new(Tokens::default());
            tokens.lock.acquire();
            // Releases a lock that it has not acquired, if it is fast enough.
            let thief = start(&tokens, |tokens| {
                let _ = tokens.lock.release();
                tokens.lock.acquire();
                tokens.some.notify_with(&tokens.lock, 1);
                let _ = tokens.lock.release();
            });
            let wake = tokens
                .some
                .wait_with(&tokens.lock, &mut WaitContext::until(Deadline::PASSED));
            if wake.is_ok() {
                let _ = tokens.lock.release();
            }
            thief.join().unwrap();
            assert!(!tokens.lock.is_locked() && tokens.some.waiting() == 0);
            tokens.give(1);
            tokens.take();
        });
    });
}

#[test]
fn a_reentrant_lock_is_taken_back_as_it_was() {
    with_and_without_hand_over(|| {
        model::check_bounded(3, || {
            let shared = Arc::new((RLock::new(), Condition::new(), UnsafeCell::new(false)));
            let waiter = start(&shared, |(lock, condition, set)| {
                lock.acquire();
                lock.acquire();
                // SAFETY: the lock is held, here and below.
                while !set.with(|set| unsafe { *set }) {
                    condition.wait_with(lock, &mut WaitContext::endless()).unwrap();
                }
                assert_eq!(lock.recursion_count(), 2);
                lock.release_all().unwrap();
            });
            let (lock, condition, set) = &*shared;
            lock.acquire();
            // SAFETY: as above.
            set.with_mut(|set| unsafe { *set = true });
            condition.notify_with(lock, 1);
            lock.release().unwrap();
            waiter.join().unwrap();
        });
    });
}

#[test]
fn a_task_that_waits_for_a_change_is_woken_for_it() {
    model::check(|| {
        let shared = Arc::new((Mutex::new(false), Condition::new()));
        let its = shared.clone();
        let notifier = thread::spawn(move || {
            *its.0.lock() = true;
            its.1.notify_one();
        });
        let woken = std::sync::Arc::new(Woken::default());
        let mut waiting = pin!(async {
            let mut guard = shared.0.lock_async().await;
            while !*guard {
                guard = shared.1.wait_async(guard).await;
            }
        });
        let mut polled = woken.poll(waiting.as_mut());
        notifier.join().unwrap();
        let mut wakes = 0;
        while polled.is_pending() {
            assert!(woken.times() > wakes, "nobody would poll it again");
            wakes = woken.times();
            polled = woken.poll(waiting.as_mut());
        }
    });
}
