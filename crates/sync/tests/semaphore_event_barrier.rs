//! `Semaphore`, `Event` and `Barrier`.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Counts, Runs, eventually, ever_later};
use interlock_sync::host::{Hosted, LetThrough, Stepwise};
use interlock_sync::{Arrival, Barrier, BarrierError, Broken, Event, Semaphore, TooMany, WaitError};
use interlock_wait::{Deadline, Host, Slept, WaitContext};

#[test]
fn a_semaphore_respects_its_permits_and_its_bound() {
    let semaphore = Semaphore::bounded(2, 2);
    assert!(
        semaphore.try_acquire().is_ok()
            && semaphore.try_acquire().is_ok()
            && semaphore.try_acquire().is_err()
    );
    let result = semaphore.acquire_with(&mut WaitContext::until(Deadline::PASSED));
    assert_eq!(result, Err(WaitError::TimedOut));
    assert_eq!(semaphore.release_many(3), Err(TooMany));
    assert_eq!(semaphore.release_many(2), Ok(()));
    assert_eq!(semaphore.release(), Err(TooMany));
    assert_eq!((semaphore.permits(), semaphore.bound()), (2, 2));
    assert_eq!(Semaphore::new(usize::MAX).release_many(1), Err(TooMany));
}

#[test]
fn released_permits_wake_as_many_waiters() {
    let semaphore = Semaphore::new(0);
    let (sleeps, through) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let mut host = Counts(&sleeps);
                semaphore
                    .acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
                    .unwrap();
                through.fetch_add(1, Ordering::SeqCst);
            });
        }
        eventually(|| sleeps.load(Ordering::SeqCst) == 5);
        semaphore.release_many(3).unwrap();
        eventually(|| through.load(Ordering::SeqCst) == 3);
        assert_eq!(semaphore.permits(), 0);
        semaphore.release_many(2).unwrap();
    });
    assert_eq!(through.load(Ordering::SeqCst), 5);
}

#[test]
fn eight_threads_never_hold_more_permits_than_there_are() {
    let semaphore = Semaphore::bounded(3, 3);
    let inside = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for index in 0..8 {
            let (semaphore, inside) = (&semaphore, &inside);
            scope.spawn(move || {
                for round in 0..1_000 {
                    let deadline = match (index + round) % 3 {
                        0 => Deadline::after(Duration::from_micros(20)),
                        _ => Deadline::NEVER,
                    };
                    if semaphore.acquire_with(&mut WaitContext::until(deadline)).is_ok() {
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        semaphore.release().unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(semaphore.permits(), 3);
}

#[test]
fn an_event_that_is_cleared_at_once_still_lets_its_waiters_through() {
    let event = Event::new();
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut host = Counts(&sleeps);
                let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
                assert_eq!(event.wait_with(&mut context), Ok(()));
            });
        }
        eventually(|| sleeps.load(Ordering::SeqCst) == 4);
        event.set();
        event.clear();
    });
    assert!(!event.is_set());
    let result = event.wait_with(&mut WaitContext::until(Deadline::PASSED));
    assert_eq!(result, Err(WaitError::TimedOut));
    let result = event.wait_with(&mut WaitContext::hosted(Deadline::NEVER, &mut Runs(|| true)));
    assert_eq!(result, Err(WaitError::Interrupted));
    event.set();
    event.wait();
}

#[test]
fn let_one_through_ends_one_wait_at_a_time() {
    let event = Event::new();
    let (sleeps, through) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut host = Counts(&sleeps);
                let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
                assert_eq!(event.wait_with(&mut context), Ok(()));
                through.fetch_add(1, Ordering::SeqCst);
            });
        }
        eventually(|| sleeps.load(Ordering::SeqCst) == 3);
        for number in 1..=3 {
            assert!(event.let_one_through());
            eventually(|| through.load(Ordering::SeqCst) == number);
            assert_eq!(event.waiting(), 3 - number);
        }
    });
    assert!(!event.let_one_through() && !event.is_set());
}

#[test]
fn a_retired_semaphore_ends_every_wait_and_returns_its_permits() {
    let semaphore = Semaphore::new(0);
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut host = Counts(&sleeps);
                let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
                assert_eq!(semaphore.acquire_with(&mut context), Err(WaitError::Retired));
            });
        }
        eventually(|| sleeps.load(Ordering::SeqCst) == 3);
        let (left, wakeups) = semaphore.retire();
        assert_eq!(left, 0);
        wakeups.run();
    });
    let semaphore = Semaphore::new(2);
    assert!(semaphore.try_acquire().is_ok());
    assert_eq!(semaphore.retire().0, 1);
    assert!(semaphore.try_acquire().is_err());
    let result = semaphore.acquire_with(&mut WaitContext::endless());
    assert_eq!(result, Err(WaitError::Retired));
}

fn arrive(barrier: &Barrier, context: &mut WaitContext<'_>) -> Result<usize, Broken> {
    match barrier.arrive_with(context)? {
        Arrival::Leads(index) => barrier.open().map(|()| index),
        Arrival::Through(index) => Ok(index),
    }
}

#[test]
fn a_barrier_is_passed_again_and_again() {
    const PARTIES: usize = 4;
    let barrier = Barrier::new(PARTIES);
    let (arrived, indices) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..PARTIES {
            scope.spawn(|| {
                for round in 1..=500 {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    let index = barrier.wait().unwrap();
                    assert!(arrived.load(Ordering::SeqCst) >= PARTIES * round);
                    indices.fetch_add(index, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(indices.load(Ordering::SeqCst), 500 * (1 + 2 + 3));
    assert_eq!((barrier.parties(), barrier.waiting()), (PARTIES, 0));
}

#[test]
fn a_party_that_gives_up_breaks_the_barrier_until_it_is_reset() {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(barrier.wait(), Err(BarrierError::Broken)));
        eventually(|| barrier.waiting() == 1);
        let deadline = Deadline::after(Duration::from_millis(5));
        let result = arrive(&barrier, &mut WaitContext::until(deadline));
        assert_eq!(result, Err(Broken::TimedOut));
    });
    assert!(barrier.is_broken());
    assert_eq!(barrier.wait(), Err(BarrierError::Broken));
    barrier.reset();
    assert!(!barrier.is_broken());
}

#[test]
fn a_party_that_is_interrupted_leaves_the_others_waiting() {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| barrier.wait());
        eventually(|| barrier.waiting() == 1);
        let mut interrupts = Runs(|| true);
        let result = arrive(
            &barrier,
            &mut WaitContext::hosted(Deadline::NEVER, &mut interrupts),
        );
        assert_eq!(result, Err(Broken::Interrupted));
        assert_eq!((barrier.waiting(), barrier.is_broken()), (1, false));
        let second = scope.spawn(|| barrier.wait());
        assert_eq!(barrier.wait().unwrap() + second.join().unwrap().unwrap(), 3);
        assert_eq!(first.join().unwrap(), Ok(0));
    });
}

#[test]
fn a_reset_fails_the_waiting_parties() {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(barrier.wait(), Err(BarrierError::Broken)));
        eventually(|| barrier.waiting() == 1);
        barrier.reset();
    });
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(barrier.wait().is_ok()));
        assert!(barrier.wait().is_ok());
    });
}

#[test]
fn a_leader_that_aborts_fails_all_parties() {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(barrier.wait(), Err(BarrierError::Broken)));
        eventually(|| barrier.waiting() == 1);
        assert_eq!(
            barrier.arrive_with(&mut WaitContext::endless()),
            Ok(Arrival::Leads(1))
        );
        assert_eq!(barrier.waiting(), 0, "the round is full");
        barrier.abort();
        assert_eq!(barrier.open(), Err(Broken::Broken));
    });
}

#[test]
fn parties_waiting_at_a_retired_barrier_get_their_index() {
    let barrier = Barrier::new(3);
    let indices = std::thread::scope(|scope| {
        let wait = || arrive(&barrier, &mut WaitContext::endless());
        let parties = [(); 2].map(|()| scope.spawn(wait));
        eventually(|| barrier.waiting() == 2);
        let (retired, wakeups) = barrier.retire();
        assert_eq!((retired.waiting, retired.broken), (2, false));
        wakeups.run();
        parties.map(|party| party.join().unwrap())
    });
    assert!(indices.contains(&Err(Broken::Retired(0))) && indices.contains(&Err(Broken::Retired(1))));
    assert_eq!(barrier.wait(), Err(BarrierError::Broken));
    let broken = Barrier::new(2);
    broken.abort();
    let (retired, _) = broken.retire();
    assert_eq!((retired.waiting, retired.broken), (0, true));
}

#[test]
fn a_released_party_passes_even_if_the_barrier_is_retired_before_it_runs() {
    /// Retires the barrier after the sleep ends, before the party checks why it woke.
    struct Retires<'a>(&'a Barrier);

    impl Host for Retires<'_> {
        fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            rest();
            self.0.retire().1.run();
            false
        }

        fn hears_signals(&self) -> bool {
            false
        }
    }

    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let mut host = Retires(&barrier);
            barrier.arrive_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
        });
        eventually(|| barrier.waiting() == 1);
        assert_eq!(barrier.wait(), Ok(1));
        assert_eq!(waits.join().unwrap(), Ok(Arrival::Through(0)));
    });
}

#[test]
#[should_panic = "one party at least"]
fn a_barrier_has_a_party() {
    let _ = Barrier::new(0);
}

#[test]
#[should_panic = "more permits than its bound"]
fn a_semaphore_begins_within_its_bound() {
    let _ = Semaphore::bounded(2, 1);
}

/// C371
#[test]
fn a_permit_that_is_free_at_a_deadline_is_taken() {
    for deadline in ever_later() {
        let permits = Semaphore::new(0);
        let (mut has_begun, mut acquired) = (false, None);
        // The first in line, which is slow to come when it is notified: it is busy in its host.
        let mut slow = Runs(|| {
            if acquired.is_none() {
                // The second in line, which is not notified when there is a permit.
                let mut late = Runs(|| {
                    if !has_begun {
                        has_begun = true;
                        permits.release().unwrap();
                    }
                    false
                });
                acquired = Some(permits.acquire_with(&mut WaitContext::hosted(deadline, &mut late)));
                permits.release().unwrap();
            }
            false
        });
        permits
            .acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut slow))
            .unwrap();
        if has_begun {
            assert_eq!(acquired, Some(Ok(())));
            assert_eq!(permits.permits(), 0);
            return;
        }
    }
    unreachable!("no wait began before its deadline");
}
