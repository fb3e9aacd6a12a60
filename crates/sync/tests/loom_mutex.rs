//! Loom models of `Mutex`. `PROTOCOL.md` names the tests beside its claims.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/model/mod.rs"]
mod model;

use std::time::Instant;

use interlock_sync::{Condition, Mutex};
use interlock_wait::model::set_deadlines_passed;
use loom::sync::Arc;
use loom::thread;

/// A value that loom tracks, with a condition for threads that wait until it changes.
#[derive(Default)]
struct Shared {
    value: Mutex<u32>,
    changed: Condition,
}

/// Runs `other` beside `body` on one value that begins as 0, and expects `result` at the end.
fn two_threads(body: fn(&Shared), other: fn(&Shared), result: u32) {
    for hands_over in [false, true] {
        set_deadlines_passed(hands_over);
        model::check_bounded(4, move || {
            let shared = Arc::new(Shared::default());
            let thread = {
                let shared = shared.clone();
                thread::spawn(move || other(&shared))
            };
            body(&shared);
            thread.join().unwrap();
            assert_eq!(shared.value.try_lock().ok().map(|value| *value), Some(result));
            assert_eq!(shared.changed.waiting(), 0);
        });
    }
}

fn add(shared: &Shared) {
    *shared.value.lock() += 1;
}

fn look_if_unlocked(shared: &Shared) {
    if let Ok(mut value) = shared.value.try_lock() {
        *value += 0;
    }
}

fn add_and_notify(shared: &Shared) {
    let mut value = shared.value.lock();
    *value += 1;
    shared.changed.notify_one();
}

fn wait_and_add(shared: &Shared) {
    let mut value = shared.value.lock();
    shared.changed.wait_while(&mut value, |value| *value == 0);
    *value += 1;
}

fn time_out_and_add(shared: &Shared) {
    let mut value = shared.value.lock();
    let passed = Instant::now();
    let _ = (shared.changed).wait_while_deadline(&mut value, passed, |value| *value == 0);
    *value += 1;
}

#[test]
fn one_thread_at_a_time_holds_the_value_of_a_mutex() {
    two_threads(add, add, 2);
    two_threads(add, look_if_unlocked, 1);
}

#[test]
fn a_wait_for_a_change_releases_the_value_and_takes_it_back() {
    two_threads(add_and_notify, wait_and_add, 2);
    two_threads(add_and_notify, time_out_and_add, 2);
}
