//! Waits for descriptors, and calls from other threads.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers too"
)]

mod common;

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

use common::{Tasks, round, spot, spot_of};
use interlock_sched::{Direction, Hope, Prospect, Reason};
use interlock_wait::{Deadline, WaitContext};

/// Makes the next task wait for a descriptor.
fn watch(turns: &mut Tasks, name: &'static str, what: interlock_sched::Spot<common::Same>) {
    turns.spawn(name);
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.watch(turn.id, turn.payload, what).unwrap();
}

#[test]
fn a_descriptor_that_is_ready_ends_the_sleep() {
    let (one, mut other) = UnixStream::pair().unwrap();
    let mut turns = Tasks::new();
    watch(&mut turns, "a", spot(&one, Direction::Read));
    let Prospect::Sleep(poll, deadline) = turns.look().unwrap() else {
        panic!("there is nothing to do")
    };
    assert_eq!(deadline, Deadline::NEVER);
    other.write_all(b"x").unwrap();
    poll.wait(&mut WaitContext::endless());
    turns.wake_up();
    assert_eq!(round(&mut turns), [("a", Reason::Ready)]);
}

#[test]
fn waiters_for_one_descriptor_go_on_one_after_the_other() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let mut turns = Tasks::new();
    for name in ["a", "b", "c"] {
        watch(&mut turns, name, spot(&one, Direction::Read));
    }
    other.write_all(b"xy").unwrap();
    assert_eq!(round(&mut turns), [("a", Reason::Ready)]);
    one.read_exact(&mut [0]).unwrap();
    assert_eq!(round(&mut turns), [("b", Reason::Ready)]);
    one.read_exact(&mut [0]).unwrap();
    assert!(round(&mut turns).is_empty());
    drop(other);
    assert_eq!(round(&mut turns), [("c", Reason::Ready)]);
}

#[test]
fn both_directions_of_a_descriptor_are_waited_for_apart() {
    let (one, mut other) = UnixStream::pair().unwrap();
    let mut turns = Tasks::new();
    watch(&mut turns, "reads", spot(&one, Direction::Read));
    watch(&mut turns, "writes", spot(&one, Direction::Write));
    assert_eq!(round(&mut turns), [("writes", Reason::Ready)]);
    assert!(round(&mut turns).is_empty());
    other.write_all(b"x").unwrap();
    assert_eq!(round(&mut turns), [("reads", Reason::Ready)]);
}

#[test]
fn a_number_that_is_used_again_is_watched_again() {
    let mut turns = Tasks::new();
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let number = one.as_raw_fd();
    watch(&mut turns, "former", spot_of(&one, Direction::Read, 1));
    other.write_all(b"x").unwrap();
    assert_eq!(round(&mut turns), [("former", Reason::Ready)]);
    one.read_exact(&mut [0]).unwrap();
    // The kernel forgets a descriptor that is closed; another file gets its number.
    let (new, mut peer) = UnixStream::pair().unwrap();
    drop(one);
    let again = new.try_clone().unwrap();
    let again = if again.as_raw_fd() == number { again } else { new };
    watch(&mut turns, "later", spot_of(&again, Direction::Read, 2));
    peer.write_all(b"x").unwrap();
    assert_eq!(round(&mut turns), [("later", Reason::Ready)]);
}

#[test]
fn what_nobody_waits_for_does_not_end_a_sleep_twice() {
    let (one, mut other) = UnixStream::pair().unwrap();
    let (two, _peer) = UnixStream::pair().unwrap();
    let mut turns = Tasks::new();
    watch(&mut turns, "a", spot(&one, Direction::Read));
    watch(&mut turns, "b", spot(&two, Direction::Read));
    other.write_all(b"x").unwrap();
    assert_eq!(round(&mut turns), [("a", Reason::Ready)]);
    // No task reads the bytes. The next look finds them, and makes the kernel forget the descriptor.
    assert!(round(&mut turns).is_empty());
    let Prospect::Sleep(poll, _) = turns.look().unwrap() else {
        panic!("there is nothing to do")
    };
    let soon = Deadline::after(std::time::Duration::from_millis(1));
    let wake = poll.wait(&mut WaitContext::until(soon));
    assert_eq!(wake, interlock_wait::Wake::TimedOut);
}

#[test]
fn a_closed_file_that_lives_on_elsewhere_wakes_nobody() {
    let (other, mut peer) = UnixStream::pair().unwrap();
    let (one, mut writer) = UnixStream::pair().unwrap();
    let elsewhere = one.try_clone().unwrap();
    let number = one.as_raw_fd();
    let mut turns = Tasks::new();
    watch(&mut turns, "former", spot_of(&one, Direction::Read, 1));
    writer.write_all(b"x").unwrap();
    assert_eq!(round(&mut turns), [("former", Reason::Ready)]);
    // The file is still readable, and the kernel still watches it, under a number that is another file's now.
    drop(one);
    let again = other.try_clone().unwrap();
    let later = if again.as_raw_fd() == number {
        &again
    } else {
        &other
    };
    watch(&mut turns, "later", spot_of(later, Direction::Read, 2));
    for _ in 0..3 {
        assert!(round(&mut turns).is_empty());
    }
    let Prospect::Sleep(poll, _) = turns.look().unwrap() else {
        panic!("there is nothing to do")
    };
    let soon = Deadline::after(std::time::Duration::from_millis(1));
    assert_eq!(
        poll.wait(&mut WaitContext::until(soon)),
        interlock_wait::Wake::TimedOut
    );
    peer.write_all(b"x").unwrap();
    assert_eq!(round(&mut turns), [("later", Reason::Ready)]);
    drop(elsewhere);
}

#[test]
fn a_closed_descriptor_ends_the_wait() {
    let (one, _other) = UnixStream::pair().unwrap();
    let mut turns = Tasks::new();
    watch(&mut turns, "a", spot(&one, Direction::Read));
    watch(&mut turns, "b", spot(&_other, Direction::Read));
    let number = one.as_raw_fd();
    let mut shown = Vec::new();
    assert!(!turns.show_waits(1, |_, _, name| shown.push(*name)));
    assert!(turns.show_waits(1, |_, _, name| shown.push(*name)) || turns.show_waits(1, |_, _, _| {}));
    assert_eq!(shown, ["a", "b"]);
    let mut closed = None;
    turns.show_waits(100, |call, descriptor, _| {
        closed = closed.or((descriptor == number).then_some(call));
    });
    turns.closed(closed.unwrap());
    assert_eq!(turns.descriptor_waits(), 1);
    assert_eq!(round(&mut turns), [("a", Reason::Closed)]);
}

#[test]
fn a_descriptor_that_is_not_open_is_refused() {
    let mut turns = Tasks::new();
    turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    let what = interlock_sched::Spot {
        descriptor: -1,
        direction: Direction::Read,
        keeper: common::Same(1),
        deadline: Deadline::NEVER,
    };
    let refused = turns.watch(turn.id, turn.payload, what).unwrap_err();
    assert_eq!(refused.payload, "a");
    turns.yielded(turn.id, refused.payload);
    assert_eq!(round(&mut turns), [("a", Reason::Turn)]);
}

#[test]
fn a_file_is_always_ready() {
    let mut turns = Tasks::new();
    let name = std::env::current_exe().unwrap();
    let plain = std::fs::File::open(name).unwrap();
    watch(&mut turns, "a", spot(&plain, Direction::Read));
    assert_eq!(round(&mut turns), [("a", Reason::Ready)]);
}

#[test]
fn no_call_is_lost_between_the_last_look_and_the_sleep() {
    const CALLS: usize = 2000;
    let mut turns = Tasks::new();
    let (to, from) = mpsc::channel();
    let mailbox = turns.mailbox().clone();
    let caller = std::thread::spawn(move || {
        for call in from {
            mailbox.call(call);
        }
    });
    turns.spawn("a");
    let mut called = 0;
    while called < CALLS {
        match turns.look().unwrap() {
            Prospect::Round => {}
            Prospect::Sleep(poll, _) => {
                poll.wait(&mut WaitContext::endless());
                turns.wake_up();
            }
            other => panic!("{other:?}"),
        }
        while let Some(turn) = turns.next_turn() {
            called += usize::from(turn.reason == Reason::Called);
            let call = turns.announce(turn.id);
            to.send(call).unwrap();
            turns.await_call(turn.id, turn.payload, (call, Hope::Sure), Deadline::NEVER);
        }
    }
    drop(to);
    caller.join().unwrap();
}

#[test]
fn another_thread_ends_a_sleep_by_ringing() {
    let mut turns = Tasks::new();
    turns.spawn("a");
    turns.look().unwrap();
    let turn = turns.next_turn().unwrap();
    turns.sleep(turn.id, turn.payload, Deadline::NEVER);
    let Prospect::Sleep(poll, _) = turns.look().unwrap() else {
        panic!("there is nothing to do")
    };
    let mailbox = turns.mailbox().clone();
    let caller = std::thread::spawn(move || mailbox.ring());
    poll.wait(&mut WaitContext::endless());
    turns.wake_up();
    caller.join().unwrap();
}

#[test]
fn a_number_that_is_not_open_is_refused_without_an_entry() {
    let mut turns = Tasks::new();
    turns.spawn("a");
    turns.look().unwrap();
    let mut turn = turns.next_turn().unwrap();
    for number in [i32::MAX, 1_000_000, -1] {
        let nowhere = interlock_sched::Spot {
            descriptor: number,
            direction: Direction::Read,
            keeper: common::Same(1),
            deadline: Deadline::NEVER,
        };
        let refused = turns.watch(turn.id, turn.payload, nowhere).unwrap_err();
        assert_eq!(refused.error.raw_os_error(), Some(9));
        turn.payload = refused.payload;
    }
    assert_eq!(turns.descriptor_waits(), 0);
}
