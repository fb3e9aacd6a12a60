//! `Event` between processes.

#![cfg(not(loom))]

mod common;

use common::{Announces, Child, arena, await_signal, signal, within_a_minute};
use interlock_shm::{Error, Event};
use interlock_wait::{Deadline, WaitContext, Wake};
use std::time::Duration;

#[test]
fn a_set_event_lets_all_pass_until_it_is_cleared() {
    let arena = arena();
    let event = Event::new(&arena).unwrap();
    assert!(!event.is_set());
    let waiters: Vec<_> = (0..3)
        .map(|_| Child::run(|| event.wait(&mut within_a_minute()).is_ok() && event.is_set()))
        .collect();
    event.set();
    event.set();
    for waiter in waiters {
        assert!(waiter.succeeded());
    }
    assert!(event.wait(&mut WaitContext::until(Deadline::PASSED)).is_ok());
    event.clear();
    let passed = event.wait(&mut WaitContext::until(Deadline::PASSED));
    assert_eq!(passed.unwrap_err().wake(), Some(Wake::TimedOut));
    let soon = Deadline::after(Duration::from_millis(20));
    let late = event.wait(&mut WaitContext::until(soon));
    assert!(matches!(late, Err(Error::Ended(Wake::TimedOut))));
}

/// C150
#[test]
fn a_waiter_is_not_held_by_a_clear_that_follows() {
    let arena = arena();
    let event = Event::new(&arena).unwrap();
    let (sleeps, cleared) = (signal(&arena), signal(&arena));
    let child = Child::run(|| {
        (0..50).all(|_| {
            let mut host = Announces::new(&sleeps);
            let waited = event.wait(&mut host.context());
            await_signal(&cleared);
            waited.is_ok() && !event.is_set()
        })
    });
    for _ in 0..50 {
        await_signal(&sleeps);
        event.set();
        event.clear();
        cleared.release(1).unwrap();
    }
    assert!(child.succeeded());
}

#[test]
fn the_host_ends_a_wait() {
    let arena = arena();
    let (event, sleeps) = (Event::new(&arena).unwrap(), signal(&arena));
    let mut host = Announces::and_stops(&sleeps);
    let ended = event.wait(&mut host.context());
    assert!(matches!(ended, Err(Error::Ended(Wake::Interrupted))));
}
