//! Loom models of `Semaphore`, `Event` and `Barrier`. `PROTOCOL.md` names the tests beside its claims.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/hosts/mod.rs"]
mod hosts;
#[path = "../../wait/tests/model/mod.rs"]
mod model;

use hosts::Stops;
use interlock_sync::host::{Hosted, LetThrough, Stepwise};
use interlock_sync::{Arrival, Barrier, Broken, Event, Semaphore, WaitError};
use interlock_wait::{Deadline, WaitContext};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

fn start<S: 'static, T: 'static>(shared: &Arc<S>, body: impl FnOnce(&S) -> T + 'static) -> JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || body(&shared))
}

#[test]
fn permits_are_neither_lost_nor_made() {
    model::check_bounded(3, || {
        let semaphore = Arc::new(Semaphore::bounded(1, 1));
        let use_it = |semaphore: &Semaphore| {
            semaphore.acquire();
            semaphore.release().unwrap();
        };
        let others = [(); 2].map(|()| start(&semaphore, use_it));
        use_it(&semaphore);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(semaphore.permits(), 1);
    });
}

/// One thread may leave early, another waits for a permit. If the first takes a permit, this thread releases another.
fn one_leaves(leave: fn(&Semaphore) -> Result<(), WaitError>) {
    model::check_bounded(3, move || {
        let semaphore = Arc::new(Semaphore::new(0));
        let leaver = start(&semaphore, leave);
        let stayer = start(&semaphore, Semaphore::acquire);
        semaphore.release().unwrap();
        let got_one = leaver.join().unwrap().is_ok();
        if got_one {
            semaphore.release().unwrap();
        }
        stayer.join().unwrap();
        assert_eq!(semaphore.permits(), 0);
    });
}

#[test]
fn a_permit_goes_to_the_next_when_its_waiter_leaves() {
    one_leaves(|semaphore| semaphore.acquire_with(&mut WaitContext::until(Deadline::PASSED)));
    one_leaves(|semaphore| {
        let mut host = Stops::at_once();
        semaphore.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
    });
    one_leaves(|semaphore| {
        let mut host = Stops::after_a_sleep();
        semaphore.acquire_with(&mut WaitContext::hosted(Deadline::PASSED, &mut host))
    });
}

#[test]
fn permits_released_together_reach_as_many_waiters() {
    model::check_bounded(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let others = [(); 2].map(|()| start(&semaphore, Semaphore::acquire));
        semaphore.release_many(2).unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(semaphore.permits(), 0);
    });
}

#[test]
fn a_retired_semaphore_ends_each_wait_and_keeps_no_permit() {
    model::check_bounded(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let stayer = start(&semaphore, |semaphore| {
            semaphore.acquire_with(&mut WaitContext::endless())
        });
        let leaver = start(&semaphore, |semaphore| {
            semaphore.acquire_with(&mut WaitContext::until(Deadline::PASSED))
        });
        semaphore.release().unwrap();
        let (left, wakeups) = semaphore.retire();
        wakeups.run();
        let results = [stayer, leaver].map(|thread| thread.join().unwrap());
        let taken = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(taken + left, 1);
        assert!(matches!(results[0], Ok(()) | Err(WaitError::Retired)));
        assert_eq!(semaphore.permits(), 0);
    });
}

#[test]
fn setting_an_event_lets_all_waiters_through() {
    model::check_bounded(3, || {
        let event = Arc::new(Event::new());
        let waiters = [(); 2].map(|()| start(&event, Event::wait));
        event.set();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn a_wait_for_an_event_that_times_out_leaves_nothing_behind() {
    model::check_bounded(5, || {
        let event = Arc::new(Event::new());
        let waiter = start(&event, |event| {
            let first = event.wait_with(&mut WaitContext::until(Deadline::PASSED));
            event.wait();
            first
        });
        event.set();
        let _ = waiter.join().unwrap();
    });
}

#[test]
fn let_one_through_returns_true_once_for_each_waiter() {
    model::check_bounded(2, || {
        let event = Arc::new(Event::new());
        let waiters = [(); 2].map(|()| start(&event, Event::wait));
        for _ in 0..2 {
            while !event.let_one_through() {
                thread::yield_now();
            }
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(!event.let_one_through() && !event.is_set());
    });
}

#[test]
fn a_waiter_that_was_let_through_does_not_time_out() {
    model::check(|| {
        let event = Arc::new(Event::new());
        let waiter = start(&event, |event| {
            event.wait_with(&mut WaitContext::until(Deadline::PASSED))
        });
        let let_through = event.let_one_through();
        assert_eq!(waiter.join().unwrap().is_ok(), let_through);
    });
}

#[test]
fn the_parties_of_a_barrier_pass_together() {
    model::check_bounded(2, || {
        let barrier = Arc::new(Barrier::new(3));
        let others = [(); 2].map(|()| start(&barrier, Barrier::wait));
        let mut indices = vec![barrier.wait().unwrap()];
        indices.extend(others.into_iter().map(|other| other.join().unwrap().unwrap()));
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2]);
    });
}

fn arrive(barrier: &Barrier, context: &mut WaitContext<'_>) -> Result<usize, Broken> {
    match barrier.arrive_with(context)? {
        Arrival::Leads(index) => barrier.open().map(|()| index),
        Arrival::Through(index) => Ok(index),
    }
}

#[test]
fn a_party_that_gives_up_stops_all_or_none() {
    model::check(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = start(&barrier, |barrier| {
            arrive(barrier, &mut WaitContext::until(Deadline::PASSED))
        });
        let result = barrier.wait();
        assert_eq!(result.is_ok(), other.join().unwrap().is_ok());
        assert_eq!(barrier.is_broken(), result.is_err());
    });
}

#[test]
fn an_early_party_does_not_break_the_round() {
    model::check(|| {
        let barrier = Arc::new(Barrier::new(1));
        assert_eq!(
            barrier.arrive_with(&mut WaitContext::endless()),
            Ok(Arrival::Leads(0))
        );
        let early = start(&barrier, |barrier| {
            let arrival = barrier.arrive_with(&mut WaitContext::until(Deadline::PASSED));
            (arrival, barrier.open())
        });
        assert_eq!(barrier.open(), Ok(()));
        assert_eq!(early.join().unwrap(), (Ok(Arrival::Leads(0)), Ok(())));
    });
}

#[test]
fn each_party_that_a_retired_barrier_counts_gets_its_index() {
    model::check_bounded(3, || {
        let barrier = Arc::new(Barrier::new(3));
        let stayer = start(&barrier, |barrier| arrive(barrier, &mut WaitContext::endless()));
        let leaver = start(&barrier, |barrier| {
            arrive(barrier, &mut WaitContext::until(Deadline::PASSED))
        });
        let (retired, wakeups) = barrier.retire();
        wakeups.run();
        let mut indices = Vec::new();
        for party in [stayer, leaver] {
            match party.join().unwrap() {
                Err(Broken::Retired(index)) => indices.push(index),
                result => assert!(matches!(result, Err(Broken::Broken | Broken::TimedOut))),
            }
        }
        indices.sort_unstable();
        assert_eq!(indices, (0..retired.waiting).collect::<Vec<_>>());
    });
}

#[test]
fn a_party_of_an_earlier_round_passes_a_retired_barrier() {
    model::check(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = start(&barrier, Barrier::wait);
        let own = barrier.wait().unwrap();
        let other_has_opened = own == 0;
        if other_has_opened {
            // The other party led and is done. Only a party that waited may still have to check the outcome.
            assert_eq!(other.join().unwrap(), Ok(1));
        } else {
            let (retired, wakeups) = barrier.retire();
            wakeups.run();
            assert_eq!((retired.waiting, retired.broken), (0, false));
            assert_eq!(other.join().unwrap(), Ok(0));
        }
    });
}
