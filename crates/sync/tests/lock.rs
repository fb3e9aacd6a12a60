//! `Lock` and `RLock`: ownership, the order of waiters, and the ends of a wait.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Counts, Handles, Runs, eventually, ever_later};
use interlock_sync::host::{Reset, Restore};
use interlock_sync::{Lock, NotHeld, RLock, Saved, WaitError};
use interlock_wait::{Deadline, ThreadIdent, WaitContext};

const SOON: Duration = Duration::from_millis(20);

#[test]
fn one_thread_holds_a_lock_and_any_thread_may_release_it() {
    let lock = Lock::new();
    assert!(lock.try_acquire().is_ok() && lock.try_acquire().is_err() && lock.is_locked());
    assert_eq!(lock.owner(), Some(ThreadIdent::current()));
    std::thread::scope(|scope| scope.spawn(|| lock.release().unwrap()).join().unwrap());
    assert!(!lock.is_locked() && lock.owner().is_none());
    assert_eq!(lock.release(), Err(NotHeld));
}

/// C343. Threads that run one after the other have the same POSIX identity, as a rule.
#[test]
fn a_lock_that_a_thread_has_left_locked_is_no_other_threads() {
    let (lock, reentrant) = (Lock::new(), RLock::new());
    std::thread::scope(|scope| {
        let ends = scope.spawn(|| {
            lock.acquire();
            reentrant.acquire();
            ThreadIdent::current()
        });
        let owner = ends.join().unwrap();
        for _ in 0..20 {
            let other = scope.spawn(|| {
                assert!(reentrant.try_acquire().is_err() && !reentrant.is_owned());
                assert_eq!(reentrant.release(), Err(NotHeld));
                ThreadIdent::current()
            });
            assert_ne!(other.join().unwrap(), owner);
        }
        assert_eq!(lock.owner(), Some(owner));
    });
}

#[test]
fn a_wait_for_a_lock_ends_at_its_deadline() {
    let lock = Lock::new();
    lock.acquire();
    let began = Instant::now();
    let result = lock.acquire_with(&mut WaitContext::until(Deadline::after(SOON)));
    assert_eq!(result, Err(WaitError::TimedOut));
    assert!(began.elapsed() >= SOON);
    let result = lock.acquire_with(&mut WaitContext::until(Deadline::PASSED));
    assert_eq!(result, Err(WaitError::TimedOut));
    lock.release().unwrap();
    assert_eq!(
        lock.acquire_with(&mut WaitContext::until(Deadline::PASSED)),
        Ok(()),
        "a free lock needs no wait"
    );
}

#[test]
fn a_restored_rlock_takes_as_many_releases_as_its_count() {
    let lock = RLock::new();
    let mut context = WaitContext::endless();
    for count in [1, 3] {
        let owner = ThreadIdent::current();
        lock.restore_with(Saved { count, owner }, &mut context).unwrap();
        assert_eq!(lock.recursion_count(), count);
        (0..count).for_each(|_| lock.release().unwrap());
        assert!(!lock.is_locked() && lock.release() == Err(NotHeld));
    }
    lock.acquire();
    let saved = Saved {
        count: 2,
        owner: ThreadIdent::current(),
    };
    lock.restore_with(saved, &mut context).unwrap();
    assert_eq!(lock.recursion_count(), 3, "earlier acquisitions count too");
}

#[test]
#[should_panic = "not held cannot be restored"]
fn an_rlock_that_was_not_held_cannot_be_restored() {
    let owner = ThreadIdent::current();
    let _ = RLock::new().restore_with(Saved { count: 0, owner }, &mut WaitContext::endless());
}

#[test]
fn the_count_of_an_rlock_does_not_wrap() {
    let lock = RLock::new();
    let saved = Saved {
        count: usize::MAX,
        owner: ThreadIdent::current(),
    };
    lock.restore_with(saved, &mut WaitContext::endless()).unwrap();
    lock.acquire();
    lock.acquire();
    assert_eq!(lock.owner(), Some((ThreadIdent::current(), usize::MAX)));
    lock.release().unwrap();
    assert!(lock.is_owned());
    assert!(lock.release_all().unwrap().count >= usize::MAX - 1);
    assert!(!lock.is_locked());
}

#[test]
fn a_release_wakes_a_waiter() {
    let lock = Lock::new();
    let sleeps = AtomicUsize::new(0);
    lock.acquire();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut host = Counts(&sleeps);
                lock.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
                    .unwrap();
                lock.release().unwrap();
            });
        }
        eventually(|| sleeps.load(Ordering::SeqCst) == 3);
        lock.release().unwrap();
    });
    assert!(!lock.is_locked());
}

#[test]
fn an_interrupted_waiter_takes_nothing_and_leaves_the_line() {
    let lock = Lock::new();
    lock.acquire();
    let mut host = Runs(|| true);
    let result = lock.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    assert_eq!(result, Err(WaitError::Interrupted));
    lock.release().unwrap();
    assert!(!lock.is_locked());
}

#[test]
fn a_thread_that_keeps_taking_a_lock_does_not_starve_a_waiter() {
    let lock = Lock::new();
    let (sleeps, taken) = (AtomicUsize::new(0), AtomicBool::new(false));
    lock.acquire();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut host = Counts(&sleeps);
            lock.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
                .unwrap();
            taken.store(true, Ordering::SeqCst);
            lock.release().unwrap();
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 1);
        // A thread that takes the lock again as soon as it releases it can't keep it from the waiter.
        eventually(|| {
            let _ = lock.release();
            lock.acquire();
            taken.load(Ordering::SeqCst)
        });
        lock.release().unwrap();
    });
}

#[test]
fn a_signal_handler_gets_the_lock_that_its_thread_waits_for() {
    let lock = Lock::new();
    lock.acquire();
    let gets_it = |deadline| {
        let mut handled = false;
        let mut host = Handles(|| {
            handled = true;
            // A hand-over is due: this release would do it if the waiter were not in a signal handler.
            lock.release().unwrap();
            assert!(lock.try_acquire().is_ok());
            lock.release().unwrap();
            false
        });
        let result = lock.acquire_with(&mut WaitContext::hosted(deadline, &mut host));
        handled.then(|| {
            result.unwrap();
            lock.release().unwrap();
        })
    };
    let handled = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| ever_later().find_map(gets_it));
        waiter.join().unwrap()
    });
    assert!(handled.is_some() && !lock.is_locked());
}

#[test]
fn a_reset_lock_is_free() {
    let lock = Lock::new();
    lock.acquire();
    lock.reset();
    assert!(lock.try_acquire().is_ok());
    let lock = RLock::new();
    std::thread::scope(|scope| scope.spawn(|| lock.acquire()).join().unwrap());
    lock.reset();
    assert!(lock.try_acquire().is_ok());
}

#[test]
fn a_reentrant_lock_counts_for_its_owner_only() {
    let lock = RLock::new();
    for count in 1..=3 {
        assert!(lock.try_acquire().is_ok());
        assert_eq!((lock.recursion_count(), lock.is_owned()), (count, true));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(lock.try_acquire().is_err() && !lock.is_owned() && lock.is_locked());
            assert_eq!((lock.release(), lock.recursion_count()), (Err(NotHeld), 0));
            assert_eq!(lock.release_all(), Err(NotHeld));
            let result = lock.acquire_with(&mut WaitContext::until(Deadline::PASSED));
            assert_eq!(result, Err(WaitError::TimedOut));
        });
    });
    let saved = lock.release_all().unwrap();
    assert_eq!(
        (saved.count, saved.owner, lock.is_locked()),
        (3, ThreadIdent::current(), false)
    );
    lock.restore_with(saved, &mut WaitContext::endless()).unwrap();
    assert_eq!(lock.owner(), Some((ThreadIdent::current(), 3)));
}

#[test]
fn eight_threads_share_a_lock() {
    const ROUNDS: usize = 2_000;
    let (lock, reentrant) = (Lock::new(), RLock::new());
    let inside = AtomicUsize::new(0);
    let mut counts = [0; 8];
    std::thread::scope(|scope| {
        for (index, count) in counts.iter_mut().enumerate() {
            let (lock, reentrant, inside) = (&lock, &reentrant, &inside);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    // Some acquisitions time out.
                    let deadline = match (index + round) % 4 {
                        0 => Deadline::after(Duration::from_micros(50)),
                        1 => Deadline::PASSED,
                        _ => Deadline::NEVER,
                    };
                    if lock.acquire_with(&mut WaitContext::until(deadline)).is_err() {
                        continue;
                    }
                    reentrant.acquire();
                    reentrant.acquire();
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                    *count += 1;
                    assert_eq!(inside.fetch_sub(1, Ordering::Relaxed), 1);
                    reentrant.release().unwrap();
                    lock.release().unwrap();
                    reentrant.release().unwrap();
                }
            });
        }
    });
    assert!(counts.iter().all(|&count| count >= ROUNDS / 2));
    assert!(!lock.is_locked() && !reentrant.is_locked());
}
