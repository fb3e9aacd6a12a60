//! Turns, waits and their ends, on one thread.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers too"
)]

mod common;

use std::time::Duration;

use common::{Tasks, round, run_until_idle, spot};
use interlock_sched::{Cancelling, Direction, Hope, Prospect, Reason};
use interlock_wait::Deadline;

#[test]
fn tasks_take_turns_in_the_order_of_their_arrival() {
    let mut turns = Tasks::new();
    for name in ["a", "b", "c"] {
        turns.spawn(name);
    }
    for _ in 0..3 {
        assert!(matches!(turns.look().unwrap(), Prospect::Round));
        let mut seen = Vec::new();
        while let Some(turn) = turns.next_turn() {
            seen.push(turn.payload);
            turns.yielded(turn.id, turn.payload);
        }
        assert_eq!(seen, ["a", "b", "c"]);
    }
}

#[test]
fn a_task_that_comes_during_a_round_has_its_turn_in_the_next() {
    let mut turns = Tasks::new();
    turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.spawn("b");
    turns.yielded(turn.id, turn.payload);
    assert!(turns.next_turn().is_none());
    assert_eq!(round(&mut turns), [("b", Reason::Turn), ("a", Reason::Turn)]);
    assert!(matches!(turns.look().unwrap(), Prospect::Done));
}

#[test]
fn rounds_follow_on_each_other_until_something_may_end_a_wait() {
    let mut turns = Tasks::new();
    let [_, b] = ["a", "b"].map(|name| turns.spawn(name));
    turns.look().unwrap();
    let mut turn = turns.next_turn().unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(turn.payload);
        turns.yielded(turn.id, turn.payload);
        turn = turns.next_turn_of_any_round().unwrap();
    }
    assert_eq!(seen, ["a", "b", "a", "b", "a"]);
    // A call: the round ends first.
    let call = turns.announce(b);
    turns.await_call(b, turn.payload, (call, Hope::Vague), Deadline::NEVER);
    turns.mailbox().call(call);
    assert!(turns.next_turn_of_any_round().is_none());
    assert_eq!(round(&mut turns), [("a", Reason::Turn), ("b", Reason::Called)]);
    // A time: the same.
    let [c, d] = ["c", "d"].map(|name| turns.spawn(name));
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.sleep(c, turn.payload, Deadline::after(Duration::from_secs(100)));
    let turn = turns.next_turn().unwrap();
    turns.yielded(d, turn.payload);
    assert!(turns.next_turn_of_any_round().is_none());
}

#[test]
fn a_wait_ends_once_whatever_ends_it_first() {
    let mut turns = Tasks::new();
    let id = turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    let call = turns.announce(id);
    turns.await_call(id, turn.payload, (call, Hope::Sure), Deadline::PASSED);
    turns.mailbox().call(call);
    turns.mailbox().call(call);
    assert_eq!(turns.cancel(id), Cancelling::Due);
    assert_eq!(round(&mut turns), [("a", Reason::Cancelled)]);
    assert!(matches!(turns.look().unwrap(), Prospect::Done));
}

#[test]
fn a_call_for_a_wait_that_is_over_means_nothing() {
    let mut turns = Tasks::new();
    let id = turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    let former = turns.announce(id);
    turns.await_call(id, turn.payload, (former, Hope::Sure), Deadline::PASSED);
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    assert_eq!(turn.reason, Reason::TimedOut);
    let call = turns.announce(id);
    turns.await_call(id, turn.payload, (call, Hope::Sure), Deadline::NEVER);
    turns.mailbox().call(former);
    let prospect = turns.look().unwrap();
    assert!(matches!(prospect, Prospect::Round | Prospect::Sleep(..)));
    assert!(turns.next_turn().is_none());
    turns.wake_up();
    turns.mailbox().call(call);
    assert_eq!(round(&mut turns), [("a", Reason::Called)]);
}

#[test]
fn a_call_that_comes_before_the_wait_begins_ends_it() {
    let mut turns = Tasks::new();
    let id = turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    let call = turns.announce(id);
    turns.mailbox().call(call);
    turns.await_call(id, turn.payload, (call, Hope::Vague), Deadline::NEVER);
    assert_eq!(round(&mut turns), [("a", Reason::Called)]);
}

#[test]
fn waits_end_in_the_order_of_their_times() {
    let mut turns = Tasks::new();
    let base = Duration::from_millis(1);
    for (name, times) in [("c", 3), ("a", 1), ("b", 2)] {
        let id = turns.spawn(name);
        turns.look().unwrap();
        let turn = turns.next_turn().unwrap();
        assert_eq!(turn.id, id);
        turns.sleep(id, turn.payload, Deadline::after(base * times));
    }
    let seen = run_until_idle(&mut turns);
    assert_eq!(seen, ["a", "b", "c"].map(|name| (name, Reason::TimedOut)));
}

#[test]
fn stale_timers_are_thrown_out() {
    let mut turns = Tasks::new();
    let id = turns.spawn("a");
    let far = Deadline::after(Duration::from_secs(3600));
    for _ in 0..10_000 {
        turns.look().unwrap();
        let turn = turns.next_turn().unwrap();
        let call = turns.announce(id);
        turns.await_call(id, turn.payload, (call, Hope::Sure), far);
        turns.mailbox().call(call);
    }
    assert!(turns.timers() < 200, "{}", turns.timers());
}

#[test]
fn those_who_join_go_on_when_the_task_ends() {
    let mut turns = Tasks::new();
    let target = turns.spawn("target");
    let joiners = ["a", "b"].map(|name| turns.spawn(name));
    turns.look().unwrap();
    let first = turns.next_turn().unwrap();
    turns.yielded(first.id, first.payload);
    for _ in joiners {
        let turn = turns.next_turn().unwrap();
        turns.join(turn.id, turn.payload, target, Deadline::NEVER);
    }
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.end(turn.id);
    assert_eq!(round(&mut turns), [("a", Reason::Joined), ("b", Reason::Joined)]);
    // The place of the task is used again, and is another task.
    let other = turns.spawn("other");
    assert_ne!(target, other);
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.join(turn.id, turn.payload, target, Deadline::NEVER);
    assert_eq!(round(&mut turns), [("other", Reason::Joined)]);
}

#[test]
fn a_joiner_that_is_cancelled_before_the_end_is_told_from_one_that_is_cancelled_after_it() {
    let mut turns = Tasks::new();
    let target = turns.spawn("target");
    let [early, late, never] = ["early", "late", "never"].map(|name| turns.spawn(name));
    turns.look().unwrap();
    let first = turns.next_turn().unwrap();
    turns.yielded(first.id, first.payload);
    for _ in [early, late, never] {
        let turn = turns.next_turn().unwrap();
        turns.join(turn.id, turn.payload, target, Deadline::NEVER);
    }
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    assert_eq!(turns.cancel(early), Cancelling::Due);
    assert_eq!(turns.end(turn.id), 2);
    assert_eq!(turns.cancel(late), Cancelling::Due);
    assert_eq!(turns.cancel(late), Cancelling::Due);
    assert_eq!(turns.cancel(early), Cancelling::Due);
    let seen = round(&mut turns);
    let expected = [
        ("early", Reason::Cancelled),
        ("late", Reason::JoinedThenCancelled),
        ("never", Reason::Joined),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn tasks_that_wait_for_each_other_are_stuck() {
    let mut turns = Tasks::new();
    let (a, b) = (turns.spawn("a"), turns.spawn("b"));
    turns.look().unwrap();
    for target in [b, a] {
        let turn = turns.next_turn().unwrap();
        turns.join(turn.id, turn.payload, target, Deadline::NEVER);
    }
    assert!(matches!(turns.look().unwrap(), Prospect::Stuck));
    assert_eq!(turns.cancel(a), Cancelling::Due);
    assert_eq!(round(&mut turns), [("a", Reason::Cancelled)]);
    assert_eq!(round(&mut turns), [("b", Reason::Joined)]);
}

#[test]
fn a_vague_hope_is_no_sure_one() {
    let mut turns = Tasks::new();
    let id = turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    let call = turns.announce(id);
    turns.await_call(id, turn.payload, (call, Hope::Vague), Deadline::NEVER);
    assert!(matches!(turns.look().unwrap(), Prospect::SleepForOthers(_)));
    turns.wake_up();
    turns.spawn("b");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.sleep(turn.id, turn.payload, Deadline::after(Duration::from_secs(60)));
    assert!(matches!(turns.look().unwrap(), Prospect::Sleep(..)));
}

#[test]
fn cancelling_ends_every_wait() {
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut turns = Tasks::new();
    let ids = ["time", "call", "task", "descriptor", "ready"].map(|name| turns.spawn(name));
    turns.look().unwrap();
    while let Some(turn) = turns.next_turn() {
        let (id, name) = (turn.id, turn.payload);
        match name {
            "time" => turns.sleep(id, name, Deadline::NEVER),
            "call" => {
                let call = turns.announce(id);
                turns.await_call(id, name, (call, Hope::Sure), Deadline::NEVER);
            }
            "task" => turns.join(id, name, ids[0], Deadline::NEVER),
            "descriptor" => turns.watch(id, name, spot(&one, Direction::Read)).unwrap(),
            _ => turns.yielded(id, name),
        }
    }
    for id in ids {
        assert_eq!(turns.cancel(id), Cancelling::Due);
    }
    assert_eq!(turns.descriptor_waits(), 0);
    let cancelled = round(&mut turns);
    assert_eq!(cancelled.len(), 5);
    assert!(cancelled.iter().all(|(_, reason)| *reason == Reason::Cancelled));
    assert!(ids.iter().all(|id| turns.cancel(*id) == Cancelling::Ended));
}

#[test]
fn a_task_that_is_cancelled_while_it_runs_does_not_wait() {
    let mut turns = Tasks::new();
    let id = turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    assert_eq!(turns.cancel(id), Cancelling::Later);
    turns.sleep(id, turn.payload, Deadline::NEVER);
    assert_eq!(round(&mut turns), [("a", Reason::Cancelled)]);
}

#[test]
fn clearing_returns_every_payload_but_that_of_the_running_task() {
    let mut turns = Tasks::new();
    for name in ["runs", "waits", "sleeps"] {
        turns.spawn(name);
    }
    turns.look().unwrap();
    let running = turns.next_turn().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.sleep(turn.id, turn.payload, Deadline::after(Duration::from_secs(60)));
    assert_eq!(turns.clear(), ["waits", "sleeps"]);
    turns.end(running.id);
    assert!(matches!(turns.look().unwrap(), Prospect::Done));
    assert!(turns.is_empty());
}

#[test]
fn a_wait_for_an_end_that_is_given_up_leaves_nothing_behind() {
    let mut turns = Tasks::new();
    let target = turns.spawn("target");
    let id = turns.spawn("a");
    for _ in 0..3 {
        turns.look().unwrap();
        while let Some(turn) = turns.next_turn() {
            match turn.payload {
                "target" => turns.yielded(turn.id, turn.payload),
                _ => turns.join(id, turn.payload, target, Deadline::PASSED),
            }
        }
    }
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    assert_eq!((turn.payload, turns.cancel(id)), ("target", Cancelling::Due));
    assert_eq!(turns.end(turn.id), 0);
}

#[test]
fn clearing_has_the_host_look_before_the_next_round() {
    let mut turns = Tasks::new();
    turns.spawn("goes on");
    turns.spawn("ends");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    assert_eq!(turns.clear(), ["ends"]);
    turns.yielded(turn.id, turn.payload);
    assert!(turns.next_turn_of_any_round().is_none());
    turns.look().unwrap();
    assert!(turns.next_turn_of_any_round().is_some());
}
