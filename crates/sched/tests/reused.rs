//! Descriptors whose numbers are used again while tasks wait for the files that had them before.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers too"
)]

mod common;

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard};

use common::{Tasks, round, spot_of};
use interlock_sched::{Call, Direction, Reason};

/// One test at a time opens and closes descriptors, so that a number is free for the test that has freed it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Makes the next task wait for a descriptor.
fn watch(turns: &mut Tasks, name: &'static str, file: &impl AsRawFd, keeper: u32) {
    turns.spawn(name);
    turns.look().unwrap();
    let mut turn = turns.next_turn().unwrap();
    while turn.payload != name {
        turns.yielded(turn.id, turn.payload);
        turn = turns.next_turn().unwrap();
    }
    let what = spot_of(file, Direction::Read, keeper);
    turns.watch(turn.id, turn.payload, what).unwrap();
}

/// Closes `file`, and gives its number to a new descriptor of the file of `other`.
fn replace(file: UnixStream, other: &UnixStream) -> UnixStream {
    let number = file.as_raw_fd();
    drop(file);
    let again = other.try_clone().unwrap();
    assert_eq!(again.as_raw_fd(), number, "the lowest number that is free");
    again
}

/// Returns the current waits, by name.
fn waits(turns: &mut Tasks) -> Vec<(&'static str, Call)> {
    let mut all = Vec::new();
    turns.show_waits(100, |call, _, name| all.push((*name, call)));
    all
}

#[test]
fn a_wait_for_a_closed_file_ends_when_its_number_is_watched_for_another_one() {
    let _alone = alone();
    for lives_on in [false, true] {
        let mut turns = Tasks::new();
        let (new, mut peer) = UnixStream::pair().unwrap();
        let (one, _other) = UnixStream::pair().unwrap();
        // As in the child of a fork: the file stays, and the kernel goes on watching it.
        let _elsewhere = lives_on.then(|| one.try_clone().unwrap());
        watch(&mut turns, "former", &one, 1);
        watch(&mut turns, "too", &one, 1);
        let again = replace(one, &new);
        watch(&mut turns, "later", &again, 2);
        assert_eq!(turns.descriptor_waits(), 1);
        assert_eq!(
            round(&mut turns),
            [("former", Reason::Closed), ("too", Reason::Closed)]
        );
        peer.write_all(b"x").unwrap();
        assert_eq!(round(&mut turns), [("later", Reason::Ready)]);
    }
}

#[test]
fn one_file_in_several_keepers_has_one_line() {
    let _alone = alone();
    let mut turns = Tasks::new();
    let (one, mut other) = UnixStream::pair().unwrap();
    for (name, keeper) in [("a", 1), ("b", 2), ("c", 1)] {
        watch(&mut turns, name, &one, keeper);
    }
    assert_eq!(turns.descriptor_waits(), 3);
    other.write_all(b"x").unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(round(&mut turns), [(name, Reason::Ready)]);
    }
}

#[test]
fn the_kernel_tells_that_a_number_is_another_files() {
    let _alone = alone();
    let mut turns = Tasks::new();
    let (new, mut peer) = UnixStream::pair().unwrap();
    let (one, _other) = UnixStream::pair().unwrap();
    let number = one.as_raw_fd();
    assert!(turns.is_watched(number));
    watch(&mut turns, "former", &one, 1);
    watch(&mut turns, "too", &one, 1);
    assert!(turns.is_watched(number));
    let again = replace(one, &new);
    for (_, call) in waits(&mut turns) {
        assert!(!turns.is_watched(number));
        turns.closed(call);
    }
    assert!(turns.is_watched(number));
    assert_eq!(
        round(&mut turns),
        [("former", Reason::Closed), ("too", Reason::Closed)]
    );
    // The same keeper again: the kernel's former watch for it is not trusted.
    watch(&mut turns, "later", &again, 1);
    peer.write_all(b"x").unwrap();
    assert_eq!(round(&mut turns), [("later", Reason::Ready)]);
}
