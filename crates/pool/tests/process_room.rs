//! Waiting for room for a call without blocking a thread: claim C320 of PROCESS_PROTOCOL.md.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, its helpers too"
)]

mod processes;

use std::sync::Arc;

use interlock_pool::process::{Call, Limits, OnWorkerDeath, Settings, Unplaced};
use interlock_wait::{Deadline, WaitContext};

use processes::{Hosted, eventually, settings, turn};

/// A pool of one worker, which runs a call until the gate is opened, and as many calls that wait as there may be.
fn full() -> (Hosted, Vec<Arc<Call<usize>>>) {
    let hosted = Hosted::new(Settings {
        max_pending: 2,
        ..settings(1, OnWorkerDeath::FailTask)
    });
    let runs = hosted.submit(b"wait x");
    eventually("it runs", || hosted.pool.is_running(&runs));
    let mut calls = vec![runs];
    loop {
        let call = Call::new(&hosted.arena, &[b"echo x"], Limits::default()).unwrap();
        match hosted
            .pool
            .submit(&call, &mut WaitContext::until(Deadline::PASSED))
        {
            Ok(()) => calls.push(call),
            Err(Unplaced::Full) => return (hosted, calls),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_host_hears_of_room_in_line_c320() {
    let _turn = turn();
    for _ in 0..20 {
        let (hosted, calls) = full();
        let first = hosted.pool.wait_for_room(1).unwrap();
        let second = hosted.pool.wait_for_room(2).unwrap();
        let third = hosted.pool.wait_for_room(3).unwrap();
        assert!(format!("{first:?}").contains("is_notified: false"));
        assert!(hosted.pool.cancel(calls.last().unwrap()));
        assert!(first.is_notified() && !second.is_notified());
        // It does not use its turn.
        drop(first);
        assert!(second.is_notified() && !third.is_notified());
        // This one gives its place up, and gets no notification.
        drop(third);
        hosted.gate.set();
        for call in &calls[..calls.len() - 1] {
            assert_eq!(hosted.text(call), "x");
        }
        drop(second);
        assert!(hosted.pool.wait_for_room(4).is_none(), "there is room");
        assert_eq!(hosted.end(), [1, 2]);
    }
}

#[test]
fn who_waits_for_room_hears_of_the_end_c320() {
    let _turn = turn();
    let (hosted, _calls) = full();
    let waits = hosted.pool.wait_for_room(1).unwrap();
    hosted.pool.shutdown();
    assert!(waits.is_notified());
    assert!(hosted.pool.wait_for_room(2).is_none(), "there will be none");
    hosted.gate.set();
    assert_eq!(hosted.end(), [1]);
}
