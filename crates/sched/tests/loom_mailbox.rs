//! The mailbox of a scheduler, in every order of its threads. The names are those of the claims in `PROTOCOL.md`.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/model/mod.rs"]
mod model;

use interlock_sched::model::Desk;
use loom::sync::{Arc, Mutex};
use loom::thread;

/// Runs rounds of a scheduler whose tasks wait only for calls, until `number` calls have come. Returns them
/// in their order.
///
/// A lost call leaves it asleep for ever, which loom reports.
fn serve(desk: &Desk, number: usize) -> Vec<u64> {
    let host = Mutex::new(());
    let mut come = Vec::new();
    while come.len() < number {
        let found = desk.look();
        come.extend(match found.is_empty() {
            true => desk.sleep(&host, |()| false),
            false => found,
        });
    }
    come
}

#[test]
fn no_call_is_lost_c283() {
    model::check_bounded(3, || {
        let desk = Desk::empty();
        let callers: Vec<_> = (0..2)
            .map(|ticket| {
                let mailbox = desk.mailbox.clone();
                thread::spawn(move || mailbox.call(Desk::call(ticket)))
            })
            .collect();
        let mut come = serve(&desk, 2);
        come.sort_unstable();
        assert_eq!(come, [0, 1], "each comes once");
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        assert!(desk.look().is_empty());
    });
}

#[test]
fn calls_of_one_thread_come_in_their_order_c283() {
    model::check(|| {
        let desk = Desk::empty();
        let mailbox = desk.mailbox.clone();
        let caller = thread::spawn(move || {
            mailbox.call(Desk::call(1));
            mailbox.call(Desk::call(2));
        });
        assert_eq!(serve(&desk, 2), [1, 2]);
        caller.join().unwrap();
    });
}

/// The number of a wait is known to others before the task begins to wait, which it does in its turn, without a lock of the mailbox.
#[test]
fn a_call_that_comes_before_the_wait_begins_ends_it_c282() {
    model::check(|| {
        let desk = Desk::empty();
        let announced = desk.mailbox.clone();
        let caller = thread::spawn(move || announced.call(Desk::call(7)));
        let mut waits_for = None;
        let mut goes_on = false;
        let host = Mutex::new(());
        for _turn in 0..2 {
            // The look comes before the turn: it may find the call for a wait that has not begun only if it was announced before.
            if waits_for.is_none() {
                waits_for = Some(7);
            }
            goes_on |= desk.look().iter().any(|&ticket| Some(ticket) == waits_for);
        }
        while !goes_on {
            goes_on = desk.sleep(&host, |()| false).contains(&7) || desk.look().contains(&7);
        }
        caller.join().unwrap();
    });
}

/// A thread adds or cancels a task under the host's lock, and rings afterwards.
#[test]
fn a_ring_ends_a_sleep_or_what_it_is_for_is_seen_c283() {
    model::check_bounded(3, || {
        let desk = Desk::empty();
        let host = Arc::new(Mutex::new(0));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let (mailbox, host) = (desk.mailbox.clone(), host.clone());
                thread::spawn(move || {
                    *host.lock().unwrap() += 1;
                    mailbox.ring();
                })
            })
            .collect();
        while *host.lock().unwrap() < 2 {
            let seen = *host.lock().unwrap();
            let found = desk.sleep(&host, |&added| added > seen || added == 2);
            assert!(found.is_empty());
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A call that comes while the thread wakes for another reason is found by the next look, or before the next sleep.
#[test]
fn a_call_beside_a_ring_is_not_lost_c283() {
    model::check_bounded(3, || {
        let desk = Desk::empty();
        let (rings, calls) = (desk.mailbox.clone(), desk.mailbox.clone());
        let ringer = thread::spawn(move || rings.ring());
        let caller = thread::spawn(move || calls.call(Desk::call(3)));
        assert_eq!(serve(&desk, 1), [3]);
        ringer.join().unwrap();
        caller.join().unwrap();
    });
}
